import { parseOffer, WebRtcError, type WebRtcOffer } from "../../../webrtc/mod.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import type { HttpAnswer } from "../whole_answer.ts";

/** A description of a browser has some 6 KB; the largest of all have 30, with every codec twice. */
const MAX_OFFER_BYTES = 64 * 1024;

/** What a client of WHIP or WHEP has sent: its offer (RFC 9725, 4.2), or the answer that says what is wrong with it. */
export async function offerOf({ request }: StreamVisit): Promise<WebRtcOffer | HttpAnswer> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/sdp\s*(;|$)/i.test(type)) {
    return faultAnswer({
      status: 415,
      code: "body",
      reason: "The body must be an offer: application/sdp",
      headers: { "accept-post": "application/sdp" },
    });
  }
  const text = await bodyText(request, MAX_OFFER_BYTES);
  if (text === undefined) {
    const reason = `The offer has over ${MAX_OFFER_BYTES} bytes`;
    return faultAnswer({ status: 413, code: "body", reason });
  }
  try {
    return parseOffer(text);
  } catch (error) {
    if (!(error instanceof WebRtcError)) throw error;
    const status = error.code === "unsupported-offer" ? 422 : 400;
    return faultAnswer({ status, code: error.code, reason: error.message });
  }
}

/** The text of a body; `undefined` where it is longer than it may be. */
export async function bodyText(request: Request, maxBytes: number): Promise<string | undefined> {
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
