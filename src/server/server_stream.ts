import type { Gate, NotGranted, PlayTicket } from "../gate/mod.ts";
import {
  type Hub,
  HubError,
  type Publication,
  type Stream,
  type StreamStatistics,
  UNIT_COST_BYTES,
  unitBytes,
} from "../hub/mod.ts";
import type { CodecName, MediaUnit, Track } from "../media/mod.ts";
import { type CodedFrame, frameBytes, FrameReader } from "../transmux/mod.ts";

/** How a program wants a stream's units. */
export interface UnitsOptions {
  /**
   * The form of H.264 and H.265 access units: NAL units each behind its length in 4 bytes (`length-prefixed`,
   * the default), or behind start codes (`annex-b`). With `as-published` units are not converted at all.
   */
  readonly format?: "length-prefixed" | "annex-b" | "as-published";
  /** Kinds of tracks that are wanted; all by default. */
  readonly tracks?: readonly ("video" | "audio" | "data")[];
  /**
   * How much media may wait for a slow program, in milliseconds, before it is dropped up to the next key
   * frame; 8 MiB at most in any case, as times are the publisher's word. Default 4000.
   */
  readonly maxLagMs?: number;
  /** Ends the stream of units. */
  readonly signal?: AbortSignal;
}

/** A unit whose media is one access unit or audio frame, with what is known of its track. */
export interface StreamUnit extends MediaUnit {
  /** Codec of its track; `undefined` where this library does not know it. */
  readonly codec: CodecName | undefined;
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
  readonly #hub: Hub;
  readonly #gate: Gate;

  /** Made by `Server.stream`. */
  constructor(name: string, from: { readonly hub: Hub; readonly gate: Gate }) {
    this.name = name;
    this.#hub = from.hub;
    this.#gate = from.gate;
  }

  /** Whether someone publishes it now. */
  get isLive(): boolean {
    return this.#hub.get(this.name)?.isLive ?? false;
  }

  /** The tracks that its publisher told beforehand; those of RTMP show in their units alone. */
  get tracks(): readonly Track[] | undefined {
    return this.#hub.get(this.name)?.publication?.tracks;
  }

  /** Statistics of now; `undefined` while nobody publishes or waits for it. */
  get statistics(): StreamStatistics | undefined {
    return this.#hub.get(this.name)?.statistics;
  }

  /**
   * Ends its publisher, who is told `reason` in the words of its protocol; players stay while the stream lingers.
   * Whether there was one.
   */
  unpublish(reason: string): boolean {
    return this.#hub.get(this.name)?.unpublish(reason) ?? false;
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
}

/** Bytes that wait for a slow program. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

/** One program's reading of a stream. */
class UnitReader {
  readonly readable: ReadableStream<StreamUnit>;
  readonly #options: UnitsOptions & { readonly gate: Gate };
  readonly #maxLagUs: number;
  readonly #frames = new FrameReader();
  #controller!: ReadableStreamDefaultController<StreamUnit>;
  #leave: (() => void) | undefined;
  #publication: Publication | undefined;
  #queue: StreamUnit[] = [];
  #waitingBytes = 0;
  /** Dropping until the next key frame. */
  #skipping = false;
  #hasVideo = false;
  #ended = false;

  constructor(stream: Stream, options: UnitsOptions & { readonly gate: Gate }) {
    this.#options = options;
    this.#maxLagUs = (options.maxLagMs ?? 4000) * 1000;
    this.readable = new ReadableStream<StreamUnit>({
      start: (controller) => {
        this.#controller = controller;
        this.#open(stream);
      },
      pull: () => this.#pass(),
      cancel: () => this.#leave?.(),
    }, { highWaterMark: 1 });
  }

  #open(stream: Stream): void {
    const { signal } = this.#options;
    const untap = stream.tap((unit) => this.#take(unit, stream), () => this.#end());
    const onAbort = (): void => this.#end();
    signal?.addEventListener("abort", onAbort);
    let ticket: PlayTicket | undefined;
    this.#leave = () => {
      this.#leave = undefined;
      signal?.removeEventListener("abort", onAbort);
      untap();
      ticket?.end();
    };
    // The server's own players are seen like all others, so that they can be counted and sent away.
    void this.#options.gate.own("program").play({ name: stream.name }).then((answer) => {
      if (!("granted" in answer)) return;
      ticket = answer.granted;
      if (this.#leave === undefined) ticket.end();
      else if (!ticket.start({ onEnded: () => this.#end() })) this.#end();
    });
    if (signal?.aborted) this.#end();
  }

  #take(unit: MediaUnit, stream: Stream): void {
    const { tracks } = this.#options;
    this.#followPublication(stream);
    const units = this.#convert(unit);
    for (const converted of units) {
      if (tracks !== undefined && !tracks.includes(converted.kind)) continue;
      if (converted.kind === "video") this.#hasVideo = true;
      this.#push(converted);
    }
    this.#pass();
  }

  #push(unit: StreamUnit): void {
    if (this.#isLate(unit)) {
      // What comes next needs the headers, the newest of each.
      const headers = this.#queue.filter(({ role }) => role !== "media");
      this.#queue = [...new Map(headers.map((header) => [slotOf(header), header])).values()];
      this.#waitingBytes = this.#queue.reduce((sum, waiting) => sum + costOf(waiting), 0);
      this.#skipping = true;
    }
    if (unit.role === "media" && this.#skipping) {
      const isStart = unit.kind === "video" ? unit.keyFrame : !this.#hasVideo;
      if (!isStart) return;
      this.#skipping = false;
    }
    this.#queue.push(unit);
    this.#waitingBytes += costOf(unit);
  }

  /** Whether what waits, as `unit` comes, is too much. */
  #isLate(unit: StreamUnit): boolean {
    if (this.#waitingBytes > MOST_WAITING_BYTES) return true;
    if (unit.role !== "media") return false;
    const first = this.#queue.find(({ role }) => role === "media");
    return first !== undefined && unit.dtsUs - first.dtsUs > this.#maxLagUs;
  }

  #pass(): void {
    while (this.#queue.length > 0 && (this.#controller.desiredSize ?? 0) > 0) {
      const unit = this.#queue.shift()!;
      this.#waitingBytes -= costOf(unit);
      this.#controller.enqueue(unit);
    }
    if (this.#ended && this.#queue.length === 0) this.#close();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave?.();
    if (this.#options.signal?.aborted) this.#queue = [];
    if (this.#queue.length === 0) this.#close();
  }

  #close(): void {
    try {
      this.#controller.close();
    } catch {
      // It was cancelled, or closed before.
    }
  }

  #followPublication(stream: Stream): void {
    const { publication } = stream;
    if (publication === undefined || publication === this.#publication) return;
    this.#publication = publication;
    if (publication.tracks !== undefined) this.#frames.setTracks(publication.tracks);
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

function costOf(unit: StreamUnit): number {
  return unitBytes(unit) + UNIT_COST_BYTES;
}

function slotOf({ kind, role, track }: StreamUnit): string {
  return `${kind} ${role} ${track}`;
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

/** How a program publishes. */
export interface PublishUnitsOptions {
  /** What `access-unit` payloads are; those of `flv` tell it themselves. */
  readonly tracks?: readonly Track[];
  /** Who publishes, for the conflict policy. */
  readonly identity?: string;
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
  options: PublishUnitsOptions & { readonly name: string },
): Promise<void> {
  const { name, tracks, identity, signal } = options;
  const reader = units.getReader();
  const asked = await gate.own("program").publish({
    name,
    ...(identity === undefined ? {} : { identity }),
  });
  if (!("granted" in asked)) {
    reader.releaseLock();
    throw causeOf(asked);
  }
  const ticket = asked.granted;
  const stop = (): void => void reader.cancel().catch(() => {});
  const started = ticket.start({ ...(tracks === undefined ? {} : { tracks }), onEnded: stop });
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
    reader.releaseLock();
  }
}

/** The server's own publishers are refused by the hub alone. */
function causeOf(answer: NotGranted): Error {
  if ("refused" in answer) return answer.cause ?? new HubError("closed", answer.why);
  return new TypeError("Cannot publish as the gate has not granted it");
}

function configUnit(track: Track): MediaUnit {
  return {
    kind: track.kind,
    role: "config",
    track: track.id,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    payload: { format: "access-unit", data: track.config ?? new Uint8Array(0) },
  };
}
