import type { BandwidthLimit } from "./control_message.ts";

/**
 * How long a peer may leave a full window unacknowledged, milliseconds. One that asks for a limit and then
 * acknowledges too seldom for it, or in numbers of its own (Flash wraps at 2^31), would get nothing more:
 * it is not limited any longer.
 */
const LONGEST_FULL_MS = 2000;

/**
 * How much a peer may be sent that it has not acknowledged, as it asked by Set Peer Bandwidth (RTMP 1.0,
 * 5.4.5).
 *
 * No client or server in wide use asks for more than the dynamic limit, which the specification has
 * ignored where no hard one came before; and some never acknowledge anything. So a limit is kept from the
 * peer's first acknowledgement on, and only as long as others follow.
 */
export class SendWindow {
  #limitBytes = Infinity;
  #isHard = false;
  #acknowledged: number | undefined;
  #isFull = false;
  #fullSinceMs: number | undefined;

  /** Whether {@linkcode room} may say anything but `Infinity`. */
  get isLimited(): boolean {
    return this.#limitBytes !== Infinity && this.#acknowledged !== undefined;
  }

  /** The peer has asked for a limit. */
  limit(bytes: number, limit: BandwidthLimit): void {
    if (limit === "dynamic" && !this.#isHard) return;
    this.#isHard = limit !== "soft";
    this.#limitBytes = this.#isHard ? bytes : Math.min(bytes, this.#limitBytes);
  }

  /** The peer has received so many bytes after the handshake, or with it, modulo 2^32. */
  acknowledge(sequenceNumber: number): void {
    this.#acknowledged = sequenceNumber;
    this.#isFull = false;
    this.#fullSinceMs = undefined;
  }

  /** Bytes that may be sent now, when `sentBytes` have been after the handshake. */
  room(sentBytes: number): number {
    if (this.#limitBytes === Infinity || this.#acknowledged === undefined) return Infinity;
    // Who counts the handshake too (librtmp) is ahead by that.
    const unacknowledged = Math.max(0, (sentBytes - this.#acknowledged) | 0);
    const room = this.#limitBytes - unacknowledged;
    this.#isFull = room <= 0;
    return Math.max(0, room);
  }

  /** Passes time on: a limit that the peer does not keep up with is given up. */
  tick(nowMs: number): void {
    if (!this.#isFull) return;
    this.#fullSinceMs ??= nowMs;
    if (nowMs - this.#fullSinceMs < LONGEST_FULL_MS) return;
    this.#limitBytes = Infinity;
    this.#isHard = false;
    this.#acknowledged = undefined;
    this.#isFull = false;
  }
}
