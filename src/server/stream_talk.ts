import { type Clock, HubError, type Stream, type Talk } from "../hub/mod.ts";
import type { CodecName, MediaUnit, Track } from "../media/mod.ts";
import { pause } from "../time/mod.ts";
import { isG711 } from "../transmux/mod.ts";

/** Options of a program that talks to who publishes a stream. */
export interface TalkOptions {
  /** The codec of what is said: one that the back channel takes. */
  readonly codec: CodecName;
  /** Samples a second, where the back channel takes the codec with several rates. Default: 8000 of G.711, else its first. */
  readonly sampleRate?: number;
  /** Ends what is said. */
  readonly signal?: AbortSignal;
}

/** What was said. */
export interface TalkResult {
  /** Units that were sent. */
  readonly units: number;
}

/** How a stream's publisher can be talked to. */
export interface StreamBackChannel {
  /** The forms of sound that it takes, the one that it likes best first. */
  readonly formats: readonly Track[];
  /** Whether somebody talks to it now. */
  readonly isTaken: boolean;
}

/** What is said goes out this much before it is due, so that a timer that is late leaves no gap. */
const LEAD_MS = 40;

/** A source that is later than this has paused: what it says then is for now, and is not hurried after. */
const MOST_LATE_MS = 500;

/** Octets of G.711 in a packet: 20 ms (RFC 3551, 4.2). */
const FRAME_BYTES = 160;

/** Talks to who publishes a stream, at the pace of the sound's own times. */
export async function talkTo(
  stream: Stream | undefined,
  sound: ReadableStream<MediaUnit | Uint8Array>,
  options: TalkOptions & { readonly name: string; readonly clock: Clock },
): Promise<TalkResult> {
  const { name, codec, sampleRate, clock, signal } = options;
  const { backChannel } = stream?.publication ?? {};
  if (backChannel === undefined) {
    const why = stream?.isLive ? "its publisher has no back channel" : "nobody publishes it";
    throw new HubError("no-back-channel", `Cannot talk to ${name} as ${why}`);
  }
  const format = formatOf(backChannel.formats, { codec, sampleRate });
  if (format === undefined) {
    const asked = nameOf(codec, sampleRate);
    const known = backChannel.formats.map((one) => nameOf(one.codec, one.rtp?.clockRate));
    throw new RangeError(
      `Cannot talk to ${name} as it takes ${known.join(", ")}: current value is ${asked}`,
    );
  }
  const end = new AbortController();
  const talk = await backChannel.take({
    onEnded: (why) => end.abort(new HubError("closed", `Cannot talk to ${name} any more: ${why}`)),
  });
  const stop = AbortSignal.any(signal === undefined ? [end.signal] : [end.signal, signal]);
  const said = new PacedTalk(talk, { format, clock, signal: stop });
  try {
    await sound.pipeTo(
      new WritableStream({ write: (chunk) => said.write(chunk), close: () => said.finish() }),
      { signal: stop },
    );
  } catch (error) {
    // Who has it ended knows why.
    if (end.signal.aborted || !signal?.aborted) throw error;
  } finally {
    talk.close();
  }
  return { units: talk.statistics.units };
}

function formatOf(
  formats: readonly Track[],
  { codec, sampleRate }: { readonly codec: CodecName; readonly sampleRate: number | undefined },
): Track | undefined {
  const fit = formats.filter((one) =>
    one.codec === codec && (sampleRate === undefined || one.rtp?.clockRate === sampleRate)
  );
  return fit.find(isG711) ?? fit[0];
}

function nameOf(codec: CodecName | undefined, sampleRate: number | undefined): string {
  return `${codec ?? "another codec"}${sampleRate === undefined ? "" : `/${sampleRate}`}`;
}

/** Says units when they are due. */
class PacedTalk {
  readonly #talk: Talk;
  readonly #format: Track;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** The moment of time 0 of what is said, on the clock; `undefined` before the first unit. */
  #zeroMs: number | undefined;
  #lastUs = -Infinity;
  /** Octets that are not a whole frame yet, and when the next frame begins. */
  #rest = new Uint8Array(0);
  #nextUs = 0;

  constructor(
    talk: Talk,
    options: { readonly format: Track; readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#talk = talk;
    this.#format = options.format;
    this.#clock = options.clock;
    this.#signal = options.signal;
  }

  /** Resolves when the next may be given. */
  async write(chunk: MediaUnit | Uint8Array): Promise<void> {
    if (chunk instanceof Uint8Array) return await this.#writeBytes(chunk);
    if (chunk.role !== "media" || chunk.kind !== "audio") return;
    if (chunk.payload.format === "flv") {
      throw new TypeError("Cannot talk with the bodies of RTMP: give access units, or RTP packets");
    }
    await this.#say(chunk);
  }

  /** Says what is left. */
  async finish(): Promise<void> {
    if (this.#rest.length > 0) await this.#sayFrame(this.#rest);
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    if (!isG711(this.#format)) {
      const { codec } = this.#format;
      throw new TypeError(`Cannot cut bytes of ${codec} into frames: give units`);
    }
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let at = 0;
    for (; at + FRAME_BYTES <= all.length; at += FRAME_BYTES) {
      await this.#sayFrame(all.subarray(at, at + FRAME_BYTES));
    }
    this.#rest = all.slice(at);
  }

  async #sayFrame(data: Uint8Array): Promise<void> {
    if (this.#zeroMs !== undefined) {
      // Sound that comes after a pause begins when it comes.
      const lateMs = this.#clock.now() - this.#zeroMs - this.#nextUs / 1000;
      if (lateMs > MOST_LATE_MS) this.#nextUs += Math.round(lateMs * 1000);
    }
    const timeUs = this.#nextUs;
    this.#nextUs += Math.round(data.length * 125);
    await this.#say({
      kind: "audio",
      role: "media",
      track: 0,
      dtsUs: timeUs,
      ptsUs: timeUs,
      keyFrame: true,
      discardable: false,
      payload: { format: "access-unit", data },
    });
  }

  async #say(unit: MediaUnit): Promise<void> {
    await this.#untilDue(unit.dtsUs);
    await this.#talk.write({ ...unit, track: this.#format.id });
  }

  /** Waits until what is of `timeUs` is due; a time that goes back, or is late, begins anew. */
  async #untilDue(timeUs: number): Promise<void> {
    const nowMs = this.#clock.now();
    const dueMs = this.#zeroMs === undefined ? nowMs : this.#zeroMs + timeUs / 1000;
    const isAnew = this.#zeroMs === undefined || timeUs < this.#lastUs ||
      nowMs - dueMs > MOST_LATE_MS;
    if (isAnew) this.#zeroMs = nowMs - timeUs / 1000;
    this.#lastUs = timeUs;
    const waitMs = isAnew ? 0 : dueMs - nowMs - LEAD_MS;
    if (waitMs > 0) await this.#sleep(waitMs);
  }

  /** Waits, or throws why nothing more is heard. */
  async #sleep(ms: number): Promise<void> {
    await pause(ms, { clock: this.#clock, signal: this.#signal });
    this.#signal.throwIfAborted();
  }
}
