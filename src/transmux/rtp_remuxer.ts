import type { MediaUnit, RtpMapping, Track } from "../media/mod.ts";
import {
  createPacketizer,
  DEFAULT_MAX_PAYLOAD_SIZE,
  type Packetizer,
  RTP_HEADER_SIZE,
  RtpError,
  rtpTimestamp,
  ticksFromUs,
  usFromTicks,
} from "../rtp/mod.ts";
import type { CodedFrame } from "./coded_frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { isDelimiter } from "./codec/nal_rules.ts";
import { codecRow } from "./codec/table.ts";
import { rtpMappingOf } from "./rtp_mapping.ts";

/** The content of a packet that is to be built: what `RtpSender.build` takes, and its track. */
export interface RtpPayloadPacket {
  /** Index of its track. */
  readonly track: number;
  /** Timestamp in ticks of the track's clock, 0 to 2^32 - 1: that of its unit's presentation time. */
  readonly timestamp: number;
  /** The marker bit. */
  readonly marker: boolean;
  /** The payload; it may share memory with its unit. */
  readonly payload: Uint8Array;
}

/** A publisher's packet, to be forwarded with its header rewritten: what `RtpSender.forward` takes. */
export interface RtpForwardedPacket {
  /** Index of its track. */
  readonly track: number;
  /** The publisher's own timestamp, which begins at a random number. */
  readonly timestamp: number;
  /** The whole packet. */
  readonly packet: Uint8Array;
}

/** What an {@linkcode RtpRemuxer} makes. */
export type RtpOutputPacket = RtpPayloadPacket | RtpForwardedPacket;

/** Options of an {@linkcode RtpRemuxer}. */
export interface RtpRemuxerOptions {
  /** Largest payload in bytes; `DEFAULT_MAX_PAYLOAD_SIZE` of the packetisers by default. */
  readonly maxPayloadSize?: number;
  /**
   * Which of a publisher's packets are forwarded untouched: `all` (the default), or those of a track for as long as
   * they `fit` players that take nothing larger than `maxPayloadSize`, and that need the parameter sets of H.264 and
   * H.265 in front of each key frame. The others are cut anew.
   */
  readonly forward?: "all" | "fit";
}

/** Counts of an {@linkcode RtpRemuxer}. */
export interface RtpRemuxerStats {
  /** Packets made or forwarded. */
  readonly packets: number;
  /** Frames that were malformed, or that their payload format cannot carry. */
  readonly dropped: number;
}

/** What a packet of audio and each frame in it begins with, at most. */
const MOST_AUDIO_HEADER_BYTES = 2;

/** Times of RTMP are whole milliseconds, of which two are compared. */
const ROUNDING_US = 1500;

interface OutputTrack {
  readonly index: number;
  readonly rtp: RtpMapping;
  readonly packetizer: Packetizer | undefined;
  readonly maxPayloadSize: number;
  /** The largest packet that is forwarded; all are where it is not set. */
  readonly maxForwarded: number | undefined;
  /** Whether a packet did not fit: from then on all units of the track are cut anew. */
  isCutAnew: boolean;
}

/**
 * Makes RTP packets of units: once for all players of a stream.
 *
 * Packets are forwarded untouched, whatever their codec, unless `forward` says otherwise. FLV bodies and access units are cut into
 * packets; a key frame of H.264 or H.265 gets the parameter sets in force in front where it has none.
 *
 * @example
 * ```ts
 * import { RtpRemuxer, sdpOfTracks, unitOfFlv } from "@weir/server/transmux";
 *
 * const { tracks } = sdpOfTracks([{ kind: "audio", id: 0, codec: "pcma", config: undefined }]);
 * const remuxer = new RtpRemuxer(tracks);
 * const body = new Uint8Array(161).fill(0x72, 0, 1);
 * const [packet] = remuxer.remux(unitOfFlv({ kind: "audio", dtsUs: 1_000_000, body })!);
 * console.log(packet?.timestamp); // 8000
 * ```
 */
export class RtpRemuxer {
  readonly #reader: FrameReader;
  readonly #outputs = new Map<string, OutputTrack>();
  #packets = 0;
  #dropped = 0;

  /** `tracks` are those of `sdpOfTracks`; units of others make no packets. */
  constructor(tracks: readonly Track[], options: RtpRemuxerOptions = {}) {
    const afterLoss = options.forward === "fit" ? "pass" : "drop";
    this.#reader = new FrameReader({ tracks, afterLoss });
    for (const [index, track] of tracks.entries()) {
      const rtp = track.rtp ?? rtpMappingOf(track, index);
      if (typeof rtp === "string") continue;
      const { maxPayloadSize = DEFAULT_MAX_PAYLOAD_SIZE } = options;
      this.#outputs.set(`${track.kind}/${track.id}`, {
        index,
        rtp,
        packetizer: packetizerOf(rtp, options),
        maxPayloadSize,
        maxForwarded: options.forward === "fit" ? RTP_HEADER_SIZE + maxPayloadSize : undefined,
        isCutAnew: false,
      });
    }
  }

  /** What was counted so far. */
  get stats(): RtpRemuxerStats {
    return { packets: this.#packets, dropped: this.#dropped + this.#reader.stats.broken };
  }

  /** Makes the packets of one unit, in order; none for a configuration, which only is remembered. */
  remux(unit: MediaUnit): RtpOutputPacket[] {
    const packets = unit.payload.format === "rtp"
      ? this.#ofPackets(unit.payload.packets, unit)
      : this.#reader.read(unit).flatMap((frame) => this.#packetize(frame));
    this.#packets += packets.length;
    return packets;
  }

  /** Whether one packet may hold the frames of a unit and of those behind it: see {@linkcode RtpRemuxer.remuxJoined}. */
  joins({ kind, track, role, payload }: MediaUnit): boolean {
    return role === "media" && payload.format !== "rtp" &&
      this.#outputs.get(`${kind}/${track}`)?.packetizer?.frameTicks !== undefined;
  }

  /** Makes the packets of units that follow each other: frames that do without a pause share one, as far as it has room. */
  remuxJoined(units: readonly MediaUnit[]): RtpOutputPacket[] {
    const joined: CodedFrame[] = [];
    for (const frame of units.flatMap((unit) => this.#reader.read(unit))) {
      const last = joined.at(-1);
      if (last !== undefined && this.#isJoined(last, frame)) {
        joined[joined.length - 1] = { ...last, parts: [...last.parts, ...frame.parts] };
      } else joined.push(frame);
    }
    const packets = joined.flatMap((frame) => this.#packetize(frame));
    this.#packets += packets.length;
    return packets;
  }

  /** Whether a frame fits in the packet of others, whose time alone is told there. */
  #isJoined(first: CodedFrame, next: CodedFrame): boolean {
    const { kind, track, ptsUs, parts } = first;
    if (next.kind !== kind || next.track !== track) return false;
    const { rtp, packetizer, maxPayloadSize } = this.#outputs.get(`${kind}/${track}`) ?? {};
    if (packetizer?.frameTicks === undefined) return false;
    const dueUs = ptsUs + usFromTicks(parts.length * packetizer.frameTicks, rtp!.clockRate);
    let bytes = MOST_AUDIO_HEADER_BYTES;
    for (const { length } of [...parts, ...next.parts]) bytes += length + MOST_AUDIO_HEADER_BYTES;
    return Math.abs(next.ptsUs - dueUs) <= ROUNDING_US && bytes <= maxPayloadSize!;
  }

  #ofPackets(packets: readonly Uint8Array[], unit: MediaUnit): RtpOutputPacket[] {
    const output = this.#outputs.get(`${unit.kind}/${unit.track}`);
    if (output === undefined) return [];
    const { maxForwarded, packetizer } = output;
    if (maxForwarded === undefined || packetizer === undefined) {
      return this.#forward(packets, output);
    }
    // The reader follows all units, so that it can begin at any of them.
    const frames = this.#reader.read(unit);
    output.isCutAnew ||= packets.some(({ length }) => length > maxForwarded) ||
      frames.some((frame) => this.#partsOf(frame) !== frame.parts);
    return output.isCutAnew
      ? frames.flatMap((frame) => this.#packetize(frame))
      : this.#forward(packets, output);
  }

  #forward(packets: readonly Uint8Array[], output: OutputTrack): RtpForwardedPacket[] {
    const track = output.index;
    return packets.map((packet) => ({ track, timestamp: rtpTimestamp(packet), packet }));
  }

  #packetize(frame: CodedFrame): RtpPayloadPacket[] {
    const output = this.#outputs.get(`${frame.kind}/${frame.track}`);
    if (output?.packetizer === undefined) return [];
    const timestamp = ticksFromUs(frame.ptsUs, output.rtp.clockRate) >>> 0;
    try {
      const payloads = output.packetizer.packetize({ timestamp, parts: this.#partsOf(frame) });
      return payloads.map((payload) => ({ track: output.index, ...payload }));
    } catch (error) {
      if (!(error instanceof RtpError)) throw error;
      this.#dropped++;
      return [];
    }
  }

  /** Players that join late have the sets of the description only, and these may be old. */
  #partsOf({ kind, track, codec, keyFrame, parts }: CodedFrame): readonly Uint8Array[] {
    const nal = keyFrame ? codecRow(codec)?.nal : undefined;
    if (nal === undefined) return parts;
    const present = new Set(parts.map(nal.typeOf));
    const missing = nal.setTypes.filter((type) => !present.has(type));
    if (missing.length === 0) return parts;
    const sets = this.#reader.parameterSets(kind, track);
    const added = sets.filter((unit) => missing.includes(nal.typeOf(unit)));
    const start = parts.length > 0 && isDelimiter(nal, parts[0]!) ? 1 : 0;
    return [...parts.slice(0, start), ...added, ...parts.slice(start)];
  }
}

function packetizerOf(rtp: RtpMapping, options: RtpRemuxerOptions): Packetizer | undefined {
  try {
    return createPacketizer(rtp, options);
  } catch (error) {
    if (error instanceof RtpError) return undefined;
    throw error;
  }
}
