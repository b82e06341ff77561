import {
  type AudioBody,
  AudioPacketType,
  AvcPacketType,
  codecOfAudio,
  codecOfVideo,
  FlvError,
  parseAudioBody,
  parseVideoBody,
  timestampOffsetNs,
  type VideoBody,
  VideoPacketType,
} from "../flv/mod.ts";
import type { CodecName, MediaUnit, Track, TrackKind } from "../media/mod.ts";
import type { CodedFrame, FrameTiming } from "./coded_frame.ts";
import { frameTypeFacts, isKeyFrame } from "./key_frame.ts";
import { type AfterLoss, timingOf, TrackFrames } from "./track_frames.ts";

export type { AfterLoss };

/** Options of a {@linkcode FrameReader}. */
export interface FrameReaderOptions {
  /** The tracks, where they are known; see {@linkcode FrameReader.setTracks}. */
  readonly tracks?: readonly Track[];
  /**
   * What happens to the pictures that depend on one that was lost: they are dropped until the next key
   * frame (the default), or kept. With `pass`, codecs whose decoders conceal losses (H.264, H.265) keep them,
   * and the pictures of which packets are missing too, marked; others drop them.
   */
  readonly afterLoss?: AfterLoss;
}

/** Counts of a {@linkcode FrameReader}. */
export interface FrameReaderStats {
  /** Frames returned. */
  readonly frames: number;
  /** Units, configurations and access units that were incomplete or malformed. */
  readonly broken: number;
  /** Pictures dropped since they depend on one that was lost. */
  readonly dependent: number;
  /** Frames returned of which packets are missing. */
  readonly incomplete: number;
}

/** Tracks of one kind that a reader remembers: FLV's track ids have 8 bits. */
const MAX_TRACKS = 512;

/** One track in an FLV body. */
interface FlvPiece {
  readonly trackId: number;
  readonly codec: CodecName;
  readonly purpose: "config" | "frame";
  readonly data: Uint8Array;
  readonly timing: FrameTiming;
}

/**
 * Makes frames of units, whatever their payload: FLV bodies, RTP packets, access units.
 *
 * Configurations and parameter sets are followed as they come, beside the stream and in band. An access
 * unit of which packets were lost is not returned, nor are the pictures that depend on it, unless `afterLoss`
 * says so.
 *
 * @example
 * ```ts
 * import { FrameReader, unitOfFlv } from "@weir/server/transmux";
 *
 * const reader = new FrameReader();
 * const body = new Uint8Array([0x17, 1, 0, 0, 40, 0, 0, 0, 3, 0x65, 0x88, 0x80]);
 * const [frame] = reader.read(unitOfFlv({ kind: "video", dtsUs: 0, body })!);
 * console.log(frame?.codec, frame?.ptsUs, frame?.parts); // h264 40000 [ Uint8Array(3) [ 101, 136, 128 ] ]
 * ```
 */
export class FrameReader {
  readonly #afterLoss: AfterLoss;
  readonly #readers = new Map<string, TrackFrames>();
  #frames = 0;
  #broken = 0;
  #dependent = 0;
  #incomplete = 0;

  /** Starts before the first unit. */
  constructor(options: FrameReaderOptions = {}) {
    this.#afterLoss = options.afterLoss ?? "drop";
    this.setTracks(options.tracks ?? []);
  }

  /** What was counted so far. */
  get stats(): FrameReaderStats {
    let frames = this.#frames, broken = this.#broken, dependent = this.#dependent;
    let incomplete = this.#incomplete;
    for (const { stats } of this.#readers.values()) {
      frames += stats.frames;
      broken += stats.broken;
      dependent += stats.dependent;
      incomplete += stats.incomplete;
    }
    return { frames, broken, dependent, incomplete };
  }

  /** The tracks, each with its newest configuration; those of FLV appear as they come. */
  get tracks(): readonly Track[] {
    return [...this.#readers.values()].map(({ track }) => track);
  }

  /** The track with this id and its newest configuration. */
  track(kind: TrackKind, id: number): Track | undefined {
    return this.#readers.get(keyOf(kind, id))?.track;
  }

  /** The parameter sets in force of a track of NAL units, in the order in which decoders need them. */
  parameterSets(kind: TrackKind, id: number): readonly Uint8Array[] {
    return this.#readers.get(keyOf(kind, id))?.sets?.units ?? [];
  }

  /**
   * Says which tracks there are, instead of those before; units of RTP packets and access units cannot be
   * read without. What is known of a track whose codec and mapping stay is kept.
   */
  setTracks(tracks: readonly Track[]): void {
    const before = new Map(this.#readers);
    this.#readers.clear();
    for (const track of tracks) {
      const key = keyOf(track.kind, track.id);
      const known = before.get(key);
      if (known !== undefined && isSameSource(known.track, track)) {
        if (track.config !== undefined) known.setConfig(track.config);
        this.#readers.set(key, known);
        before.delete(key);
      } else this.#add(track);
    }
    for (const { stats } of before.values()) this.#keepCounts(stats);
  }

  /** Returns the frames that `unit` completes: mostly one, none for what is no media. */
  read(unit: MediaUnit): CodedFrame[] {
    const { payload } = unit;
    switch (payload.format) {
      case "flv":
        return this.#readFlv(payload.body, unit);
      case "rtp":
        return this.#readers.get(keyOf(unit.kind, unit.track))
          ?.readPackets(payload.packets, unit) ?? [];
      case "access-unit": {
        const reader = this.#readers.get(keyOf(unit.kind, unit.track));
        if (unit.role === "media") {
          return reader?.readAccessUnit(payload.data, timingOf(unit)) ?? [];
        }
        if (unit.role === "config") reader?.setConfig(payload.data);
        return [];
      }
    }
  }

  #readFlv(body: Uint8Array, unit: MediaUnit): CodedFrame[] {
    if (unit.kind === "data") return [];
    return this.#piecesOf(body, unit).flatMap(({ trackId, codec, purpose, data, timing }) => {
      const reader = this.#flvReader(unit.kind, { id: trackId, codec });
      if (purpose === "frame") return reader?.readFlv(data, timing) ?? [];
      reader?.setConfig(data);
      return [];
    });
  }

  #piecesOf(body: Uint8Array, unit: MediaUnit): FlvPiece[] {
    try {
      return unit.kind === "video"
        ? videoPieces(parseVideoBody(body), unit)
        : audioPieces(parseAudioBody(body), unit);
    } catch (error) {
      if (!(error instanceof FlvError)) throw error;
      this.#broken++;
      return [];
    }
  }

  /** RTMP announces no tracks: one begins with its first body, and anew where its codec changes. */
  #flvReader(
    kind: TrackKind,
    { id, codec }: { readonly id: number; readonly codec: CodecName },
  ): TrackFrames | undefined {
    const known = this.#readers.get(keyOf(kind, id));
    if (known?.track.codec === codec) return known;
    if (known !== undefined) this.#keepCounts(known.stats);
    else if (this.#readers.size === MAX_TRACKS) return undefined;
    return this.#add({ kind, id, codec, config: undefined });
  }

  #add(track: Track): TrackFrames {
    const reader = new TrackFrames(track, { afterLoss: this.#afterLoss });
    this.#readers.set(keyOf(track.kind, track.id), reader);
    return reader;
  }

  #keepCounts(stats: FrameReaderStats): void {
    this.#frames += stats.frames;
    this.#broken += stats.broken;
    this.#dependent += stats.dependent;
    this.#incomplete += stats.incomplete;
  }
}

function keyOf(kind: TrackKind, id: number): string {
  return `${kind}/${id}`;
}

function isSameSource(a: Track, b: Track): boolean {
  return a.codec === b.codec && a.rtp?.encodingName === b.rtp?.encodingName &&
    a.rtp?.clockRate === b.rtp?.clockRate;
}

function videoPieces(body: VideoBody, unit: MediaUnit): FlvPiece[] {
  if (body.form === "legacy") {
    const codec = codecOfVideo(body.codecId);
    const { packetType, data } = body;
    if (codec === undefined || packetType === AvcPacketType.EndOfSequence) return [];
    const purpose = packetType === AvcPacketType.SequenceHeader ? "config" : "frame";
    return [{ trackId: 0, codec, purpose, data, timing: timingOf(unit) }];
  }
  if (body.form !== "enhanced") return [];
  const { packetType, frameType } = body;
  const isFrame = packetType === VideoPacketType.CodedFrames ||
    packetType === VideoPacketType.CodedFramesX;
  if (!isFrame && packetType !== VideoPacketType.SequenceStart) return [];
  const dtsUs = unit.dtsUs + offsetUsOf(body);
  return body.tracks.flatMap(({ trackId, fourCc, compositionTimeMs, data }): FlvPiece[] => {
    const codec = codecOfVideo(fourCc);
    if (codec === undefined) return [];
    const timing = {
      dtsUs,
      ptsUs: dtsUs + compositionTimeMs * 1000,
      ...frameTypeFacts(frameType) ??
        { keyFrame: isFrame && isKeyFrame(codec, data), discardable: false },
    };
    return [{ trackId, codec, purpose: isFrame ? "frame" : "config", data, timing }];
  });
}

function audioPieces(body: AudioBody, unit: MediaUnit): FlvPiece[] {
  if (body.form === "legacy") {
    const codec = codecOfAudio(body.soundFormat);
    if (codec === undefined) return [];
    const purpose = unit.role === "config" ? "config" : "frame";
    return [{ trackId: 0, codec, purpose, data: body.data, timing: timingOf(unit) }];
  }
  if (body.form !== "enhanced") return [];
  const isFrame = body.packetType === AudioPacketType.CodedFrames;
  if (!isFrame && body.packetType !== AudioPacketType.SequenceStart) return [];
  const timeUs = unit.dtsUs + offsetUsOf(body);
  const timing = { ...timingOf(unit), dtsUs: timeUs, ptsUs: timeUs };
  return body.tracks.flatMap(({ trackId, fourCc, data }): FlvPiece[] => {
    const codec = codecOfAudio(fourCc);
    if (codec === undefined) return [];
    return [{ trackId, codec, purpose: isFrame ? "frame" : "config", data, timing }];
  });
}

function offsetUsOf(
  { modEx }: { readonly modEx: Parameters<typeof timestampOffsetNs>[0] },
): number {
  return Math.round(timestampOffsetNs(modEx) / 1000);
}
