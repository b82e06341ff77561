import type { Clock, WireRun } from "../../hub/mod.ts";
import { FRAME_HEADER_BYTES } from "../../wire/mod.ts";

/** A packet as the log has it. */
export interface RtspFrame {
  /** Index of its track. */
  readonly track: number;
  /** Whether it is RTCP. */
  readonly rtcp: boolean;
  /** The packet, a view of the log. */
  readonly packet: Uint8Array;
}

/** The frame that begins at `at`. */
function frameAt(bytes: Uint8Array, at: number): RtspFrame {
  const channel = bytes[at + 1]!;
  const start = at + FRAME_HEADER_BYTES;
  return {
    track: channel >> 1,
    rtcp: (channel & 1) === 1,
    packet: bytes.subarray(start, start + (bytes[at + 2]! << 8 | bytes[at + 3]!)),
  };
}

/** The frames of a preamble. */
export function* framesOf(bytes: Uint8Array): Generator<RtspFrame> {
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length;) {
    const frame = frameAt(bytes, at);
    yield frame;
    at += FRAME_HEADER_BYTES + frame.packet.length;
  }
}

/**
 * What a player gets at once when it begins. GStreamer places a track by its newest report and by when its packets
 * come: a report in the middle of what comes at once sets all of that off. So of each track there is none behind its
 * first packet until all that was there before has left.
 */
export class JoinBurst {
  readonly #clock: Clock;
  readonly #begun = new Set<number>();
  #sinceMs = -Infinity;

  /** `clock` is the one that the log notes arrivals by. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The player begins, or goes on at a start. */
  begin(): void {
    this.#sinceMs = this.#clock.now();
    this.#begun.clear();
  }

  /** Whether a run ends with what came after the player began, or has nothing else. */
  isOverAfter({ entries }: WireRun): boolean {
    return entries.at(-1)!.arrivedMs > this.#sinceMs;
  }

  /** The frames of a run that the player is to have. */
  *frames({ bytes, entries }: WireRun): Generator<RtspFrame> {
    for (const { start, arrivedMs } of entries) {
      const frame = frameAt(bytes, start);
      const { track, rtcp } = frame;
      if (arrivedMs <= this.#sinceMs) {
        if (rtcp && this.#begun.has(track)) continue;
        if (!rtcp) this.#begun.add(track);
      }
      yield frame;
    }
  }
}
