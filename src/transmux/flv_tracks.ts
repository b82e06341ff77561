import {
  AudioPacketType,
  codecOfAudio,
  codecOfVideo,
  FlvError,
  type OnMetaData,
  parseAudioBody,
  parseOnMetaData,
  parseVideoBody,
  VideoPacketType,
} from "../flv/mod.ts";
import type { CodecName, MediaUnit, Track, TrackKind } from "../media/mod.ts";
import { codecRow } from "./codec/table.ts";
import { timingOf, TrackFrames } from "./track_frames.ts";

/**
 * Media time after which nothing more is awaited: what comes later than this behind the first unit was
 * announced and is not there (M072), or was not announced.
 */
export const MAX_PROBE_US = 2_000_000;

/** Tracks that are probed for: FLV's ids have 8 bits in each kind. */
const MAX_TRACKS = 512;

/** What an FLV body shows of one of its tracks. */
interface Seen {
  readonly kind: TrackKind;
  readonly id: number;
  readonly codec: CodecName | undefined;
  readonly isConfig: boolean;
  readonly data: Uint8Array;
  readonly facts: Partial<Track>;
}

/**
 * Learns the tracks of an RTMP stream: of its sequence headers, of the first frames of codecs that have
 * none, or an empty one (MP3, G.711, AC-3), and of `onMetaData`, which tells what is still to be awaited.
 *
 * @example
 * ```ts
 * import { FlvTrackProbe, unitOfFlv } from "@weir/server/transmux";
 *
 * const probe = new FlvTrackProbe();
 * const body = new Uint8Array([0xaf, 0, 0x12, 0x10]);
 * probe.take(unitOfFlv({ kind: "audio", dtsUs: 0, body })!);
 * console.log(probe.tracks[0]?.codec, probe.tracks[0]?.sampleRate, probe.complete); // aac 44100 false
 * ```
 */
export class FlvTrackProbe {
  readonly #tracks = new Map<string, Track>();
  #metadata: OnMetaData | undefined;
  #firstUs: number | undefined;
  #lastUs = 0;
  #complete = false;

  /** The tracks so far, video first, each kind by id; a codec that is not known here is `undefined`. */
  get tracks(): Track[] {
    const all = [...this.#tracks.values()].sort((a, b) => a.id - b.id);
    return [...all.filter(isVideo), ...all.filter((track) => !isVideo(track))];
  }

  /**
   * Whether no more is awaited: every track that `onMetaData` announced is there with its configuration,
   * or audio and video both are, or {@linkcode MAX_PROBE_US} of media time have passed and one is.
   */
  get complete(): boolean {
    this.#complete ||= this.#isComplete();
    return this.#complete;
  }

  /** Takes the stream's next unit; others than of FLV are passed over. */
  take(unit: MediaUnit): void {
    if (unit.payload.format !== "flv") return;
    const { body } = unit.payload;
    if (unit.kind === "data") return this.#takeMetadata(unit, body);
    if (unit.role === "media") {
      this.#firstUs ??= unit.dtsUs;
      this.#lastUs = unit.dtsUs;
      // Frames tell something only before their track is known.
      if (this.complete && this.#hasSettled(unit.kind)) return;
    }
    for (const seen of seenIn(body, unit)) this.#note(seen, unit);
  }

  #takeMetadata(unit: MediaUnit, body: Uint8Array): void {
    if (unit.role !== "metadata") return;
    try {
      this.#metadata = parseOnMetaData(body) ?? this.#metadata;
    } catch (error) {
      if (!(error instanceof FlvError)) throw error;
    }
  }

  #note({ kind, id, codec, isConfig, data, facts }: Seen, unit: MediaUnit): void {
    const key = `${kind}/${id}`;
    const known = this.#tracks.get(key);
    if (known === undefined && this.#tracks.size === MAX_TRACKS) return;
    const track: Track = known?.codec === codec && known !== undefined
      ? known
      : { kind, id, codec, config: undefined };
    const reader = new TrackFrames(track, { afterLoss: "keep" });
    if (isConfig) reader.setConfig(data);
    // Codecs without a sequence header, or with an empty one, are described by their frames.
    else reader.readFlv(data, timingOf(unit));
    this.#tracks.set(key, { ...reader.track, ...facts });
  }

  #isComplete(): boolean {
    const { hasVideo, hasAudio } = this.#metadata ?? {};
    const announced = hasVideo === true || hasAudio === true;
    const awaited = (kind: TrackKind, has: boolean | undefined) =>
      (announced ? has === true : true) && !this.#hasSettled(kind);
    const waits = awaited("video", hasVideo) || awaited("audio", hasAudio);
    const isLate = this.#firstUs !== undefined && this.#lastUs - this.#firstUs >= MAX_PROBE_US;
    return this.#tracks.size > 0 && (!waits || isLate);
  }

  /** Whether there is a track of the kind, with all that its players need. */
  #hasSettled(kind: TrackKind): boolean {
    const tracks = [...this.#tracks.values()].filter((track) => track.kind === kind);
    return tracks.length > 0 && tracks.every(isSettled);
  }
}

function isVideo({ kind }: Track): boolean {
  return kind === "video";
}

/** Whether all is known of a track that players must know before they begin. */
function isSettled({ codec, config, sampleRate }: Track): boolean {
  const row = codecRow(codec);
  if (row?.config?.isNeeded) return config !== undefined;
  const isToldByFrames = row?.kind === "audio" && row.frameFacts !== undefined;
  return !isToldByFrames || sampleRate !== undefined;
}

function seenIn(body: Uint8Array, unit: MediaUnit): Seen[] {
  try {
    return unit.kind === "video" ? videoIn(body, unit) : audioIn(body, unit);
  } catch (error) {
    if (error instanceof FlvError) return [];
    throw error;
  }
}

function videoIn(body: Uint8Array, unit: MediaUnit): Seen[] {
  const parsed = parseVideoBody(body);
  const isConfig = unit.role === "config";
  if (!isConfig && unit.role !== "media") return [];
  const common = { kind: "video", isConfig, facts: {} } as const;
  if (parsed.form === "legacy") {
    return [{ ...common, id: 0, codec: codecOfVideo(parsed.codecId), data: parsed.data }];
  }
  if (parsed.form !== "enhanced" || parsed.packetType === VideoPacketType.Mpeg2TsSequenceStart) {
    return [];
  }
  return parsed.tracks.map(({ trackId, fourCc, data }) => ({
    ...common,
    id: trackId,
    codec: codecOfVideo(fourCc),
    data,
  }));
}

function audioIn(body: Uint8Array, unit: MediaUnit): Seen[] {
  const parsed = parseAudioBody(body);
  const isConfig = unit.role === "config";
  if (!isConfig && unit.role !== "media") return [];
  if (parsed.form === "legacy") {
    const { soundFormat, data } = parsed;
    const codec = codecOfAudio(soundFormat);
    const { flv } = codecRow(codec) ?? {};
    const told = typeof flv === "object" ? flv.soundOfHeader?.(parsed) : undefined;
    return [{ kind: "audio", id: 0, codec, isConfig, data, facts: told ?? {} }];
  }
  const isKnown = parsed.form === "enhanced" &&
    parsed.packetType !== AudioPacketType.MultichannelConfig;
  if (!isKnown) return [];
  return parsed.tracks.map(({ trackId, fourCc, data }) => {
    const codec = codecOfAudio(fourCc);
    return { kind: "audio", id: trackId, codec, isConfig, data, facts: {} };
  });
}
