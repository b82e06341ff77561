import type { RtspServerSession } from "../../rtsp/mod.ts";
import type { RtpSessionIngest } from "../../transmux/mod.ts";
import type { PublishTicket } from "../../gate/mod.ts";
import type {
  MediaSession,
  MediaSessionOwner,
  RtspCarrier,
  RtspFrameEvent,
} from "./media_session.ts";
import type { RtspSessionStatistics } from "./rtsp_statistics.ts";
import { SessionPackets } from "./session_packets.ts";

/** The media side of a session that records: a publisher's packets in, reports to it out. */
export class RecordingSession implements MediaSession {
  readonly mode = "record";
  readonly carrier: RtspCarrier;
  readonly #session: RtspServerSession;
  readonly #owner: MediaSessionOwner;
  readonly #ticket: PublishTicket;
  readonly #ingest: RtpSessionIngest;
  readonly #packets: SessionPackets;
  /** The client has ended it, and datagrams that were on their way are still taken. */
  #isEnding = false;

  /** Takes interleaved packets at once, datagrams after `begin`. */
  constructor(
    session: RtspServerSession,
    owner: MediaSessionOwner,
    options: {
      readonly ticket: PublishTicket;
      readonly ingest: RtpSessionIngest;
      readonly carrier: RtspCarrier;
    },
  ) {
    this.#session = session;
    this.#owner = owner;
    this.#ticket = options.ticket;
    this.#ingest = options.ingest;
    this.carrier = options.carrier;
    this.#packets = new SessionPackets(session, { ...options, datagrams: owner.datagrams });
  }

  get statistics(): RtspSessionStatistics {
    const { request } = this.#ticket;
    const { packets, bytes, lost, foreign, otherTypes, malformed, dropped } =
      this.#ingest.statistics;
    return {
      connection: request.connection.id,
      stream: request.name,
      mode: this.mode,
      transport: this.#session.tracks[0]?.transport.kind,
      packetsReceived: packets,
      bytesReceived: bytes,
      packetsSent: this.#packets.sent.packets,
      bytesSent: this.#packets.sent.bytes,
      packetsLost: lost,
      packetsForeign: foreign + otherTypes,
      packetsMalformed: malformed,
      unitsDropped: dropped,
    };
  }

  /** The answer to RECORD is out: packets may come. */
  begin(): void {
    // A repeated RECORD, or one after PAUSE, finds all in place.
    if (this.#packets.isListening) return;
    for (const { track, transport } of this.#session.tracks) {
      if (transport.kind !== "udp") continue;
      for (const [index, port] of transport.clientPorts.entries()) {
        const rtcp = index === 1;
        const handler = (packet: Uint8Array): void => this.#takeDatagram(packet, { track, rtcp });
        this.#packets.listen(port, { rtcp, handler });
        // Opens the firewall towards the publisher.
        this.#packets.knock(rtcp ? this.#ingest.emptyReport() : EMPTY_RTP, { port, rtcp });
      }
    }
  }

  takeFrame({ payload, track, rtcp }: RtspFrameEvent): void {
    const packet = this.#packets.open(payload, { track, rtcp });
    if (packet === undefined) return;
    this.#ingest.take(packet, { index: track, rtcp, nowMs: this.#owner.shell.clock.now() });
  }

  commit(): void {
    this.#ingest.commit();
  }

  tick(nowMs: number): void {
    this.#owner.guard(this.#session, () => {
      for (const { index, packet } of this.#ingest.tick(nowMs)) {
        this.#packets.sendRtcp(packet, index);
      }
    });
  }

  sayGoodbye(): void {
    for (const { track } of this.#session.tracks) {
      this.#packets.sendRtcp(this.#ingest.goodbye(), track);
    }
  }

  closed(reason: string): void {
    const mayHaveMore = reason === "teardown" && this.#packets.isListening &&
      this.#ingest.statistics.packets > 0;
    if (!mayHaveMore) return this.#close(reason);
    // What it sent before it said so comes another way, and may be behind.
    this.#isEnding = true;
    this.#owner.later(() => this.#close(reason), LAST_DATAGRAMS_MS);
  }

  #close(reason: string): void {
    this.#isEnding = false;
    this.#packets.close();
    this.#ingest.end();
    this.#ticket.end({
      clean: reason === "teardown",
      reason: reason === "teardown" ? "unpublished" : reason,
      message: `The session has ended: ${reason}`,
    });
  }

  #takeDatagram(
    datagram: Uint8Array,
    { track, rtcp }: { readonly track: number; readonly rtcp: boolean },
  ): void {
    const session = this.#session;
    if (session.state !== "recording" && !this.#isEnding) return;
    const packet = this.#packets.open(datagram, { track, rtcp });
    if (packet === undefined) return;
    const nowMs = this.#owner.shell.clock.now();
    session.notePacket(nowMs);
    this.#owner.guard(session, () => {
      this.#ingest.take(packet, { index: track, rtcp, nowMs });
      this.#ingest.commit();
      for (const request of this.#ingest.takeRequests(nowMs)) {
        this.#packets.sendRtcp(request.packet, request.index);
      }
    });
  }
}

/** How long datagrams are taken after the TEARDOWN that followed them: they wait in this machine's sockets. */
const LAST_DATAGRAMS_MS = 20;

/** An RTP packet without payload: version 2, all else 0. */
const EMPTY_RTP = Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
