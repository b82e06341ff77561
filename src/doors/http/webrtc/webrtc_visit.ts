import { parseOffer, WebRtcError, type WebRtcOffer } from "../../../webrtc/mod.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import { type HttpAnswer, isAnswer } from "../whole_answer.ts";

/** A description of a browser has some 6 KB; the largest of all have 30, with every codec twice. */
const MAX_OFFER_BYTES = 64 * 1024;

/** What a client of WHIP or WHEP has sent: its offer (RFC 9725, 4.2), or the answer that says what is wrong with it. */
export async function offerOf(visit: StreamVisit): Promise<WebRtcOffer | HttpAnswer> {
  const type = visit.header("content-type") ?? "";
  if (!/^application\/sdp\s*(;|$)/i.test(type)) {
    return faultAnswer({
      status: 415,
      code: "body",
      reason: "The body must be an offer: application/sdp",
      headers: { "accept-post": "application/sdp" },
    });
  }
  const body = await visit.wholeBody({ maxBytes: MAX_OFFER_BYTES });
  if (isAnswer(body)) return body;
  try {
    return parseOffer(new TextDecoder().decode(body));
  } catch (error) {
    if (!(error instanceof WebRtcError)) throw error;
    const status = error.code === "unsupported-offer" ? 422 : 400;
    return faultAnswer({ status, code: error.code, reason: error.message });
  }
}
