import {
  type CodecName,
  DtsEstimator,
  type MediaUnit,
  type RtpMapping,
  type Track,
  type UnitRole,
} from "../media/mod.ts";
import type { AlignedTrack, RtpPacket } from "../rtp/mod.ts";
import { codecRow } from "./codec/table.ts";
import { ParameterSets } from "./parameter_sets.ts";
import { type PayloadPeek, payloadPeekOf } from "./payload_peek.ts";
import { configFacts, trackWithConfig } from "./track_config.ts";
import { UnitBudget } from "./unit_budget.ts";

/** Bytes of packets in one access unit: a key frame of 8K at 1 Gb/s, as the depacketisers allow. */
export const MAX_UNIT_BYTES: number = 8 * 1024 * 1024;

/** Packets in one access unit: 8 MiB in packets of 1 KiB. */
export const MAX_UNIT_PACKETS = 8192;

/**
 * Between the first decoding times of a stream that reorders pictures and does not tell its frame rate;
 * short, so that the deepest reordering, of 16, takes less than a second.
 */
const UNKNOWN_FRAME_US = 20_000;

/**
 * Silence after which a picture has ended that no marker ends, in milliseconds: shorter than a frame of 4 a
 * second, and longer than packets of one picture are apart.
 */
const SILENCE_MS = 200;

const NO_UNITS: readonly MediaUnit[] = [];

/** What an {@linkcode RtpTrackIngest} is made of. */
export interface RtpTrackIngestOptions {
  /** The track, as the publisher announced it: one of `tracksOfSdp`. */
  readonly track: Track;
  /** The track's place on the stream's timeline. */
  readonly time: AlignedTrack;
  /** The budget that it shares with the other tracks of its publisher; one of its own by default. */
  readonly budget?: UnitBudget;
}

/** Counts of an {@linkcode RtpTrackIngest}. */
export interface RtpTrackIngestStats {
  /** Units returned, configurations left out. */
  readonly units: number;
  /**
   * Access units dropped since they passed {@linkcode MAX_UNIT_BYTES}, {@linkcode MAX_UNIT_PACKETS} or the
   * budget.
   */
  readonly dropped: number;
  /** Packets passed over since their payload type is not the track's. */
  readonly foreignPackets: number;
}

/** The access unit whose packets are being gathered. */
interface OpenUnit {
  readonly timestamp: number;
  readonly ssrc: number;
  readonly ptsUs: number;
  /** Whether a packet of its picture had the marker bit. */
  isMarked: boolean;
}

/**
 * Makes units of the packets of one track of an RTSP publisher: one an access unit, with the packets as
 * they came. It looks into payloads no further than to find key frames and parameter sets, so that what
 * is only forwarded costs little, whatever its codec.
 *
 * Where a picture ends is decided here, once for all that comes after: with the marker bit, where the
 * timestamp changes, or in silence. FLIR's M400 never sets the marker; some encoders set it on each slice
 * of a picture, which the first picture of one slice is held for until what comes behind it shows it. Audio
 * has one unit a packet. Packets come in order, from an `RtpReceiver`.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket, TrackAligner } from "@weir/server/rtp";
 * import { parseSdp } from "@weir/server/sdp";
 * import { RtpTrackIngest, tracksOfSdp } from "@weir/server/transmux";
 *
 * const [track] = tracksOfSdp(parseSdp("v=0\ns=cam\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n"));
 * const time = new TrackAligner().addTrack({ clockRate: track!.rtp!.clockRate });
 * const ingest = new RtpTrackIngest({ track: track!, time });
 * console.log(ingest.header().map(({ role }) => role)); // [ "config" ]
 *
 * const bytes = buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 90000,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0x65, 0x88, 0x80]),
 * });
 * const units = [...ingest.push(parseRtpPacket(bytes), 0), ...ingest.flush()];
 * console.log(units[0]?.keyFrame); // true
 * ```
 */
export class RtpTrackIngest {
  readonly #time: AlignedTrack;
  readonly #budget: UnitBudget;
  readonly #rtp: RtpMapping | undefined;
  readonly #sets: ParameterSets | undefined;
  readonly #peek: PayloadPeek;
  #track: Track;
  #dts: DtsEstimator;
  #open: OpenUnit | undefined;
  /** The unit that a marker has ended, until one of another time begins. */
  #ended: OpenUnit | undefined;
  /** Whether a marker ends a picture; `undefined` until pictures of this source have shown it. */
  #markerEnds: boolean | undefined;
  #lastArrivalMs = 0;
  #packets: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes of the buffers that the packets are views of; and how many packets have bytes of their own. */
  #heldBytes = 0;
  #lastBuffer: ArrayBufferLike | undefined;
  #copied = 0;
  #overflowed = false;
  #setsChanged = false;
  #lastDtsUs = 0;
  #units = 0;
  #dropped = 0;
  #foreignPackets = 0;

  /** Starts before the first packet. */
  constructor({ track, time, budget }: RtpTrackIngestOptions) {
    this.#track = track;
    this.#time = time;
    this.#budget = budget ?? new UnitBudget();
    this.#rtp = track.rtp;
    const { codec, config, rtp } = track;
    const row = codecRow(codec);
    const sets = row?.nal && new ParameterSets(row.nal, config);
    this.#sets = sets;
    this.#peek = payloadPeekOf(row, {
      ...(rtp === undefined ? {} : { rtp }),
      onParameterSet: (unit) => this.#setsChanged = sets?.take(unit) || this.#setsChanged,
    });
    this.#dts = estimatorOf(codec, config);
  }

  /** The track with the newest configuration: the announced one, or one that came in band. */
  get track(): Track {
    return this.#track;
  }

  /** What was counted so far. */
  get stats(): RtpTrackIngestStats {
    return { units: this.#units, dropped: this.#dropped, foreignPackets: this.#foreignPackets };
  }

  /**
   * The units that come before all others: the configuration, as far as it is known. A video track has
   * one in any case, if need be without data, so that others can tell that there is video.
   */
  header(): MediaUnit[] {
    const { kind, config } = this.#track;
    if (config === undefined && kind !== "video") return [];
    return [this.#configUnit(0)];
  }

  /**
   * Takes the next packet in order, which came at `arrivalMs` on the caller's clock; returns the units
   * that it completes, mostly none or one, with a `config` unit before one whose parameter sets are new.
   */
  push(packet: RtpPacket, arrivalMs: number): MediaUnit[] {
    if (this.#isForeign(packet)) {
      this.#foreignPackets++;
      return [];
    }
    const units: MediaUnit[] = [];
    const { timestamp, ssrc, payload } = packet;
    this.#lastArrivalMs = arrivalMs;
    if (payload.length > 0) {
      if (this.#open !== undefined && this.#isNext(this.#open, packet)) this.#close(units);
      if (this.#open === undefined) this.#noteRest(packet);
      this.#open ??= {
        timestamp,
        ssrc,
        ptsUs: Math.max(0, this.#time.timeUs(timestamp, arrivalMs)),
        isMarked: false,
      };
      this.#peek.take(payload);
    }
    // A packet without payload (RFC 6263) goes with the unit beside it: players count it too.
    this.#keep(packet.bytes);
    if (this.#open !== undefined && this.#ends(this.#open, packet)) this.#close(units);
    return units;
  }

  /**
   * Says that a packet of another track has come: a picture that is held although it had the marker ends,
   * since senders put nothing between the slices of one.
   */
  passOver(): readonly MediaUnit[] {
    const isHeld = this.#markerEnds === undefined && this.#open?.isMarked === true;
    return isHeld ? this.flush() : NO_UNITS;
  }

  /**
   * Passes time on, on the clock of arrivals: ends a picture behind which nothing comes, where no marker is
   * to be expected.
   */
  tick(nowMs: number): MediaUnit[] {
    const open = this.#open;
    if (open === undefined || nowMs - this.#lastArrivalMs < SILENCE_MS) return [];
    const { hasPicture, isCut } = this.#peek.facts;
    if (!hasPicture || isCut || (this.#markerEnds === true && !open.isMarked)) return [];
    return this.flush();
  }

  /** Ends the access unit at hand: the source stopped, or began anew. */
  flush(): MediaUnit[] {
    const units: MediaUnit[] = [];
    if (this.#open !== undefined) this.#close(units);
    return units;
  }

  /** The source began anew: what is at hand ends, and times are estimated afresh. */
  restart(): MediaUnit[] {
    const units = this.flush();
    this.#markerEnds = undefined;
    this.#ended = undefined;
    this.#dts = estimatorOf(this.#track.codec, this.#track.config);
    return units;
  }

  /**
   * Whether a packet has another payload type than the track: a media section may announce several, such as telephone
   * events.
   */
  #isForeign(packet: RtpPacket): boolean {
    const rtp = this.#rtp;
    return rtp !== undefined && rtp.encodingName !== "" &&
      packet.payloadType !== rtp.payloadType;
  }

  /** Whether a packet is of another unit than the open one. */
  #isNext(open: OpenUnit, packet: RtpPacket): boolean {
    const isOther = !isOfUnit(packet, open);
    if (!open.isMarked) return isOther;
    if (!isOther && this.#peek.continues(packet.payload)) {
      this.#markerEnds = false;
      return false;
    }
    this.#markerEnds ??= true;
    return true;
  }

  /** Learns from a packet that belongs to a picture which a marker has ended: markers do not end pictures here. */
  #noteRest(packet: RtpPacket): void {
    const ended = this.#ended;
    if (ended === undefined) return;
    if (!isOfUnit(packet, ended)) this.#ended = undefined;
    else if (this.#peek.continues(packet.payload)) this.#markerEnds = false;
  }

  #ends(open: OpenUnit, packet: RtpPacket): boolean {
    if (this.#track.kind === "audio") return true;
    const { hasPicture, isOneSlice } = this.#peek.facts;
    // Some cameras set the marker on parameter sets too, which belong to the picture behind them.
    if (!packet.marker || !(hasPicture || this.#overflowed)) return false;
    open.isMarked = true;
    // A marker behind several slices, and not behind the first, shows that this publisher ends pictures with it.
    if (!isOneSlice) this.#markerEnds ??= true;
    if (this.#markerEnds !== true) return false;
    this.#ended = open;
    return true;
  }

  #keep(bytes: Uint8Array): void {
    if (this.#overflowed) return;
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_UNIT_BYTES || this.#packets.length === MAX_UNIT_PACKETS) {
      this.#overflow();
      return;
    }
    this.#packets.push(bytes);
    if (bytes.buffer === this.#lastBuffer) return;
    this.#lastBuffer = bytes.buffer;
    this.#hold(this.#heldBytes + bytes.buffer.byteLength);
    if (this.#heldBytes <= MAX_UNIT_BYTES && !this.#budget.isExceeded) return;
    // A small packet that is a view of a large buffer would keep all of the buffer in memory, and so is copied.
    for (; this.#copied < this.#packets.length; this.#copied++) {
      this.#packets[this.#copied] = this.#packets[this.#copied]!.slice();
    }
    this.#hold(this.#bytes);
    this.#lastBuffer = undefined;
    if (this.#budget.isExceeded) this.#overflow();
  }

  #overflow(): void {
    this.#overflowed = true;
    this.#packets = [];
    this.#forgetBuffers();
  }

  #hold(bytes: number): void {
    this.#budget.change(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }

  #forgetBuffers(): void {
    this.#hold(0);
    this.#lastBuffer = undefined;
    this.#copied = 0;
  }

  #close(units: MediaUnit[]): void {
    const { ptsUs } = this.#open!;
    const { keyFrame, discardable } = this.#peek.facts;
    if (this.#setsChanged) this.#takeSets(units);
    if (this.#overflowed) this.#dropped++;
    else {
      const isVideo = this.#track.kind === "video";
      const dtsUs = isVideo ? this.#dts.next(ptsUs) : ptsUs;
      this.#lastDtsUs = Math.max(this.#lastDtsUs, dtsUs);
      this.#units++;
      units.push({
        ...this.#unit("media", this.#lastDtsUs),
        // Sound is presented in the order in which it is decoded.
        ptsUs: isVideo ? ptsUs : this.#lastDtsUs,
        keyFrame: isVideo ? keyFrame : true,
        discardable: isVideo ? discardable : true,
        payload: { format: "rtp", packets: this.#packets },
      });
    }
    this.#open = undefined;
    this.#packets = [];
    this.#bytes = 0;
    this.#forgetBuffers();
    this.#overflowed = false;
    this.#peek.reset();
  }

  #takeSets(units: MediaUnit[]): void {
    this.#setsChanged = false;
    const config = this.#sets?.config;
    if (config === undefined || config === this.#track.config) return;
    const depth = configFacts(this.#track.codec, config).reorderDepth ?? 0;
    if (depth > this.#dts.reorderDepth) this.#dts = estimatorOf(this.#track.codec, config);
    this.#track = trackWithConfig(this.#track, config);
    units.push(this.#configUnit(this.#lastDtsUs));
  }

  #configUnit(timeUs: number): MediaUnit {
    const data = this.#track.config ?? new Uint8Array(0);
    return { ...this.#unit("config", timeUs), payload: { format: "access-unit", data } };
  }

  #unit(role: UnitRole, dtsUs: number): Omit<MediaUnit, "payload"> {
    const { kind, id } = this.#track;
    return { kind, role, track: id, dtsUs, ptsUs: dtsUs, keyFrame: false, discardable: false };
  }
}

function isOfUnit({ timestamp, ssrc }: RtpPacket, unit: OpenUnit): boolean {
  return timestamp === unit.timestamp && ssrc === unit.ssrc;
}

function estimatorOf(codec: CodecName | undefined, config: Uint8Array | undefined): DtsEstimator {
  if (config === undefined) return new DtsEstimator();
  const { reorderDepth = 0, frameRate } = configFacts(codec, config);
  return new DtsEstimator({
    reorderDepth,
    frameDurationUs: frameRate === undefined ? UNKNOWN_FRAME_US : 1_000_000 / frameRate,
  });
}
