/** Streams that ffmpeg made, as publishers send them, and the way from one end of a link to the other. */
import { createHash } from "node:crypto";
import {
  AacPacketType,
  AudioPacketType,
  AvcPacketType,
  buildAudioBody,
  buildVideoBody,
  fourCcOfCodec,
  SoundFormat,
  VideoCodecId,
  VideoFrameType,
  VideoPacketType,
} from "../../src/flv/mod.ts";
import type { CodecName, MediaUnit } from "../../src/media/mod.ts";
import {
  buildRtpPacket,
  parseRtpPacket,
  RtpReceiver,
  RtpSender,
  TrackAligner,
} from "../../src/rtp/mod.ts";
import { formatSdp, parseSdp } from "../../src/sdp/mod.ts";
import {
  type CodedFrame,
  type DescribedTracks,
  type FlvBody,
  type RtpOutputPacket,
  RtpTrackIngest,
  tracksOfSdp,
  unitOfFlv,
} from "../../src/transmux/mod.ts";

/** What ffmpeg encoded, and ffprobe found in it. */
export interface Fixture {
  readonly codec: CodecName;
  readonly config: Uint8Array;
  readonly packets: readonly FixturePacket[];
}

export interface FixturePacket {
  readonly ptsUs: number;
  readonly dtsUs: number;
  readonly key: boolean;
  readonly data: Uint8Array;
}

const FOLDER = new URL("./fixtures/", import.meta.url);

export function load(codec: CodecName): Fixture {
  const text = JSON.parse(Deno.readTextFileSync(new URL(`${codec}.json`, FOLDER)));
  return {
    codec,
    config: Uint8Array.fromHex(text.config),
    packets: text.packets.map(
      (packet: { pts: number; dts: number; key: boolean; data: string }): FixturePacket => ({
        ptsUs: packet.pts,
        dtsUs: packet.dts,
        key: packet.key,
        data: Uint8Array.fromHex(packet.data),
      }),
    ),
  };
}

export function isVideo(codec: CodecName): boolean {
  return ["h264", "h265", "vp8", "vp9", "av1", "mpeg4"].includes(codec);
}

/** The bodies of an RTMP publisher, in milliseconds; made by the FLV folder, not by what is tested. */
export function flvBodies(fixture: Fixture, startMs = 0): FlvBody[] {
  const { codec, config, packets } = fixture;
  const bodies: FlvBody[] = [];
  const kind = isVideo(codec) ? "video" : "audio";
  const startUs = startMs * 1000;
  if (config.length > 0 && codec !== "mp3") {
    bodies.push({ kind, dtsUs: startUs, body: bodyOf(codec, { config: true, data: config }) });
  }
  for (const { ptsUs, dtsUs, key, data } of packets) {
    const dtsMs = Math.round(dtsUs / 1000);
    const compositionTimeMs = Math.round(ptsUs / 1000) - dtsMs;
    const body = bodyOf(codec, { config: false, data, key, compositionTimeMs });
    bodies.push({ kind, dtsUs: startUs + dtsMs * 1000, body });
  }
  return bodies;
}

interface BodyContent {
  readonly config: boolean;
  readonly data: Uint8Array;
  readonly key?: boolean;
  readonly compositionTimeMs?: number;
}

export function bodyOf(codec: CodecName, content: BodyContent): Uint8Array {
  const { config, data, key = true, compositionTimeMs = 0 } = content;
  const frameType = key ? VideoFrameType.Key : VideoFrameType.Inter;
  const legacy = { form: "legacy", soundRate: 3, soundSize: 1, soundType: 0, data } as const;
  const track = { trackId: 0, fourCc: fourCcOfCodec(codec) ?? "", compositionTimeMs, data };
  const enhanced = { form: "enhanced", modEx: [], multitrack: undefined, tracks: [track] } as const;
  switch (codec) {
    case "h264":
      return buildVideoBody({
        form: "legacy",
        frameType,
        codecId: VideoCodecId.Avc,
        packetType: config ? AvcPacketType.SequenceHeader : AvcPacketType.Nalu,
        compositionTimeMs,
        data,
      });
    case "aac":
      return buildAudioBody({
        ...legacy,
        soundFormat: SoundFormat.Aac,
        packetType: config ? AacPacketType.SequenceHeader : AacPacketType.Raw,
      });
    case "mp3":
      return buildAudioBody({ ...legacy, soundFormat: SoundFormat.Mp3, packetType: undefined });
    case "pcma":
      return buildAudioBody({
        ...legacy,
        soundFormat: SoundFormat.G711ALaw,
        packetType: undefined,
      });
    case "pcmu":
      return buildAudioBody({
        ...legacy,
        soundFormat: SoundFormat.G711MuLaw,
        packetType: undefined,
      });
    default: {
      if (isVideo(codec)) {
        const packetType = config ? VideoPacketType.SequenceStart : VideoPacketType.CodedFrames;
        return buildVideoBody({ ...enhanced, frameType, packetType });
      }
      const packetType = config ? AudioPacketType.SequenceStart : AudioPacketType.CodedFrames;
      return buildAudioBody({ ...enhanced, packetType });
    }
  }
}

export function unitsOfFlv(bodies: readonly FlvBody[]): MediaUnit[] {
  return bodies.flatMap((body) => unitOfFlv(body) ?? []);
}

/** Hash of each frame, its parameter sets left out: where they stand differs by carrier. */
export function hashesOf(frames: readonly CodedFrame[]): string[] {
  return frames.map(({ codec, parts }) => {
    const hash = createHash("sha256");
    for (const part of parts) {
      if (codec === "h264" && [7, 8].includes(part[0]! & 31)) continue;
      if (codec === "h265" && [32, 33, 34].includes((part[0]! >> 1) & 63)) continue;
      hash.update(`${part.length}:`).update(part);
    }
    return hash.digest("hex");
  });
}

/** How packets get from one end to the other. */
export interface LinkOptions {
  /** Whether the packet of this number is lost, counted over all tracks. */
  readonly lose?: (index: number) => boolean;
  /** RTP timestamp of each track that belongs to the time 0; each its own by default. */
  readonly timestampOffsets?: readonly number[];
}

/**
 * An RTSP connection without RTSP: describes tracks in text, sends packets with headers of their own
 * (each track with a random start), receives and makes units of them.
 */
export class RtpLink {
  readonly ingests: readonly RtpTrackIngest[];
  readonly header: readonly MediaUnit[];
  readonly #senders: readonly RtpSender[];
  readonly #receivers: readonly RtpReceiver[];
  readonly #lose: (index: number) => boolean;
  #index = 0;
  lost = 0;

  constructor(described: DescribedTracks, options: LinkOptions = {}) {
    const tracks = tracksOfSdp(parseSdp(formatSdp(described.description)));
    const aligner = new TrackAligner({ originUs: 0 });
    this.ingests = tracks.map((track) =>
      new RtpTrackIngest({
        track,
        time: aligner.addTrack({ clockRate: track.rtp!.clockRate }),
      })
    );
    this.header = this.ingests.flatMap((ingest) => ingest.header());
    this.#senders = described.tracks.map(({ rtp }, index) =>
      new RtpSender({
        ssrc: 0x1000 + index,
        payloadType: rtp.payloadType,
        clockRate: rtp.clockRate,
        sequenceNumber: 65530 + index,
        timestampOffset: options.timestampOffsets?.[index] ?? 0xfffff000 + index * 77,
      })
    );
    this.#receivers = tracks.map(({ rtp }) =>
      new RtpReceiver({ clockRate: rtp!.clockRate, reorderPackets: 0 })
    );
    this.#lose = options.lose ?? (() => false);
  }

  send(packets: readonly RtpOutputPacket[], nowMs: number): MediaUnit[] {
    return packets.flatMap((packet) => {
      const sender = this.#senders[packet.track]!;
      const bytes = "payload" in packet ? sender.build(packet) : forwarded(sender, packet.packet);
      if (this.#lose(this.#index++)) {
        this.lost++;
        return [];
      }
      return this.#receivers[packet.track]!.push(parseRtpPacket(bytes), nowMs)
        .flatMap((received) => this.ingests[packet.track]!.push(received, nowMs));
    });
  }

  flush(): MediaUnit[] {
    return this.ingests.flatMap((ingest) => ingest.flush());
  }
}

function forwarded(sender: RtpSender, packet: Uint8Array): Uint8Array {
  const copy = new Uint8Array(packet.length);
  sender.forward(packet, copy);
  return copy;
}

/** One packet as a camera sends it. */
export function rtpPacket(
  fields: {
    readonly sequenceNumber: number;
    readonly timestamp?: number;
    readonly marker?: boolean;
    readonly payload: readonly number[] | Uint8Array;
    readonly payloadType?: number;
    readonly ssrc?: number;
  },
): ReturnType<typeof parseRtpPacket> {
  return parseRtpPacket(buildRtpPacket({
    payloadType: 96,
    timestamp: 0,
    ssrc: 1,
    ...fields,
    payload: Uint8Array.from(fields.payload),
  }));
}
