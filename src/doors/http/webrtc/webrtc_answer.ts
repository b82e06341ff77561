import {
  type AnsweredMedia,
  formatAnswer,
  type OfferedMedia,
  type WebRtcOffer,
} from "../../../webrtc/mod.ts";
import { ServerError } from "../../../transport/mod.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import { random, type WebRtc } from "./webrtc.ts";
import type { WebRtcLink } from "./webrtc_link.ts";
import { type SessionRole, WebRtcSession, type WebRtcSessions } from "./webrtc_session.ts";
import { type HttpAnswer, WholeAnswer } from "../whole_answer.ts";

/** A session that has begun, and the answer that tells of it. */
export interface BegunSession {
  readonly session: WebRtcSession;
  readonly answer: HttpAnswer;
}

/** Begins a session: its transport waits for the client, and the answer tells where. */
export async function beginSession(
  visit: StreamVisit,
  options: {
    readonly webrtc: WebRtc;
    readonly sessions: WebRtcSessions;
    readonly offer: WebRtcOffer;
    readonly media: ReadonlyMap<OfferedMedia, AnsweredMedia>;
    readonly headers: Readonly<Record<string, string>>;
    /** Is called last before it begins, when nothing else can fail: with the answer that says why it does not. */
    readonly start?: () => Promise<HttpAnswer | undefined>;
    readonly role: (link: WebRtcLink) => SessionRole;
  },
): Promise<BegunSession | HttpAnswer> {
  const { webrtc, sessions, offer, media, headers, start, role } = options;
  const { remoteAddress } = visit.guest;
  if (!webrtc.makeRoom(remoteAddress)) {
    const reason = "Too many sessions of WebRTC are not connected yet";
    return faultAnswer({ status: 503, code: "full", reason, headers: { "retry-after": "5" } });
  }
  let begun;
  let candidates;
  try {
    begun = await webrtc.link(offer, { remoteAddress, clock: visit.shell.clock });
    candidates = await webrtc.candidates(begun.link, {
      host: visit.url.hostname,
      remoteAddress,
    });
  } catch (error) {
    if (begun !== undefined) await webrtc.release(begun.link);
    if (!(error instanceof ServerError)) throw error;
    return faultAnswer({ status: 503, code: error.code, reason: error.message });
  }
  const { link, credentials } = begun;
  if (candidates.length === 0) {
    await webrtc.release(link);
    const reason = "No address is known at which WebRTC can be reached";
    return faultAnswer({ status: 503, code: "address", reason });
  }
  const sdp = formatAnswer(offer, {
    sessionId: String(randomU32()),
    ice: credentials,
    candidates,
    fingerprint: webrtc.fingerprint,
    media,
  });
  let isRefused = true;
  try {
    const refused = await start?.();
    if (refused !== undefined) return refused;
    isRefused = false;
  } finally {
    if (isRefused) await webrtc.release(link);
  }
  const id = webrtc.idPrefix + random(16).toHex();
  const [first, { chosen }] = offer.media.flatMap((one) => {
    const answered = media.get(one);
    return answered === undefined ? [] : [[one, answered] as const];
  })[0]!;
  const { kind, protocol, mid } = first;
  const session = new WebRtcSession(visit, {
    webrtc,
    sessions,
    link,
    fragment: offer.iceFragment,
    role: role(link),
    media: { kind, protocol, mid, payloadType: chosen.format.payloadType },
    id,
  });
  const path = visit.url.pathname.replace(/\/+$/, "");
  return {
    session,
    answer: new WholeAnswer(sdp, {
      status: 201,
      headers: {
        "content-type": "application/sdp",
        "cache-control": "no-store",
        location: `${path}/${id}`,
        etag: session.tag,
        "accept-patch": "application/trickle-ice-sdpfrag",
        ...headers,
      },
    }),
  };
}

/** A random number of 32 bits. */
export function randomU32(): number {
  const bytes = random(4);
  return new DataView(bytes.buffer).getUint32(0);
}
