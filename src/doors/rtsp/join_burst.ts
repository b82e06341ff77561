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
  /** What was before it is to be made something of first: where reports come by another way, it waits a moment. */
  readonly isSettling?: boolean;
}

/** Frames that follow each other. */
export interface RtspStretch {
  readonly bytes: Uint8Array;
  /** How many they are. */
  readonly messages: number;
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

/** The frames of a run of the log. */
export function* framesIn({ bytes, entries }: WireRun): Generator<RtspFrame> {
  for (const { start } of entries) yield frameAt(bytes, start);
}

/** Frames of `bytes`, as views that are as long as can be, up to `most` bytes where they are several frames. */
export function* stretchesOf(
  frames: Iterable<RtspFrame>,
  { bytes, most }: { readonly bytes: Uint8Array; readonly most: number },
): Generator<RtspStretch> {
  let start = 0;
  let end = 0;
  let messages = 0;
  for (const { packet } of frames) {
    const packetAt = packet.byteOffset - bytes.byteOffset;
    const at = packetAt - FRAME_HEADER_BYTES;
    const packetEnd = packetAt + packet.length;
    if (messages > 0 && (at !== end || packetEnd - start > most)) {
      yield { bytes: bytes.subarray(start, end), messages };
      messages = 0;
    }
    if (messages === 0) start = at;
    end = packetEnd;
    messages++;
  }
  if (messages > 0) yield { bytes: bytes.subarray(start, end), messages };
}

/**
 * What a player gets at once when it begins. GStreamer places a track by its newest report and by when its packets
 * come: a report in the middle of what comes at once sets all of that off. So of each track there is none behind its
 * first packet until all that was there before has left.
 *
 * Over UDP reports come by another way. What GStreamer makes of one depends on how much of the burst it has seen by
 * then; and the first reports behind the burst move its tracks by as much as that was long, one after the other, so that
 * what comes in between is placed that far off. So the frames are told apart that are behind the first packet of each
 * track, and those reports and what is behind them: they are to wait a moment.
 */
export class JoinBurst {
  readonly #clock: Clock;
  readonly #begun = new Set<number>();
  #sinceMs = -Infinity;
  /** Whether reports have come since the burst, and what is behind them. */
  #settling: "burst" | "reports" | "settled" = "settled";
  /** The last frame was the first packet of a track. */
  #isBegun = false;

  /** `clock` is the one that the log notes arrivals by. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The player begins, or goes on at a start. */
  begin(): void {
    this.#sinceMs = this.#clock.now();
    this.#begun.clear();
    this.#settling = "burst";
  }

  /** Whether a run ends with what came after the player began, or has nothing else. */
  isOverAfter({ entries }: WireRun): boolean {
    return entries.at(-1)!.arrivedMs > this.#sinceMs;
  }

  /** Whether the player is to have all frames of a run, and none waits. */
  isOverBefore({ entries }: WireRun): boolean {
    return this.#settling === "settled" && entries[0]!.arrivedMs > this.#sinceMs;
  }

  /** The frames of a run that the player is to have. */
  *frames({ bytes, entries }: WireRun): Generator<RtspFrame> {
    for (const { start, arrivedMs } of entries) {
      const frame = frameAt(bytes, start);
      const isOfBurst = arrivedMs <= this.#sinceMs;
      if (isOfBurst && frame.rtcp && this.#begun.has(frame.track)) continue;
      const isSettling = isOfBurst ? this.#isBehindFirst(frame) : this.#isAtFirstReports(frame);
      yield isSettling ? { ...frame, isSettling } : frame;
    }
  }

  /** Whether a frame of the burst is behind the first packet of a track. */
  #isBehindFirst({ track, rtcp }: RtspFrame): boolean {
    const isBehindFirst = this.#isBegun;
    this.#isBegun = !rtcp && !this.#begun.has(track);
    if (!rtcp) this.#begun.add(track);
    return isBehindFirst;
  }

  /** Whether a frame behind the burst is the first report there, or the first packet behind that. */
  #isAtFirstReports({ rtcp }: RtspFrame): boolean {
    if (this.#settling === "burst" && rtcp) this.#settling = "reports";
    else if (this.#settling === "reports" && !rtcp) this.#settling = "settled";
    else return false;
    return true;
  }
}
