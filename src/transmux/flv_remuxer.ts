import { equals } from "@std/bytes/equals";
import { buildOnMetaData, fourCcOfCodec, trackAudioBody, trackVideoBody } from "../flv/mod.ts";
import { MediaError, type MediaUnit, type Track, type TrackKind } from "../media/mod.ts";
import type { CodedFrame } from "./coded_frame.ts";
import type { FlvForm } from "./codec/codec.ts";
import { codecRow } from "./codec/table.ts";
import type { FlvBody } from "./flv_unit.ts";
import { FrameReader } from "./frame_reader.ts";
import { EMPTY_METADATA, metadataOfTracks } from "./track_metadata.ts";
import type { UnsupportedTrack } from "./unsupported_track.ts";

/** Counts of an {@linkcode FlvRemuxer}. */
export interface FlvRemuxerStats {
  /** Bodies returned. */
  readonly bodies: number;
  /** Frames that were malformed, whose configuration is not known, or that FLV cannot carry. */
  readonly dropped: number;
  /** Pictures of which packets are missing, among those returned. */
  readonly incomplete: number;
}

/**
 * What becomes of pictures after a loss of RTP packets.
 *
 * - `pass`: those of codecs whose decoders conceal losses (H.264, H.265) go on, with what is whole of a picture;
 *   others as with `key-frame`.
 * - `key-frame`: what is not whole is dropped, and all that depends on it, up to the next key frame.
 */
export type LossPolicy = "key-frame" | "pass";

/** Options of an {@linkcode FlvRemuxer}. */
export interface FlvRemuxerOptions {
  /** What becomes of pictures after a loss; `pass` by default. */
  readonly onLoss?: LossPolicy;
  /**
   * Whether the second track of a kind, and further ones, are written too, as multitrack bodies of Enhanced RTMP
   * v2 with their place as track id. Off by default: players that know none would take them for the first.
   */
  readonly multitrack?: boolean;
}

/** A track that FLV has a place for, and the configuration that players were told. */
interface OutputTrack {
  readonly kind: "video" | "audio";
  readonly id: number;
  readonly form: FlvForm;
  /** Which of the tracks of its kind it is, from 0: the track id that multitrack bodies have. */
  readonly place: number;
  told: Uint8Array | undefined;
}

/** Track ids have 8 bits. */
const MAX_TRACK_ID = 255;

/** Milliseconds between presentation and decoding time that FLV's 24 signed bits hold. */
const MAX_COMPOSITION_US = 0x7fffff * 1000;

/**
 * Makes FLV bodies of units: once for all RTMP players of a stream.
 *
 * Units of FLV pass as they are. Others become legacy bodies of AVC, AAC, MP3 and G.711, and Enhanced
 * RTMP of H.265, AV1, VP8, VP9, Opus, AC-3, E-AC-3 and FLAC: first `onMetaData` and the sequence headers
 * known, later a sequence header whenever a configuration is new. Of several tracks of a kind the first
 * one is carried, as players without multitrack expect it, or with `multitrack` all that have a FourCC.
 *
 * @example
 * ```ts
 * import { FlvRemuxer } from "@weir/server/transmux";
 *
 * const remuxer = new FlvRemuxer();
 * remuxer.setTracks([{ kind: "audio", id: 0, codec: "pcma", config: undefined }]);
 * const bodies = remuxer.remux({
 *   kind: "audio",
 *   role: "media",
 *   track: 0,
 *   dtsUs: 20_000,
 *   ptsUs: 20_000,
 *   keyFrame: true,
 *   discardable: true,
 *   payload: { format: "access-unit", data: new Uint8Array(160) },
 * });
 * console.log(bodies.map(({ kind }) => kind)); // [ "data", "audio" ]
 * ```
 */
export class FlvRemuxer {
  readonly #reader: FrameReader;
  readonly #multitrack: boolean;
  #outputs: OutputTrack[] = [];
  #unsupported: UnsupportedTrack[] = [];
  #headersDue = false;
  #bodies = 0;
  #dropped = 0;

  /** Knows no tracks yet. */
  constructor({ onLoss = "pass", multitrack = false }: FlvRemuxerOptions = {}) {
    this.#multitrack = multitrack;
    this.#reader = new FrameReader({ afterLoss: onLoss === "pass" ? "pass" : "drop" });
  }

  /** The tracks that are left out, each once; it grows where frames show it. */
  get unsupported(): readonly UnsupportedTrack[] {
    return this.#unsupported;
  }

  /** Whether units of a track, which are not of FLV, become bodies. */
  carries(kind: TrackKind, id: number): boolean {
    return this.#outputOf(kind, id) !== undefined;
  }

  /** What is known of a track by now: its frames may have shown more than what was told. */
  track(kind: TrackKind, id: number): Track | undefined {
    return this.#reader.track(kind, id);
  }

  /** What was counted so far. */
  get stats(): FlvRemuxerStats {
    const { broken, incomplete } = this.#reader.stats;
    return { bodies: this.#bodies, dropped: this.#dropped + broken, incomplete };
  }

  /** Says which tracks there are, instead of those before; the headers are due again. */
  setTracks(tracks: readonly Track[]): void {
    this.#reader.setTracks(tracks);
    this.#outputs = [];
    this.#unsupported = [];
    this.#headersDue = true;
    for (const track of tracks) {
      const form = this.#formOf(track);
      if (typeof form === "string") this.#unsupported.push({ track, reason: form });
      else if (track.kind !== "data") {
        const { kind, id } = track;
        this.#outputs.push({ kind, id, form, place: this.#placeOf(kind), told: undefined });
      }
    }
  }

  /**
   * What a player needs before its first body, at the time `dtsUs`: `onMetaData`, and the sequence headers
   * as far as configurations are known. {@linkcode FlvRemuxer.remux} does not repeat it.
   */
  headers(dtsUs: number): FlvBody[] {
    this.#headersDue = false;
    const tracks = this.#carried();
    const bodies: FlvBody[] = [{
      kind: "data",
      dtsUs,
      body: buildOnMetaData(metadataOfTracks(tracks)),
    }];
    for (const output of this.#outputs) {
      output.told = undefined;
      bodies.push(...this.#sequenceHeader(output, dtsUs));
    }
    return bodies;
  }

  /** Makes the bodies of one unit, in order. */
  remux(unit: MediaUnit): FlvBody[] {
    const bodies = unit.payload.format === "flv"
      ? passed(unit, unit.payload.body)
      : this.#convert(unit);
    this.#bodies += bodies.length;
    return bodies;
  }

  #convert(unit: MediaUnit): FlvBody[] {
    const output = this.#outputOf(unit.kind, unit.track);
    if (output === undefined) return [];
    const frames = this.#reader.read(unit);
    const bodies = this.#headersDue ? this.headers(unit.dtsUs) : [];
    bodies.push(...this.#sequenceHeader(output, unit.dtsUs));
    for (const frame of frames) bodies.push(...this.#body(frame, output));
    return bodies;
  }

  #body(frame: CodedFrame, output: OutputTrack): FlvBody[] {
    const track = this.#reader.track(output.kind, output.id)!;
    const isUnannounced = output.form.sequenceHeader !== undefined && output.told === undefined;
    const isTooFar = Math.abs(frame.ptsUs - frame.dtsUs) > MAX_COMPOSITION_US;
    if (isUnannounced || isTooFar || !this.#isCarried(frame, output)) {
      this.#dropped++;
      return [];
    }
    try {
      const body = placed(output.form.frame(frame, track), output);
      return [{ kind: output.kind, dtsUs: frame.dtsUs, body }];
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#dropped++;
      return [];
    }
  }

  #isCarried(frame: CodedFrame, output: OutputTrack): boolean {
    const reason = output.form.whyNotFrame?.(frame);
    if (reason === undefined) return true;
    const track = this.#reader.track(output.kind, output.id)!;
    this.#outputs = this.#outputs.filter((other) => other !== output);
    this.#unsupported.push({ track, reason });
    return false;
  }

  /** The track's sequence header, where players have not been told its configuration. */
  #sequenceHeader(output: OutputTrack, dtsUs: number): FlvBody[] {
    const { config } = this.#reader.track(output.kind, output.id) ?? {};
    const { sequenceHeader } = output.form;
    if (config === undefined || sequenceHeader === undefined || config === output.told) return [];
    output.told = config;
    try {
      return [{ kind: output.kind, dtsUs, body: placed(sequenceHeader(config), output) }];
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      output.told = undefined;
      return [];
    }
  }

  #outputOf(kind: MediaUnit["kind"], id: number): OutputTrack | undefined {
    return this.#outputs.find((output) => output.kind === kind && output.id === id);
  }

  /** How FLV carries a track, or why it does not. */
  #formOf(track: Track): FlvForm | string {
    const { kind, codec } = track;
    if (kind === "data") return "FLV has no place for its data";
    const form = codecRow(codec)?.flv ?? "its codec is not known";
    if (typeof form === "string") return form;
    return form.whyNotTrack?.(track) ?? this.#whyNotBeside(track, kind) ?? form;
  }

  #placeOf(kind: TrackKind): number {
    return this.#outputs.filter((output) => output.kind === kind).length;
  }

  /** Why a track is not carried beside those before it. */
  #whyNotBeside({ codec }: Track, kind: TrackKind): string | undefined {
    const place = this.#placeOf(kind);
    if (place === 0) return undefined;
    if (!this.#multitrack) return `FLV carries one ${kind} track here: another comes first`;
    if (place > MAX_TRACK_ID) return `FLV has ids for ${MAX_TRACK_ID + 1} ${kind} tracks`;
    return fourCcOfCodec(codec!) === undefined
      ? `another ${kind} track comes first, and FLV has no FourCC for ${codec}, as those behind it need`
      : undefined;
  }

  #carried(): Track[] {
    return this.#outputs.map(({ kind, id }) => this.#reader.track(kind, id)!);
  }
}

/**
 * A body of the first track of its kind is left as it is; one of a further track becomes a multitrack body with the
 * track's id.
 */
function placed(body: Uint8Array, { kind, place }: OutputTrack): Uint8Array {
  if (place === 0) return body;
  return (kind === "video" ? trackVideoBody : trackAudioBody)(body, place)!;
}

/** A body as it is; metadata that tells nothing is not for players. */
function passed({ kind, dtsUs }: MediaUnit, body: Uint8Array): FlvBody[] {
  return kind === "data" && equals(body, EMPTY_METADATA) ? [] : [{ kind, dtsUs, body }];
}
