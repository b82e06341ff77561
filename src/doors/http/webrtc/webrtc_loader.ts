import type { StreamVisit } from "../http_visit.ts";
import type { WebRtc, WebRtcOptions, WebRtcReach } from "./webrtc.ts";
import type { WebRtcSessions } from "./webrtc_session.ts";
import type { HttpAnswer } from "../whole_answer.ts";

/** What is done with an offer. */
type Begin = (
  visit: StreamVisit,
  options: { readonly webrtc: WebRtc; readonly sessions: WebRtcSessions },
) => Promise<HttpAnswer>;

/** What a server has that plays and publishes by WebRTC. */
export interface WebRtcParts {
  /** What all sessions share. */
  readonly webrtc: WebRtc;
  /** What is done with an offer, by the protocol. */
  readonly begin: Readonly<Record<"whep" | "whip", Begin>>;
}

/** Loads WebRTC, with DTLS and SRTP, where a server has it, as it opens: others have no use for so much. */
export class WebRtcLoader {
  readonly #options: WebRtcOptions & WebRtcReach;
  #parts: Promise<WebRtcParts> | undefined;

  /** Loads nothing yet. */
  constructor(options: WebRtcOptions & WebRtcReach) {
    this.#options = options;
  }

  /** Loads it, once. */
  load(): Promise<WebRtcParts> {
    return this.#parts ??= loadParts(this.#options);
  }

  /** Closes its ports, and opens none any more. */
  async close(): Promise<void> {
    const { webrtc } = await this.load();
    await webrtc.close();
  }
}

async function loadParts(options: WebRtcOptions & WebRtcReach): Promise<WebRtcParts> {
  const [{ WebRtc }, { playWhep }, { publishWhip }] = await Promise.all([
    import("./webrtc.ts"),
    import("./whep_row.ts"),
    import("./whip_row.ts"),
  ]);
  return { webrtc: new WebRtc(options), begin: { whep: playWhep, whip: publishWhip } };
}
