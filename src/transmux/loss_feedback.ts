import {
  fullIntraRequest,
  genericNack,
  pictureLossIndication,
  type RtcpPacket,
  type RtpReceiver,
} from "../rtp/mod.ts";

/** A packet that was asked for, and does not come, is asked for again after so long, milliseconds. */
const ASK_AGAIN_MS = 100;

/** The least time between two requests for a key frame, milliseconds: encoders need that long to send one. */
const KEY_FRAME_MS = 1000;

/**
 * What a publisher is asked for where packets of a track are lost, as far as its description allows it by
 * `a=rtcp-fb` (RFC 4585, RFC 5104): the packets again, as long as they are waited for, and then a key frame.
 */
export class LossFeedback {
  readonly #ssrc: number;
  readonly #mayNack: boolean;
  readonly #keyFrameBy: "pli" | "fir" | undefined;
  /** When each packet that is missing was asked for. */
  #asked = new Map<number, number>();
  #isKeyFrameDue = false;
  #keyFrameAskedMs = -Infinity;
  #keyFrameRequests = 0;

  /** `feedback` are the values of `a=rtcp-fb`, without the payload type; `ssrc` is the receiver's own. */
  constructor(feedback: readonly string[], ssrc: number) {
    this.#ssrc = ssrc;
    this.#mayNack = feedback.includes("nack");
    this.#keyFrameBy = feedback.includes("nack pli")
      ? "pli"
      : feedback.includes("ccm fir")
      ? "fir"
      : undefined;
  }

  /** Packets of the track are lost, and not waited for any more. */
  lose(): void {
    this.#isKeyFrameDue = this.#keyFrameBy !== undefined;
  }

  /** Returns the requests that are due now; nearly always none. */
  requests({ ssrc: mediaSsrc, missing }: RtpReceiver, nowMs: number): RtcpPacket[] {
    if (mediaSsrc === undefined) return [];
    const sources = { ssrc: this.#ssrc, mediaSsrc };
    const requests: RtcpPacket[] = [];
    const wanted = this.#mayNack ? this.#wanted(missing, nowMs) : [];
    if (wanted.length > 0) requests.push(genericNack(sources, wanted));
    if (this.#isKeyFrameDue && nowMs - this.#keyFrameAskedMs >= KEY_FRAME_MS) {
      this.#isKeyFrameDue = false;
      this.#keyFrameAskedMs = nowMs;
      requests.push(
        this.#keyFrameBy === "pli"
          ? pictureLossIndication(sources)
          : fullIntraRequest(sources, this.#keyFrameRequests++),
      );
    }
    return requests;
  }

  #wanted(missing: readonly number[], nowMs: number): number[] {
    if (missing.length === 0 && this.#asked.size === 0) return [];
    const asked = new Map<number, number>();
    const wanted: number[] = [];
    for (const number of missing) {
      const before = this.#asked.get(number);
      const isDue = before === undefined || nowMs - before >= ASK_AGAIN_MS;
      if (isDue) wanted.push(number);
      asked.set(number, isDue ? nowMs : before);
    }
    this.#asked = asked;
    return wanted;
  }
}
