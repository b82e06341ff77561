import type { Clock } from "../../../hub/mod.ts";
import type { Track } from "../../../media/mod.ts";
import { parseRtpPacket, RtpError, rtpPayloadType, rtpSsrc } from "../../../rtp/mod.ts";
import { RtpSessionIngest, type UnitSink } from "../../../transmux/mod.ts";
import type { WebRtcLink } from "./webrtc_link.ts";

/** Receiver reports go out so often, milliseconds: by these browsers find out how much they may send. */
const REPORT_MS = 1000;

/** A key frame is asked for where the newest is so old, milliseconds: browsers make none by themselves. */
const KEY_FRAME_MS = 2000;

/** What browsers are told that they may send, bits a second: with it, they begin with a good picture. */
const MAX_BITRATE_BPS = 10_000_000;

/** A publisher that sends nothing for so long has gone, milliseconds: as RTSP's. */
const SILENT_MS = 10_000;

/** A track that is published. */
export interface WhipTrack {
  readonly track: Track;
  /** The payload type of packets that are sent again, where there is one. */
  readonly retransmissionType?: number;
}

/** Makes units of the packets of one publisher of WebRTC, and asks it for what is missing. */
export class WhipPublisher {
  readonly #ingest: RtpSessionIngest;
  readonly #link: WebRtcLink;
  readonly #clock: Clock;
  /** The place of the track of each payload type. */
  readonly #indexes = new Map<number, number>();
  /** The payload type of the track whose packets come again by another. */
  readonly #originals = new Map<number, number>();
  /** The newest source of each track, by its place; and the other way round. */
  readonly #sources = new Map<number, number>();
  #heardMs: number;

  /** Writes the headers that the description tells at once. */
  constructor(
    sink: UnitSink,
    options: {
      readonly link: WebRtcLink;
      readonly clock: Clock;
      readonly tracks: readonly WhipTrack[];
      /** The receiver's own source. */
      readonly ssrc: number;
    },
  ) {
    const { link, clock, tracks, ssrc } = options;
    this.#link = link;
    this.#clock = clock;
    this.#heardMs = clock.now();
    for (const [index, { track, retransmissionType }] of tracks.entries()) {
      const { payloadType } = track.rtp!;
      this.#indexes.set(payloadType, index);
      if (retransmissionType !== undefined) this.#originals.set(retransmissionType, payloadType);
    }
    this.#ingest = new RtpSessionIngest(sink, {
      tracks: tracks.map(({ track }) => track),
      ordered: false,
      ssrc,
      nowMs: clock.now(),
      reportMs: REPORT_MS,
      keyFrameMs: KEY_FRAME_MS,
      maxBitrateBps: MAX_BITRATE_BPS,
    });
  }

  /** Counts of now. */
  get statistics(): RtpSessionIngest["statistics"] {
    return this.#ingest.statistics;
  }

  /** Whether nothing has come for so long that it has gone. */
  get isSilent(): boolean {
    return this.#clock.now() - this.#heardMs >= SILENT_MS;
  }

  /** Takes an RTP packet. */
  takeRtp(packet: Uint8Array): void {
    const nowMs = this.#clock.now();
    this.#heardMs = nowMs;
    const original = this.#originalOf(packet);
    const index = original && this.#indexes.get(rtpPayloadType(original));
    if (original === undefined || index === undefined) return;
    this.#sources.set(index, rtpSsrc(original));
    this.#ingest.take(original, { index, rtcp: false, nowMs });
    this.#ingest.commit();
    this.#send(this.#ingest.takeRequests(nowMs));
  }

  /** Takes a compound RTCP packet: the reports of one source. */
  takeRtcp(packet: Uint8Array): void {
    const ssrc = new DataView(packet.buffer, packet.byteOffset).getUint32(4);
    for (const [index, source] of this.#sources) {
      if (source !== ssrc) continue;
      this.#ingest.take(packet, { index, rtcp: true, nowMs: this.#clock.now() });
    }
  }

  /** Passes time on. */
  tick(): void {
    this.#send(this.#ingest.tick(this.#clock.now()));
  }

  /** Nothing more comes. */
  end(): void {
    this.#ingest.end();
    this.#link.sendRtcp(this.#ingest.goodbye());
  }

  #send(requests: readonly { readonly packet: Uint8Array }[]): void {
    for (const { packet } of requests) this.#link.sendRtcp(packet);
  }

  /** The packet that was sent at first, where this one holds it again (RFC 4588, 4); nothing of what is no packet. */
  #originalOf(packet: Uint8Array): Uint8Array | undefined {
    const payloadType = this.#originals.get(rtpPayloadType(packet));
    if (payloadType === undefined) return packet;
    const source = this.#sources.get(this.#indexes.get(payloadType)!);
    try {
      const { payload, marker } = parseRtpPacket(packet);
      // Browsers try what the line carries by packets that hold nothing.
      if (payload.length < 2 || source === undefined) return undefined;
      const bytes = new Uint8Array(10 + payload.length);
      bytes.set(packet.subarray(4, 8), 4);
      bytes.set([0x80, (marker ? 0x80 : 0) | payloadType, payload[0]!, payload[1]!]);
      new DataView(bytes.buffer).setUint32(8, source);
      bytes.set(payload.subarray(2), 12);
      return bytes;
    } catch (error) {
      if (error instanceof RtpError) return undefined;
      throw error;
    }
  }
}
