import type { Gate, NotGranted, PlayTicket } from "../gate/mod.ts";
import {
  type Hub,
  HubError,
  openStreamQueue,
  type Publication,
  type QueuedUnit,
  type Stream,
  type StreamQueue,
  type StreamStatistics,
} from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { type CodecName, configUnit, type MediaUnit, type Track } from "../media/mod.ts";
import { type RecordedStream, recordStream, type RecordStreamOptions } from "../record/mod.ts";
import { within } from "../time/mod.ts";
import { type CodedFrame, frameBytes, FrameReader, type LossPolicy } from "../transmux/mod.ts";
import { systemClock } from "../transport/mod.ts";
import { programBackChannel } from "./program_back_channel.ts";
import {
  type StreamBackChannel,
  type TalkOptions,
  type TalkResult,
  talkTo,
} from "./stream_talk.ts";

/** Options of a program that reads a stream's units. */
export interface UnitsOptions {
  /**
   * The form of H.264 and H.265 access units: NAL units each behind its length in 4 bytes (`length-prefixed`,
   * the default), or behind start codes (`annex-b`). With `as-published` units are not converted at all.
   */
  readonly format?: "length-prefixed" | "annex-b" | "as-published";
  /** Kinds of tracks that are wanted; all by default. */
  readonly tracks?: readonly ("video" | "audio" | "data")[];
  /**
   * How much media may wait for a slow program, in milliseconds, before it is dropped up to a key frame; as
   * many bytes as any reader may lag (`hub.maxLagBytes`) in any case, as times are the publisher's word. By
   * default `hub.maxLagMs`.
   */
  readonly maxLagMs?: number;
  /**
   * What becomes of pictures after a loss of RTP packets, where units are converted: `pass` gives those of H.264 and
   * H.265 with what is whole of them, `key-frame` none up to the next key frame. Default `key-frame`.
   */
  readonly onLoss?: LossPolicy;
  /** Ends the stream of units. */
  readonly signal?: AbortSignal;
}

/** A unit whose media is one access unit or audio frame, with what is known of its track. */
export interface StreamUnit extends MediaUnit {
  /** Codec of its track; `undefined` where this library does not know it. */
  readonly codec: CodecName | undefined;
}

/** The streams of all workers, where those serve. */
export interface StreamsElsewhere {
  /** What is known of a stream. */
  statistics(name: string): StreamStatistics | undefined;
  /** Ends its publisher, or its fallback. */
  unpublish(name: string, reason: string): void;
  /** Drops what is held back of it. */
  dropHeld(name: string): void;
}

/**
 * A stream by name, for programs that look at its media.
 *
 * @example Count the key frames of a stream
 * ```ts
 * import { Server } from "@weir/server";
 *
 * await using server = new Server();
 * const abort = new AbortController();
 * const units = server.stream("live/cam").units({ tracks: ["video"], signal: abort.signal });
 * abort.abort(); // here nobody publishes
 * let keyFrames = 0;
 * for await (const unit of units) if (unit.keyFrame) keyFrames++;
 * console.log(keyFrames); // 0
 * ```
 */
export class ServerStream {
  /** `app/name`. */
  readonly name: string;
  readonly #elsewhere: StreamsElsewhere | undefined;
  readonly #hub: Hub;
  readonly #gate: Gate;
  readonly #log: ServerLog;

  /** Made by `Server.stream`. */
  constructor(
    name: string,
    from: {
      readonly hub: Hub;
      readonly gate: Gate;
      readonly log: ServerLog;
      readonly elsewhere?: StreamsElsewhere | undefined;
    },
  ) {
    this.name = name;
    this.#elsewhere = from.elsewhere;
    this.#hub = from.hub;
    this.#gate = from.gate;
    this.#log = from.log;
  }

  /** Whether players get anything of it now: a publisher's media, what was held back of one, or a fallback's. */
  get isLive(): boolean {
    return this.#hub.get(this.name)?.isLive === true || this.#known?.isLive === true;
  }

  /** The tracks that its publisher told beforehand; those of RTMP show in their units alone. */
  get tracks(): readonly Track[] | undefined {
    return this.#hub.get(this.name)?.publication?.tracks;
  }

  /** How its publisher can be talked to; `undefined` where it cannot, or there is none. */
  get backChannel(): StreamBackChannel | undefined {
    if (this.#elsewhere === undefined) return this.#hub.get(this.name)?.publication?.backChannel;
    return this.statistics?.publisher?.backChannel;
  }

  /**
   * Talks to its publisher: a camera with a loudspeaker, say, that a relay pulls from with `backchannel`. It resolves
   * when all is said, or the signal aborts.
   *
   * What is read are units of sound, each an access unit or RTP packets, or of G.711 also plain bytes. Units are sent
   * when their `dtsUs` says so, bytes 8000 a second, and nothing is read before there is need of it: a file is heard at
   * its own pace. Sound of a source that has paused is heard as it comes.
   *
   * @throws {HubError} (rejects) `no-back-channel` where the publisher cannot be talked to, `back-channel-taken` where
   * somebody talks to it already, `closed` where it has gone meanwhile
   * @throws {RangeError} (rejects) if it does not take the codec
   * @throws {TypeError} (rejects) if bytes are of another codec than G.711
   * @throws {Error} (rejects) what the camera refused with
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   * import { HubError } from "@weir/server/hub";
   *
   * await using server = new Server();
   * const bell = new ReadableStream<Uint8Array>({
   *   pull(controller) {
   *     controller.enqueue(new Uint8Array(8000).fill(0xff)); // one second of silence
   *     controller.close();
   *   },
   * });
   * try {
   *   await server.stream("live/door").talk(bell, { codec: "pcmu" });
   * } catch (error) {
   *   if (!(error instanceof HubError)) throw error;
   *   console.log(error.code); // no-back-channel
   * }
   * ```
   */
  async talk(
    sound: ReadableStream<MediaUnit | Uint8Array>,
    options: TalkOptions,
  ): Promise<TalkResult> {
    const { name } = this;
    const { stream, leave } = await this.#fetched(options.signal);
    try {
      return await talkTo(stream, sound, { ...options, name, clock: systemClock });
    } finally {
      leave();
    }
  }

  /** Statistics of now, of workers up to a second old; `undefined` while nobody publishes or waits for it. */
  get statistics(): StreamStatistics | undefined {
    return this.#elsewhere === undefined ? this.#hub.get(this.name)?.statistics : this.#known;
  }

  /**
   * Ends its publisher, who is told `reason` in the words of its protocol, and drops what is held back of it; players
   * stay while the stream lingers. Where nobody publishes, its fallback is ended. Whether there was either.
   */
  unpublish(reason: string): boolean {
    this.#elsewhere?.unpublish(this.name, reason);
    const isOwn = this.#hub.get(this.name)?.unpublish(reason) ?? false;
    return isOwn || this.#known?.publisher !== undefined || this.#known?.fallback !== undefined;
  }

  /**
   * Drops what is held back of it by a rule's delay, while its publisher goes on: players see nothing, or the fallback,
   * until what comes from now on has been held for as long. Returns how many units that were, of workers as many bytes. To
   * send the publisher away too, `unpublish` it.
   */
  dropHeld(): number {
    const held = this.#known?.held?.bytes ?? 0;
    this.#elsewhere?.dropHeld(this.name);
    return (this.#hub.get(this.name)?.dropHeld() ?? 0) + held;
  }

  /**
   * Writes the stream to a sink as a file of MP4, Matroska, FLV or MPEG-TS, from its newest key frame on, until it ends, its
   * tracks change, another publisher comes, or the signal aborts; then the sink is closed. It waits for a publisher. A
   * sink that is too slow slows nobody: what cannot wait is left out up to a key frame, and counted.
   *
   * Rejects with the sink's reason when that fails.
   *
   * @throws {HubError} (rejects) when there are too many streams
   *
   * @example
   * ```ts ignore
   * import { Server } from "@weir/server";
   *
   * await using server = new Server({ rtmp: { port: 1935 } });
   * await server.listen();
   * const file = await Deno.create("cam.mp4");
   * const { durationMs } = await server.stream("live/cam").record(file.writable);
   * console.log(durationMs);
   * ```
   */
  async record(
    sink: WritableStream<Uint8Array>,
    options: RecordStreamOptions = {},
  ): Promise<RecordedStream> {
    return await recordStream(this.#hub.stream(this.name), sink, {
      ...options,
      clock: systemClock,
      log: this.#log,
      nowUnixMs: Date.now,
    });
  }

  /**
   * The units of the stream from its newest key frame on, whatever its publisher speaks. It waits for a
   * publisher, stays when one returns in time, and ends with the stream. Bytes are shared: read-only.
   *
   * @throws {HubError} when there are too many streams
   */
  units(options: UnitsOptions = {}): ReadableStream<StreamUnit> {
    return new UnitReader(this.#hub.stream(this.name), { ...options, gate: this.#gate }).readable;
  }

  /** What is known of it where workers serve. */
  get #known(): StreamStatistics | undefined {
    return this.#elsewhere?.statistics(this.name);
  }

  /**
   * The stream as this thread has it; one that a worker or another machine has is fetched first, and for as long as
   * `leave` is not called.
   */
  async #fetched(
    signal: AbortSignal | undefined,
  ): Promise<{ readonly stream: Stream | undefined; readonly leave: () => void }> {
    const here = this.#hub.get(this.name);
    const isThere = here?.isLive === true || this.#known?.isLive === true ||
      await this.#gate.placeOf(this.name) !== undefined;
    if (!isThere) return { stream: here, leave: () => {} };
    const stream = this.#hub.stream(this.name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = stream.watch(resolve);
    if (!stream.isLive) {
      signal?.addEventListener("abort", () => resolve(), { once: true });
      await within(promise, { clock: systemClock, ms: FETCH_MS });
    }
    return { stream, leave };
  }
}

/** A stream that a worker or another machine has comes so soon, milliseconds, or is over. */
const FETCH_MS = 5000;

/** One program's reading of a stream. */
class UnitReader {
  readonly readable: ReadableStream<StreamUnit>;
  readonly #options: UnitsOptions & { readonly gate: Gate };
  readonly #units: StreamQueue;
  readonly #frames: FrameReader;
  readonly #onAbort = (): void => this.#stop();
  #ticket: PlayTicket | undefined;
  #publication: Publication | undefined;
  #isCancelled = false;

  constructor(stream: Stream, options: UnitsOptions & { readonly gate: Gate }) {
    this.#options = options;
    const { gate, maxLagMs, tracks, signal, onLoss = "key-frame" } = options;
    this.#frames = new FrameReader({ afterLoss: onLoss === "pass" ? "pass" : "drop" });
    this.#units = openStreamQueue(stream, {
      timeBy: "media",
      onEnd: () => this.#leave(),
      ...(maxLagMs === undefined ? {} : { maxLagMs }),
      ...(tracks === undefined ? {} : { kinds: tracks }),
    });
    signal?.addEventListener("abort", this.#onAbort);
    // What is at another worker or machine is fetched for whoever asks for it.
    if (!stream.isLive) stream.watch(() => {})();
    // The server's own players are seen like all others, so that they can be counted and sent away.
    void gate.own("program").play({ name: stream.name }).then((answer) => {
      if (!("granted" in answer)) return;
      this.#ticket = answer.granted;
      if (this.#units.queue.isEnded) this.#ticket.end();
      else if (!this.#ticket.start({ onEnded: () => this.#leave() })) this.#leave();
    });
    if (signal?.aborted) this.#stop();
    this.readable = new ReadableStream<StreamUnit>({
      pull: (controller) => this.#pull(controller),
      cancel: () => {
        this.#isCancelled = true;
        this.#stop();
      },
    }, { highWaterMark: 1 });
  }

  /** Passes the next unit on, when there is one, or the end. */
  async #pull(controller: ReadableStreamDefaultController<StreamUnit>): Promise<void> {
    const { queue } = this.#units;
    for (;;) {
      const next = queue.next();
      if (next !== undefined) {
        const units = this.#read(next);
        for (const unit of units) controller.enqueue(unit);
        if (units.length > 0) return;
      } else if (queue.isEnded) {
        if (!this.#isCancelled) controller.close();
        return;
      } else await queue.more();
    }
  }

  /** Leaves the stream; what waits is passed on all the same. */
  #leave(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#units.close();
    this.#ticket?.end();
  }

  /** Ends at once. */
  #stop(): void {
    this.#leave();
    this.#units.queue.clear();
  }

  #read({ unit, tag: publication }: QueuedUnit<Publication>): StreamUnit[] {
    const { tracks } = this.#options;
    if (publication !== undefined && publication !== this.#publication) {
      this.#publication = publication;
      if (publication.tracks !== undefined) this.#frames.setTracks(publication.tracks);
    }
    // Headers that are given again after a gap are those of all tracks.
    return this.#convert(unit).filter(({ kind }) => tracks?.includes(kind) ?? true);
  }

  #convert(unit: MediaUnit): StreamUnit[] {
    const { format = "length-prefixed" } = this.#options;
    if (format === "as-published") {
      return [{ ...unit, codec: this.#frames.track(unit.kind, unit.track)?.codec }];
    }
    const frames = this.#frames.read(unit);
    if (unit.role === "media" && unit.kind !== "data") {
      return frames.map((frame) => frameUnit(frame, unit, format === "annex-b"));
    }
    const track = this.#frames.track(unit.kind, unit.track);
    const isConfig = unit.role === "config" && track?.config !== undefined;
    const payload = isConfig
      ? { format: "access-unit", data: track.config! } as const
      : unit.payload;
    return [{ ...unit, payload, codec: track?.codec }];
  }
}

function frameUnit(frame: CodedFrame, unit: MediaUnit, isAnnexB: boolean): StreamUnit {
  const { kind, track, codec, dtsUs, ptsUs, keyFrame } = frame;
  return {
    kind,
    role: "media",
    track,
    dtsUs,
    ptsUs,
    keyFrame,
    discardable: unit.discardable,
    payload: { format: "access-unit", data: frameBytes(frame, { annexB: isAnnexB }) },
    codec,
  };
}

/** Options of a program that publishes. */
export interface PublishUnitsOptions {
  /** The tracks of `access-unit` payloads; those of `flv` describe themselves. */
  readonly tracks?: readonly Track[];
  /** The identity of the publisher, for the conflict policy. */
  readonly identity?: string;
  /**
   * Where the program hears who talks to it, RTSP players and other programs, one at a time: it is given their sound as
   * frames of G.711 µ-law, 8000 octets a second. Default: it cannot be talked to.
   */
  readonly backChannel?: WritableStream<Uint8Array>;
  /** Ends the publication. */
  readonly signal?: AbortSignal;
}

/**
 * Publishes units until they end, the signal aborts, another publisher takes the stream, or this one is sent away.
 *
 * @throws {HubError} when the hub refuses
 */
export async function publishUnits(
  gate: Gate,
  units: ReadableStream<MediaUnit>,
  options: PublishUnitsOptions & { readonly name: string; readonly protocol?: string },
): Promise<void> {
  const { name, tracks, identity, signal, backChannel, protocol = "program" } = options;
  const reader = units.getReader();
  const asked = await gate.own(protocol).publish({
    name,
    ...(identity === undefined ? {} : { identity }),
  });
  if (!("granted" in asked)) {
    reader.releaseLock();
    throw causeOf(asked);
  }
  const ticket = asked.granted;
  let cancelled: Promise<void> | undefined;
  const stop = (): void => void (cancelled ??= reader.cancel().catch(() => {}));
  const started = ticket.start({
    ...(tracks === undefined ? {} : { tracks }),
    ...(backChannel === undefined ? {} : { backChannel: programBackChannel(backChannel) }),
    onEnded: stop,
  });
  if (!("granted" in started)) {
    ticket.end({ clean: false, reason: "refused", message: "The hub has refused" });
    reader.releaseLock();
    throw causeOf(started);
  }
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    for (const track of tracks ?? []) ticket.write(configUnit(track));
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      ticket.write(value);
      ticket.commit();
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    ticket.end({ clean: true, reason: "unpublished", message: "The program has ended its stream" });
    // What the units come from may still be closing: a file that is being read.
    await cancelled;
    reader.releaseLock();
  }
}

/** The server's own publishers are refused by the hub alone. */
function causeOf(answer: NotGranted): Error {
  if ("refused" in answer) return answer.cause ?? new HubError("closed", answer.why);
  return new TypeError("Cannot publish as the gate has not granted it");
}
