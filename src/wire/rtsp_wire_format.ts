import { equals } from "@std/bytes/equals";
import { ByteWriter } from "../bytes/mod.ts";
import type { HeaderSet, WireFormat, WireLogWriter } from "../hub/mod.ts";
import type { MediaUnit, TrackKind } from "../media/mod.ts";
import {
  buildRtcp,
  ntpFromUnixUs,
  RTP_HEADER_SIZE,
  RtpSender,
  rtpSequenceNumber,
  rtpSsrc,
  rtpTimestamp,
  SDES_CNAME,
  type SenderReport,
  ticksFromUs,
  usFromTicks,
} from "../rtp/mod.ts";
import {
  type RtpOutputPacket,
  RtpRemuxer,
  type RtpRemuxerOptions,
  type RtpTrack,
} from "../transmux/mod.ts";

/** Bytes of `$`, channel and length before an interleaved packet (RFC 2326, 10.12). */
export const FRAME_HEADER_BYTES = 4;
const DOLLAR = 0x24;

/**
 * Sender reports this often, of all tracks one behind the other. GStreamer's jitter buffer places a burst of old
 * packets, as at a join, by when they come, and sets tracks apart by the newest report of each: with one report of now
 * and one of before the burst they are as far apart as the burst is long. So reports come together, and as close as
 * lets a player be in sync within its first second. RFC 3550, 6.2, lets them come each 360 / kb/s seconds.
 */
const REPORT_INTERVAL_US = 400_000;

/** A larger step is a publisher that began anew: RFC 3550's MAX_DROPOUT (appendix A.1). */
const MOST_MISSING = 3000;

/** Options of a {@linkcode RtspWireFormat}. */
export interface RtspWireFormatOptions {
  /** The tracks as the description lists them. */
  readonly tracks: readonly RtpTrack[];
  /** Returns that many random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Microseconds since 1970. */
  readonly nowUnixUs: () => number;
  /** The sources of the tracks, where the player was told of them already; by chance otherwise. */
  readonly ssrcs?: readonly number[];
  /** How packets are cut and forwarded, where not as for RTSP. */
  readonly packets?: RtpRemuxerOptions;
}

/**
 * RTP packets as interleaved frames, the same for every player: own SSRC and sequence numbers, track n
 * on channels 2n and 2n+1. Players over UDP take the packets out of the frames.
 */
export class RtspWireFormat implements WireFormat {
  /** The tracks as the description lists them. */
  readonly tracks: readonly RtpTrack[];
  /** One sender a track. */
  readonly senders: readonly RtpSender[];
  readonly #remuxer: RtpRemuxer;
  readonly #nowUnixUs: () => number;
  readonly #bases: readonly number[];
  /** The newest packet of each track that was forwarded, as its publisher numbered it. */
  readonly #forwarded: ({ readonly ssrc: number; readonly sequence: number } | undefined)[] = [];
  /** The tracks that had a packet, with a report right before it, since the last start. */
  readonly #begun = new Set<number>();
  #reportedUs: number | undefined;
  /** The time of the key frame at which all tracks were last to be reported on. */
  #startUs: number | undefined;
  /** Whoever is to hear that what was described is not all that there is any more. */
  readonly #watchers = new Set<() => void>();
  /** The tracks that were seen and are not carried, and the configurations that were. */
  readonly #others = new Set<string>();
  readonly #configs = new Map<string, Uint8Array>();
  /** Wall-clock time of the stream's time 0, microseconds since 1970. */
  #epochUnixUs: number | undefined;

  /** Starts with random sources, sequence numbers and timestamps (RFC 3550, 5.1). */
  constructor(options: RtspWireFormatOptions) {
    const { tracks, random } = options;
    this.tracks = tracks;
    this.#nowUnixUs = options.nowUnixUs;
    this.#remuxer = new RtpRemuxer(tracks, options.packets);
    this.#bases = tracks.map(() => u32(random(4)));
    this.senders = tracks.map(({ rtp }, track) =>
      new RtpSender({
        ssrc: options.ssrcs?.[track] ?? u32(random(4)),
        payloadType: rtp.payloadType,
        clockRate: rtp.clockRate,
        sequenceNumber: u32(random(4)) & 0x7fff,
      })
    );
  }

  /** Frames that could not be made RTP. */
  get dropped(): number {
    return this.#remuxer.stats.dropped;
  }

  carries(kind: TrackKind, track: number): boolean {
    return this.tracks.some((told) => told.kind === kind && told.id === track);
  }

  /**
   * Calls `onChange` each time that a track shows another configuration, or one comes that is not described here;
   * returns what stops that.
   */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  encode(unit: MediaUnit, log: WireLogWriter): void {
    if (this.#isNews(unit)) {
      // When the unit is part of the stream.
      for (const onChange of this.#watchers) queueMicrotask(onChange);
    }
    this.#noteStart(unit);
    this.#writeAll(this.#remuxer.remux(unit), unit, log);
  }

  joins(unit: MediaUnit): boolean {
    return this.#remuxer.joins(unit);
  }

  /** Frames of audio that players are given at once share a packet: over UDP each packet costs as much as one of a picture. */
  encodeJoined(units: readonly MediaUnit[], log: WireLogWriter): void {
    this.#writeAll(this.#remuxer.remuxJoined(units), units[0]!, log);
  }

  #writeAll(packets: readonly RtpOutputPacket[], unit: MediaUnit, log: WireLogWriter): void {
    for (const packet of packets) {
      const sender = this.senders[packet.track]!;
      // FFmpeg places what comes before a track's first report by other rules than what comes after.
      this.#report(packet, unit, log);
      this.#write(packet, { sender, unit, log });
    }
  }

  /** The RTP timestamp that a track gives a time of the stream; `undefined` where its clock is not known. */
  rtpTimeAt(timeUs: number, track: number): number | undefined {
    const { clockRate } = this.senders[track]!;
    return clockRate === 0
      ? undefined
      : (ticksFromUs(timeUs, clockRate) + this.#bases[track]!) >>> 0;
  }

  /** The time of the stream that a track's RTP timestamp stands for, where it is less than half of its range from `nearUs`. */
  timeOf(rtpTime: number, of: { readonly track: number; readonly nearUs: number }): number {
    const { track, nearUs } = of;
    const near = this.rtpTimeAt(nearUs, track) ?? rtpTime;
    return nearUs + usFromTicks(rtpTime - near | 0, this.senders[track]!.clockRate || 1);
  }

  /** Sender reports, so that a player can synchronize from its first packet on. */
  preamble(_headers: HeaderSet, timeUs: number): Uint8Array {
    const writer = new ByteWriter();
    for (const track of this.senders.keys()) {
      const report = this.#reportAt(timeUs, track);
      if (report === undefined) continue;
      const packet = reportPacket(report);
      writer.u8(DOLLAR).u8(track * 2 + 1).u16(packet.length).bytes(packet);
    }
    return writer.finish();
  }

  #write(
    output: RtpOutputPacket,
    to: { readonly sender: RtpSender; readonly unit: MediaUnit; readonly log: WireLogWriter },
  ): void {
    const { sender, unit, log } = to;
    const base = this.#bases[output.track]!;
    const channel = output.track * 2;
    if ("packet" in output) {
      const { packet } = output;
      const { bytes, offset } = openFrame(log, channel, packet.length);
      // By the stream's clock, not the publisher's: time goes on when another publisher takes over.
      const timestamp = ticksFromUs(unit.ptsUs, sender.clockRate) + base;
      sender.timestampOffset = (timestamp - rtpTimestamp(packet)) >>> 0;
      sender.skip(this.#missingBefore(packet, output.track));
      sender.forward(packet, bytes, { at: offset });
    } else {
      sender.timestampOffset = base;
      const length = RTP_HEADER_SIZE + output.payload.length;
      const { bytes, offset } = openFrame(log, channel, length);
      sender.write(output, bytes, { at: offset });
    }
  }

  /** Packets that the publisher sent before this one and that never came: players are to see the gap. */
  #missingBefore(packet: Uint8Array, track: number): number {
    const last = this.#forwarded[track];
    const now = { ssrc: rtpSsrc(packet), sequence: rtpSequenceNumber(packet) };
    this.#forwarded[track] = now;
    if (last === undefined || last.ssrc !== now.ssrc) return 0;
    const missing = (now.sequence - last.sequence - 1) & 0xffff;
    return missing <= MOST_MISSING ? missing : 0;
  }

  /**
   * Where players start, each track is reported on before its next packet, for the time of that packet: GStreamer
   * passes over reports of what was before the first packet that it has of a track.
   */
  #noteStart({ kind, role, keyFrame, ptsUs }: MediaUnit): void {
    if (kind !== "video" || role !== "media" || !keyFrame) return;
    if (Math.abs(ptsUs - (this.#startUs ?? -Infinity)) < REPORT_INTERVAL_US) return;
    this.#startUs = ptsUs;
    this.#begun.clear();
  }

  #isNews({ kind, role, track, payload }: MediaUnit): boolean {
    if (kind === "data" || role === "metadata") return false;
    const name = `${kind} ${track}`;
    if (!this.carries(kind, track)) {
      if (role !== "media" || this.#others.has(name)) return false;
      this.#others.add(name);
      return true;
    }
    if (role !== "config" || payload.format === "rtp") return false;
    const config = payload.format === "flv" ? payload.body : payload.data;
    const before = this.#configs.get(name);
    if (before !== undefined && equals(before, config)) return false;
    this.#configs.set(name, config);
    return true;
  }

  /** Reports on all tracks where that is due before a packet. */
  #report({ track }: RtpOutputPacket, { ptsUs }: MediaUnit, log: WireLogWriter): void {
    const isDue = !this.#begun.has(track) ||
      Math.abs(ptsUs - (this.#reportedUs ?? -Infinity)) >= REPORT_INTERVAL_US;
    if (!isDue) return;
    this.#begun.add(track);
    this.#reportedUs = ptsUs;
    for (const of of this.senders.keys()) {
      const report = this.#reportAt(ptsUs, of);
      if (report === undefined) continue;
      const packet = reportPacket(report);
      const { bytes, offset } = openFrame(log, of * 2 + 1, packet.length);
      bytes.set(packet, offset);
    }
  }

  /** The report of a track at a time of the stream; `undefined` where its clock is not known. */
  #reportAt(timeUs: number, track: number): SenderReport | undefined {
    const { ssrc, stats } = this.senders[track]!;
    const time = this.rtpTimeAt(timeUs, track);
    if (time === undefined) return undefined;
    this.#epochUnixUs ??= this.#nowUnixUs() - timeUs;
    return {
      type: "sender-report",
      ssrc,
      ntp: ntpFromUnixUs(this.#epochUnixUs + timeUs),
      rtpTimestamp: time,
      packetCount: stats.packets >>> 0,
      octetCount: stats.octets >>> 0,
      reports: [],
    };
  }
}

function openFrame(
  log: WireLogWriter,
  channel: number,
  length: number,
): { readonly bytes: Uint8Array; readonly offset: number } {
  const { bytes, offset } = log.reserve(FRAME_HEADER_BYTES + length);
  bytes[offset] = DOLLAR;
  bytes[offset + 1] = channel;
  bytes[offset + 2] = length >> 8;
  bytes[offset + 3] = length;
  return { bytes, offset: offset + FRAME_HEADER_BYTES };
}

function reportPacket(report: SenderReport): Uint8Array {
  return buildRtcp([report, {
    type: "source-description",
    chunks: [{ ssrc: report.ssrc, items: [{ type: SDES_CNAME, text: "weir" }] }],
  }]);
}

function u32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
