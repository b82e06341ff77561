import { equals } from "@std/bytes/equals";
import { MediaError, type MediaUnit, type NalLengthSize, type Track } from "../media/mod.ts";
import {
  type AccessUnit,
  createDepacketizer,
  type Depacketizer,
  parseRtpPacket,
  RtpError,
  type RtpPacket,
  sequenceDistance,
  timestampDistance,
  usFromTicks,
} from "../rtp/mod.ts";
import type { Codec, FrameFacts } from "./codec/codec.ts";
import { isParameterSet } from "./codec/nal_rules.ts";
import { codecRow } from "./codec/table.ts";
import type { CodedFrame, FrameTiming } from "./coded_frame.ts";
import { ParameterSets } from "./parameter_sets.ts";
import { trackWithConfig } from "./track_config.ts";

/** When a unit of RTP packets is, by its timestamp. */
interface UnitTiming extends FrameTiming {
  readonly timestamp: number;
}

/** What happens to pictures after a loss; see `FrameReaderOptions`. */
export type AfterLoss = "drop" | "keep" | "pass";

/** Options of a {@linkcode TrackFrames}. */
export interface TrackFramesOptions {
  /** What happens to pictures that depend on a lost one. */
  readonly afterLoss: AfterLoss;
}

/** Makes frames of the units of one track, and remembers what that takes. */
export class TrackFrames {
  readonly #dropAfterLoss: boolean;
  /** Whether pictures of which packets are missing are frames too. */
  readonly #keepsIncomplete: boolean;
  readonly #codec: Codec | undefined;
  readonly #sets: ParameterSets | undefined;
  #track: Track;
  #lengthSize: NalLengthSize = 4;
  #depacketizer: Depacketizer | undefined;
  /** The two newest units of packets: one that lost its marker completes only with the next one. */
  #timings: UnitTiming[] = [];
  /** Audio: whether a frame has already told the sample rate and the channels. */
  #knowsSound = false;
  /** Audio: the decoding time of the newest frame, microseconds. */
  #newestUs = -1;
  #last: { readonly ssrc: number; readonly sequenceNumber: number } | undefined;
  #waitsForKeyFrame = false;
  /** Whether a unit had the marker bit: one without has then lost its last packet. */
  #usesMarkers = false;
  #frames = 0;
  #broken = 0;
  #dependent = 0;
  #incomplete = 0;

  /** Starts before the first unit of `track`. */
  constructor(track: Track, options: TrackFramesOptions) {
    this.#track = track.config === undefined ? track : trackWithConfig(track, track.config);
    const { afterLoss } = options;
    this.#codec = codecRow(track.codec);
    const { nal } = this.#codec ?? {};
    if (nal !== undefined) this.#sets = new ParameterSets(nal, track.config);
    this.#keepsIncomplete = afterLoss === "pass" && nal !== undefined;
    this.#dropAfterLoss = afterLoss !== "keep" && !this.#keepsIncomplete;
    this.#depacketizer = depacketizerOf(track, { keepIncomplete: this.#keepsIncomplete });
    if (track.config !== undefined) this.setConfig(track.config);
  }

  /** The track with its newest configuration. */
  get track(): Track {
    return this.#track;
  }

  /** The parameter sets in force, of H.264 and H.265. */
  get sets(): ParameterSets | undefined {
    return this.#sets;
  }

  /**
   * What was counted: frames returned, those of them that are incomplete, access units dropped since they are
   * malformed or incomplete, and dropped behind these.
   */
  get stats(): {
    readonly frames: number;
    readonly broken: number;
    readonly dependent: number;
    readonly incomplete: number;
  } {
    const dropped = this.#depacketizer?.dropped ?? 0;
    return {
      frames: this.#frames,
      broken: this.#broken + dropped,
      dependent: this.#dependent,
      incomplete: this.#incomplete,
    };
  }

  /** Takes a configuration in the codec's ISO form; one that cannot be read is counted and passed over. */
  setConfig(config: Uint8Array): void {
    if (config.length === 0) return;
    const { nal, config: form } = this.#codec ?? {};
    if (nal === undefined) {
      const { ofHeader } = form ?? {};
      return this.#keepConfig(ofHeader ? this.#attempt(() => ofHeader(config)) : config);
    }
    if (!this.#sets!.replace(config)) {
      this.#broken++;
      return;
    }
    this.#lengthSize = nal.parseConfig(config).lengthSize;
    this.#keepConfig(this.#sets!.config);
  }

  /** Reads the packets of one access unit. */
  readPackets(packets: readonly Uint8Array[], unit: MediaUnit): CodedFrame[] {
    const depacketizer = this.#depacketizer;
    if (depacketizer === undefined) return [];
    const parsed = packets.flatMap((bytes) => this.#attempt(() => parseRtpPacket(bytes)) ?? []);
    this.#broken += packets.length - parsed.length;
    // Packets without payload may be of another time than the picture that they came with.
    const first = parsed.find(({ payload }) => payload.length > 0);
    if (first !== undefined) this.#remember({ ...timingOf(unit), timestamp: first.timestamp });
    const frames: CodedFrame[] = [];
    for (const packet of parsed) {
      this.#noteGap(packet);
      const dropped = depacketizer.dropped;
      const complete = depacketizer.push(packet);
      if (depacketizer.dropped > dropped) this.#lose();
      this.#addFrames(complete, frames);
    }
    const isMarked = parsed.some(({ marker }) => marker);
    this.#usesMarkers ||= isMarked;
    // Who made the unit has decided where the picture ends, so it is complete with its last packet.
    if (parsed.length > 0 && (isMarked || !this.#usesMarkers || this.#keepsIncomplete)) {
      const dropped = depacketizer.dropped;
      this.#addFrames(depacketizer.end(), frames);
      if (depacketizer.dropped > dropped) this.#lose();
    }
    return frames;
  }

  #addFrames(accessUnits: readonly AccessUnit[], frames: CodedFrame[]): void {
    for (const accessUnit of accessUnits) {
      const frame = this.#frame(accessUnit.parts, this.#timingOf(accessUnit));
      if (frame === undefined) continue;
      if (accessUnit.isIncomplete) this.#incomplete++;
      frames.push(accessUnit.isIncomplete ? { ...frame, isIncomplete: true } : frame);
    }
  }

  /** Reads the bytes of one frame, as an FLV body carries them. */
  readFlv(data: Uint8Array, timing: FrameTiming): CodedFrame[] {
    const { flv } = this.#codec ?? {};
    const split = typeof flv === "object" ? flv.split : undefined;
    if (split === undefined) return this.#read(data, timing, this.#lengthSize);
    return split(data).flatMap((one) =>
      this.#frame([one.data], {
        ...timing,
        dtsUs: timing.dtsUs + one.offsetUs,
        ptsUs: timing.ptsUs + one.offsetUs,
      }) ?? []
    );
  }

  /** Reads the bytes of one access unit. */
  readAccessUnit(data: Uint8Array, timing: FrameTiming): CodedFrame[] {
    return this.#read(data, timing, undefined);
  }

  #read(
    data: Uint8Array,
    timing: FrameTiming,
    lengthSize: NalLengthSize | undefined,
  ): CodedFrame[] {
    const codec = this.#codec;
    if (codec === undefined || data.length === 0) return [];
    const parts = codec.split ? this.#attempt(() => codec.split!(data, { lengthSize })) : [data];
    if (parts === undefined) {
      this.#broken++;
      this.#lose();
      return [];
    }
    const frame = this.#frame(parts, timing);
    return frame === undefined ? [] : [frame];
  }

  #frame(parts: readonly Uint8Array[], timing: FrameTiming): CodedFrame | undefined {
    const { kind, id, codec } = this.#track;
    if (codec === undefined) return undefined;
    let { keyFrame, discardable } = timing;
    const { nal, frameFacts } = this.#codec ?? {};
    if (nal !== undefined) {
      for (const part of parts) if (isParameterSet(nal, part)) this.#takeSet(part);
      const info = nal.inspect(parts);
      if (!info.hasPicture) return undefined;
      keyFrame ||= info.keyFrame;
      discardable ||= info.discardable;
    } else if (frameFacts !== undefined && (kind === "video" ? keyFrame : !this.#knowsSound)) {
      const facts = this.#attempt(() => frameFacts(parts));
      this.#knowsSound = facts !== undefined;
      if (facts !== undefined) this.#learn(facts);
    }
    if (kind === "video" && !this.#mayPass(keyFrame)) return undefined;
    this.#frames++;
    const { dtsUs, ptsUs } = timing;
    return { kind, track: id, codec, dtsUs, ptsUs, keyFrame, discardable, parts };
  }

  #mayPass(keyFrame: boolean): boolean {
    if (keyFrame) this.#waitsForKeyFrame = false;
    if (this.#waitsForKeyFrame) this.#dependent++;
    return !this.#waitsForKeyFrame;
  }

  #takeSet(unit: Uint8Array): void {
    if (this.#sets!.take(unit)) this.#keepConfig(this.#sets!.config);
  }

  #learn({ config, ...facts }: FrameFacts): void {
    // A configuration from the publisher is kept, since it may hold more than frames tell, such as colours.
    const isNewest = this.#codec?.config?.isInFrames === true;
    if (isNewest || this.#track.config === undefined) this.#keepConfig(config);
    const track: Track = { ...this.#track, ...facts };
    const { width, height, sampleRate, channels } = this.#track;
    const isSame = track.width === width && track.height === height &&
      track.sampleRate === sampleRate && track.channels === channels;
    if (!isSame) this.#track = track;
  }

  #keepConfig(config: Uint8Array | undefined): void {
    const known = this.#track.config;
    if (config === undefined || (known !== undefined && equals(known, config))) return;
    this.#track = trackWithConfig(this.#track, config);
  }

  #noteGap({ ssrc, sequenceNumber }: RtpPacket): void {
    const last = this.#last;
    this.#last = { ssrc, sequenceNumber };
    if (last === undefined) return;
    const follows = last.ssrc === ssrc &&
      sequenceDistance(last.sequenceNumber, sequenceNumber) === 1;
    // A picture whose packets are all missing leaves no trace in the packets around it.
    if (!follows) this.#lose();
  }

  #lose(): void {
    if (this.#dropAfterLoss && this.#track.kind === "video") this.#waitsForKeyFrame = true;
  }

  #remember(timing: UnitTiming): void {
    const last = this.#timings.at(-1);
    // Times that go back belong to another stream.
    if (last !== undefined && timing.dtsUs < last.dtsUs) this.#newestUs = -1;
    this.#timings = last === undefined ? [timing] : [last, timing];
  }

  /** Several frames of one packet follow each other by their timestamps. */
  #timingOf({ timestamp }: AccessUnit): FrameTiming {
    const newest = this.#timings.at(-1)!;
    const unit = this.#timings.find((timing) => timing.timestamp === timestamp) ?? newest;
    const ticks = timestampDistance(unit.timestamp, timestamp);
    const offsetUs = usFromTicks(ticks, this.#track.rtp!.clockRate);
    const timing = timingOf(unit);
    if (this.#track.kind === "video") {
      return { ...timing, dtsUs: unit.dtsUs + offsetUs, ptsUs: unit.ptsUs + offsetUs };
    }
    // Times of a track may run slower than its frames last, so that the last frames of a packet would overlap the next.
    this.#newestUs = Math.max(this.#newestUs + 1, unit.dtsUs + offsetUs);
    return { ...timing, dtsUs: this.#newestUs, ptsUs: this.#newestUs };
  }

  /** Runs what reads a peer's bytes; `undefined` where they cannot be read. */
  #attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (error instanceof MediaError || error instanceof RtpError) return undefined;
      throw error;
    }
  }
}

function depacketizerOf(
  { rtp, codec }: Track,
  options: { readonly keepIncomplete: boolean },
): Depacketizer | undefined {
  if (rtp === undefined || codec === undefined) return undefined;
  try {
    return createDepacketizer(rtp, { ...options, endsAtMarker: false });
  } catch (error) {
    // A configuration that cannot be read: its packets are still forwarded.
    if (error instanceof RtpError) return undefined;
    throw error;
  }
}

/** The times and flags of a unit, and nothing else of it. */
export function timingOf({ dtsUs, ptsUs, keyFrame, discardable }: FrameTiming): FrameTiming {
  return { dtsUs, ptsUs, keyFrame, discardable };
}
