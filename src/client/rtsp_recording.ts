import {
  buildRtcp,
  parseRtcp,
  type ReportBlock,
  RTP_HEADER_SIZE,
  RtpError,
  rtpSsrc,
  rtpTimestamp,
  SDES_CNAME,
  type SenderReport,
  senderReportAt,
} from "../rtp/mod.ts";
import type { SdpMedia } from "../sdp/mod.ts";
import type { RtspLink, RtspLinkPacket, RtspLinkProtocol, RtspLinkRequest } from "./rtsp_link.ts";

/** Sender reports go out this often, the first one soon after the first packet. */
const REPORT_INTERVAL_MS = 5000;
const FIRST_REPORT_MS = 500;

/** Largest UDP payload over IPv4; a frame holds a little more. */
const MAX_PACKET_BYTES = 65_507;

/** Counts of an {@linkcode RtspRecordedTrack}. */
export interface RtspRecordedTrackStatistics {
  /** Packets sent. */
  readonly packets: number;
  /** Bytes of them behind the fixed header of 12 bytes. */
  readonly octets: number;
  /** The reception of the packets, as the server has last reported it. */
  readonly report: ReportBlock | undefined;
}

/** The client of a recording, as the recording sees it. */
export interface RtspRecordingControl {
  /** Resolves when all that was given has been written. */
  drained(): Promise<void>;
  /** Ends the session: all is sent, or nobody wants it. */
  finish(): Promise<void>;
}

/**
 * One track that is published: a writable of whole RTP packets (Uint8Array), which go out as they are.
 * Sender reports go with them. Its writes resolve as the connection takes them.
 */
export class RtspRecordedTrack extends WritableStream<Uint8Array> {
  /** Its media section, with the control that it was announced with. */
  readonly media: SdpMedia;
  readonly #controller: WritableStreamDefaultController;
  readonly #cname: string;
  #clockRate = 0;
  #payloadType: number | undefined;
  #link: RtspLink | undefined;
  #ssrc: number | undefined;
  #reference: { readonly rtpTimestamp: number; readonly unixUs: number } | undefined;
  #reportAtMs = 0;
  #packets = 0;
  #octets = 0;
  #report: ReportBlock | undefined;
  #isOver = false;

  /** Made by `RtspClient.record`. */
  constructor(
    options: {
      readonly media: SdpMedia;
      readonly cname: string;
      readonly onOver: () => Promise<void>;
    },
  ) {
    let controller: WritableStreamDefaultController;
    super({
      start: (own) => {
        controller = own;
      },
      write: (packet) => this.#write(packet),
      close: () => this.#finish(options.onOver),
      abort: () => this.#finish(options.onOver),
    });
    this.#controller = controller!;
    this.media = options.media;
    this.#cname = options.cname;
  }

  /** Counts of now. */
  get statistics(): RtspRecordedTrackStatistics {
    return { packets: this.#packets, octets: this.#octets, report: this.#report };
  }

  /** Whether nothing more is written to it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Says that `rtpTimestamp` is presented at `unixUs`, in microseconds since 1970: what sender reports
   * tell. Tracks are in sync when their references are of one timeline; without one, a track's first
   * packet is presented when it is written.
   */
  setReference(rtpTimestamp: number, unixUs: number): void {
    this.#reference = { rtpTimestamp, unixUs };
  }

  /** Called by the client: packets go over `link`. */
  begin(link: RtspLink): void {
    this.#link = link;
  }

  /** Called by the client: a packet of the server has come; RTCP is all that is expected. */
  take({ bytes, rtcp }: RtspLinkPacket): void {
    if (!rtcp) return;
    try {
      for (const packet of parseRtcp(bytes)) {
        if (packet.type !== "receiver-report" && packet.type !== "sender-report") continue;
        this.#report = packet.reports.find(({ ssrc }) => ssrc === this.#ssrc) ?? this.#report;
      }
    } catch (error) {
      if (!(error instanceof RtpError)) throw error;
    }
  }

  /** Called by the client: passes time on. */
  tick(nowMs: number): void {
    if (this.#isOver || this.#packets === 0 || nowMs < this.#reportAtMs) return;
    this.#reportAtMs = nowMs + REPORT_INTERVAL_MS;
    this.#sendReport();
  }

  /** Called by the client: nothing more can be written. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.error(error);
  }

  #write(packet: Uint8Array): Promise<void> | undefined {
    if (!(packet.length >= RTP_HEADER_SIZE && packet.length <= MAX_PACKET_BYTES)) {
      throw new RangeError(
        `Cannot send the packet as it must have 12 to ${MAX_PACKET_BYTES} bytes: current value is ${packet.length}`,
      );
    }
    const ssrc = rtpSsrc(packet);
    if (ssrc !== this.#ssrc) this.#beginSource(ssrc);
    this.#noteFormat(packet[1]! & 0x7f);
    if (this.#reference === undefined) this.setReference(rtpTimestamp(packet), Date.now() * 1000);
    this.#packets++;
    this.#octets += packet.length - RTP_HEADER_SIZE;
    return this.#link!.send(packet, { rtcp: false });
  }

  /** A media may have several formats, each with a clock of its own. */
  #noteFormat(payloadType: number): void {
    if (payloadType === this.#payloadType) return;
    this.#payloadType = payloadType;
    const { formats } = this.media;
    const format = formats.find((one) => one.payloadType === payloadType) ?? formats[0];
    this.#clockRate = format?.clockRate ?? 0;
  }

  #beginSource(ssrc: number): void {
    if (this.#ssrc !== undefined) this.#reference = undefined;
    this.#ssrc = ssrc;
    this.#packets = 0;
    this.#octets = 0;
    this.#reportAtMs = performance.now() + FIRST_REPORT_MS;
  }

  #sendReport(): void {
    const report = this.#senderReport();
    if (report === undefined) return;
    const chunks = [{ ssrc: report.ssrc, items: [{ type: SDES_CNAME, text: this.#cname }] }];
    const bytes = buildRtcp([report, { type: "source-description", chunks }]);
    this.#link?.send(bytes, { rtcp: true });
  }

  #senderReport(): SenderReport | undefined {
    if (this.#reference === undefined) return undefined;
    return senderReportAt(Date.now() * 1000, {
      ssrc: this.#ssrc!,
      clockRate: this.#clockRate,
      reference: this.#reference,
      packets: this.#packets,
      octets: this.#octets,
    });
  }

  async #finish(onOver: () => Promise<void>): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#ssrc !== undefined) {
      const empty = { type: "receiver-report", ssrc: this.#ssrc, reports: [] } as const;
      const goodbye = { type: "goodbye", ssrcs: [this.#ssrc] } as const;
      this.#link?.send(buildRtcp([this.#senderReport() ?? empty, goodbye]), { rtcp: true });
    }
    await onOver();
  }
}

/** A stream that is published. Close its tracks, or it, to end it. */
export class RtspRecording implements AsyncDisposable {
  /** The tracks, in the order of the description. */
  readonly tracks: readonly RtspRecordedTrack[];
  readonly #control: RtspRecordingControl;
  readonly #isBackChannel: boolean;
  #links: readonly RtspLink[] = [];

  /** Made by `RtspClient.record`. */
  constructor(
    options: {
      readonly media: readonly SdpMedia[];
      readonly cname: string;
      readonly control: RtspRecordingControl;
      /** Whether it is what is said to a server by its back channel. */
      readonly isBackChannel?: boolean;
    },
  ) {
    this.#control = options.control;
    this.#isBackChannel = options.isBackChannel ?? false;
    const onOver = async (): Promise<void> => {
      await this.#control.drained();
      if (this.tracks.every(({ isOver }) => isOver)) await this.#control.finish();
    };
    this.tracks = options.media.map((media) =>
      new RtspRecordedTrack({ media, cname: options.cname, onOver })
    );
  }

  /** The protocol that carries the packets. */
  get protocol(): RtspLinkProtocol {
    return this.#links[0]?.protocol ?? "tcp";
  }

  /** Ends the stream, what was given to the connection being sent before. May be called again. */
  async close(): Promise<void> {
    await this.#control.drained();
    await this.#control.finish();
  }

  /** Ends the stream at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Called by the client: what is to be set up. */
  requests(): RtspLinkRequest[] {
    return this.tracks.map((track) => ({
      media: track.media,
      isBackChannel: this.#isBackChannel,
      receive: (packet) => track.take(packet),
    }));
  }

  /** Called by the client: packets go over `links`. */
  begin(links: readonly RtspLink[]): void {
    this.#links = links;
    for (const [index, track] of this.tracks.entries()) track.begin(links[index]!);
  }

  /** Called by the client: passes time on. */
  tick(nowMs: number): void {
    for (const track of this.tracks) track.tick(nowMs);
  }

  /** Called by the client: nothing more can be written. */
  fail(error: unknown): void {
    for (const link of this.#links) link.close();
    this.#links = [];
    for (const track of this.tracks) track.fail(error);
  }
}
