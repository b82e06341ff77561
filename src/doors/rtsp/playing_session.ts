import type { Stream, StreamReader } from "../../hub/mod.ts";
import { buildRtcp } from "../../rtp/mod.ts";
import type { RtspPair, RtspServerSession, RtspTrackStart } from "../../rtsp/mod.ts";
import type { RtpTrack } from "../../transmux/mod.ts";
import type { PlayTicket } from "../../gate/mod.ts";
import { type RtspWireFormat, trackChange, trackChoiceOf } from "../../wire/mod.ts";
import type {
  MediaSession,
  MediaSessionOwner,
  RtspCarrier,
  RtspFrameEvent,
  SessionEnd,
} from "./media_session.ts";
import { firstPackets } from "./first_packets.ts";
import type { PlayerReports } from "./player_reports.ts";
import { clientPorts, type RtspPlayer, RtspTcpPlayer, RtspUdpPlayer } from "./rtsp_player.ts";
import { readStream, type TakeoverTracks } from "./rtsp_reader.ts";
import type { RtspSessionStatistics } from "./rtsp_statistics.ts";
import { count, SessionPackets, type Traffic } from "./session_packets.ts";
import { protectionOf } from "./session_protection.ts";
import type { SessionTalk } from "./session_talk.ts";

/** What a {@linkcode PlayingSession} plays. */
export interface PlayingSessionOptions {
  readonly ticket: PlayTicket;
  readonly carrier: RtspCarrier;
  readonly stream: Stream;
  readonly reader: StreamReader;
  readonly reports: PlayerReports;
  readonly takeovers: TakeoverTracks;
  /** What sends its packets, where that is not for it alone. */
  readonly player?: RtspPlayer | undefined;
}

/** The media side of a session that plays, or is set up to. */
export class PlayingSession implements MediaSession {
  readonly mode = "play";
  carrier: RtspCarrier;
  /** The stream that it plays. */
  stream: Stream;
  /** The wire format, which knows the source of each track. */
  format: RtspWireFormat;
  readonly #session: RtspServerSession;
  readonly #owner: MediaSessionOwner;
  #ticket: PlayTicket;
  #reader: StreamReader;
  readonly #reports: PlayerReports;
  readonly #takeovers: TakeoverTracks;
  readonly #packets: SessionPackets;
  #unwatch: () => void;
  /** What came of the client. */
  readonly #received: Traffic = { packets: 0, bytes: 0 };
  #player: RtspPlayer | undefined;
  /** What its client says, where it may. */
  #talk: SessionTalk | undefined;
  /** The tracks that the client knows of. */
  #described: readonly RtpTrack[];
  /** Why the stream is over for it, where that is not that it has ended. */
  #end: SessionEnd | undefined;
  /** When the stream has ended for it. */
  #endedAtMs: number | undefined;
  /** When its client was told so, all that was left being sent. */
  #leftAtMs: number | undefined;

  /** Sends nothing until `play`. */
  constructor(
    session: RtspServerSession,
    owner: MediaSessionOwner,
    options: PlayingSessionOptions,
  ) {
    this.#session = session;
    this.#owner = owner;
    this.#ticket = options.ticket;
    this.#reader = options.reader;
    this.#reports = options.reports;
    this.#takeovers = options.takeovers;
    this.#player = options.player;
    this.carrier = options.carrier;
    this.format = options.reader.format as RtspWireFormat;
    this.#packets = new SessionPackets(session, { ...options, datagrams: owner.datagrams });
    this.stream = options.stream;
    this.#described = this.format.tracks;
    this.#unwatch = this.#watch(options.stream);
  }

  #watch(stream: Stream): () => void {
    // Nothing of a new publisher is in the logs yet.
    const look = () => void this.#checkTracks(stream, this.#reader.cursor.head);
    const unwatching = [stream.watch(look), this.format.watch(look)];
    return () => unwatching.forEach((unwatch) => unwatch());
  }

  /**
   * Has it play another stream than it was set up for: one of its own, with what was described. False where it has begun,
   * or plays what a group of others does.
   */
  moveTo(stream: Stream): boolean {
    if (this.hasEnded || this.#player !== undefined) return false;
    const { tracks, senders } = this.format;
    const former = this.#reader;
    this.#unwatch();
    this.#reader = readStream(stream, {
      tracks,
      reports: this.#reports,
      onEnd: () => this.finish(),
      isProtected: protectionOf(this.#session) !== undefined,
      ssrcs: senders.map(({ ssrc }) => ssrc),
    });
    former.close();
    this.format = this.#reader.format as RtspWireFormat;
    this.stream = stream;
    this.#unwatch = this.#watch(stream);
    void this.#checkTracks(stream, this.#reader.cursor.head);
    return true;
  }

  get statistics(): RtspSessionStatistics {
    const { request } = this.#ticket;
    const { sent } = this.#packets;
    return {
      connection: request.connection.id,
      stream: request.name,
      mode: this.mode,
      transport: this.#kind,
      packetsReceived: this.#received.packets,
      bytesReceived: this.#received.bytes,
      packetsSent: sent.packets + (this.#player?.packets ?? 0),
      bytesSent: sent.bytes + (this.#player?.bytes ?? 0),
      packetsLost: this.#reports.lost,
      packetsForeign: 0,
      packetsMalformed: 0,
      unitsDropped: 0,
    };
  }

  /** Whether the stream is over for it. */
  get hasEnded(): boolean {
    return this.#endedAtMs !== undefined;
  }

  /** Where the packets of each track will start: what RTP-Info tells. */
  get trackStarts(): RtspTrackStart[] {
    const first = firstPackets(this.#reader.cursor.peek(), this.format);
    return this.#session.tracks.flatMap(({ track }) => {
      const start = first.get(track);
      return start === undefined ? [] : [{ track, ...start }];
    });
  }

  /** The client talks too, on a track behind those of the description. */
  hear(talk: SessionTalk): void {
    this.#talk = talk;
  }

  /** It begins, or goes on, by this ticket, and another connection may speak for it. */
  present(ticket: PlayTicket, carrier: RtspCarrier): void {
    this.#ticket = ticket;
    this.carrier = carrier;
  }

  /** Starts, or goes on. */
  play(): void {
    if (this.hasEnded) return;
    if (!this.#ticket.isStarted) {
      this.#player ??= this.#kind === "udp" ? this.#udpPlayer() : this.#tcpPlayer();
      const isStarted = this.#ticket.start({
        onEnded: (end) => this.#owner.end(this.#session, end),
        fields: { transport: this.#kind },
        bytes: () => this.#reader.cursor.bytes,
        endFields: () => {
          const { bytes, skips } = this.#reader.cursor;
          const { lost } = this.#reports;
          return { bytes, skips, ...(lost === undefined ? {} : { lost }) };
        },
      });
      // The connection may have gone since it was asked about.
      if (!isStarted) return this.#owner.close(this.#session, "connection");
    }
    this.#player?.start();
  }

  /** Sends nothing more until it plays again. */
  pause(): void {
    this.#player?.pause();
    if (this.hasEnded) this.sayGoodbye();
  }

  takeFrame({ payload, track, rtcp }: RtspFrameEvent): void {
    count(this.#received, payload);
    if (track === this.#talk?.track) this.#takeTalk(payload, { rtcp });
    else this.#takeReports(payload, track);
  }

  /** Takes what came to its group; whether it was about packets of this stream. */
  takeGroupReports(bytes: Uint8Array): boolean {
    if (!this.#session.tracks.some(({ track }) => this.#takeReports(bytes, track))) return false;
    count(this.#received, bytes);
    this.#session.noteActivity(this.#owner.shell.clock.now());
    return true;
  }

  commit(): void {}

  tick(nowMs: number): void {
    for (const { index, packet } of this.#talk?.tick(nowMs) ?? []) {
      this.#packets.sendRtcp(packet, index);
    }
    const ended = nowMs - (this.#endedAtMs ?? Infinity);
    if (this.#leftAtMs === undefined && ended >= this.#owner.drainMs) {
      const { connection, name } = this.#ticket.request;
      const log = this.#owner.shell.peers.of(connection.remoteAddress);
      log.debug("rtsp player has not taken the rest in time", {
        connection: connection.id,
        stream: name,
      });
      this.sayGoodbye();
    }
    if (nowMs - (this.#leftAtMs ?? Infinity) >= GOODBYE_MS) {
      if (this.#end === undefined) this.#owner.close(this.#session, "unpublished");
      else this.#owner.end(this.#session, this.#end);
    }
  }

  /** The stream is over: the client gets what it has not been sent yet, within bounds, and is told. */
  finish(): void {
    if (this.hasEnded) return;
    this.#endedAtMs = this.#owner.shell.clock.now();
    if (this.#player === undefined) this.sayGoodbye();
    else this.#player.finish(() => this.sayGoodbye());
  }

  /** Says good-bye; the client then ends its session itself, or the session is closed a moment later. */
  sayGoodbye(why = this.#end?.message): void {
    if (this.#leftAtMs !== undefined) return;
    const reason = why === undefined ? {} : { reason: shortened(why) };
    this.#leftAtMs = this.#owner.shell.clock.now();
    this.#endedAtMs ??= this.#leftAtMs;
    for (const { track, isBackChannel } of this.#session.tracks) {
      if (isBackChannel) continue;
      const { ssrc } = this.format.senders[track]!;
      const packet = buildRtcp([
        { type: "receiver-report", ssrc, reports: [] },
        { type: "goodbye", ssrcs: [ssrc], ...reason },
      ]);
      this.#packets.sendRtcp(packet, track);
    }
    this.#sayGoodbyeToTalker();
    this.#player?.pause();
  }

  closed(reason: string): void {
    // Nothing more is sent, whatever the stream does.
    this.#leftAtMs ??= this.#owner.shell.clock.now();
    this.#endedAtMs ??= this.#leftAtMs;
    this.#talk?.close(reason);
    this.#packets.close();
    this.#unwatch();
    this.#player?.pause();
    this.#reader.close();
    this.#ticket.end({ reason });
  }

  get #kind(): RtspSessionStatistics["transport"] {
    return this.#session.tracks[0]?.transport.kind;
  }

  #takeReports(packet: Uint8Array, track: number): boolean {
    const bytes = this.#packets.open(packet, { track, rtcp: true });
    if (bytes === undefined) return false;
    return this.#reports.take(bytes, { track, ssrc: this.format.senders[track]!.ssrc });
  }

  #takeTalk(packet: Uint8Array, { rtcp }: { readonly rtcp: boolean }): void {
    const talk = this.#talk!;
    const bytes = this.#packets.open(packet, { track: talk.track, rtcp });
    if (bytes !== undefined) talk.receive(bytes, { rtcp });
  }

  #sayGoodbyeToTalker(): void {
    const goodbye = this.#talk?.goodbye();
    if (goodbye !== undefined) this.#packets.sendRtcp(goodbye, this.#talk!.track);
  }

  /** Datagrams of the client that are what it says. */
  #listenToTalker(track: number, ports: RtspPair): void {
    const session = this.#session;
    const { shell: { clock }, guard } = this.#owner;
    for (const [index, port] of ports.entries()) {
      const rtcp = index === 1;
      const handler = (packet: Uint8Array): void => {
        session.noteActivity(clock.now());
        count(this.#received, packet);
        const isHeard = session.state === "playing" && track === this.#talk?.track;
        if (isHeard) guard(session, () => this.#takeTalk(packet, { rtcp }));
      };
      this.#packets.listen(port, { rtcp, handler });
    }
  }

  #tcpPlayer(): RtspPlayer {
    return new RtspTcpPlayer(this.#session, {
      reader: this.#reader,
      outbox: this.carrier.outbox,
      trackCount: this.format.tracks.length,
      clock: this.#owner.shell.clock,
    });
  }

  #udpPlayer(): RtspPlayer {
    const session = this.#session;
    const { shell: { clock }, datagrams, guard } = this.#owner;
    for (const { track, transport, isBackChannel } of session.tracks) {
      if (transport.kind !== "udp") continue;
      if (isBackChannel) {
        this.#listenToTalker(track, transport.clientPorts);
        continue;
      }
      const handler = (packet: Uint8Array): void => {
        // A receiver report shows that the player lives.
        session.noteActivity(clock.now());
        count(this.#received, packet);
        guard(session, () => this.#takeReports(packet, track));
      };
      this.#packets.listen(transport.clientPorts[1], { rtcp: true, handler });
    }
    return new RtspUdpPlayer(this.#reader.cursor, {
      sockets: datagrams.sockets!,
      clock,
      address: session.address,
      ports: clientPorts(session),
      protection: protectionOf(session),
    });
  }

  /**
   * Another publisher may have other tracks, and a publisher may come to have others: what was described to the player
   * is then wrong, or not all. What the stream has from `head` on is not for a player that was told of other tracks.
   */
  async #checkTracks(stream: Stream, head: number): Promise<void> {
    const { publication } = stream;
    if (publication === undefined) return;
    const now = await this.#takeovers.of({
      stream,
      publication,
      choice: trackChoiceOf(this.#ticket.request.query),
    });
    if (this.hasEnded || now === undefined) return;
    const { wrong, added } = trackChange(now.tracks, this.#described);
    if (wrong.length === 0 && added.length === 0) return;
    const { onChange } = this.#owner;
    if (onChange === "announce") {
      this.#described = now.tracks;
      this.carrier.announce(this.#session, now.description);
    } else if (wrong.length > 0 || onChange === "end") {
      const parts = [
        ...(wrong.length > 0 ? [`${wrong.join(", ")} has changed`] : []),
        ...(added.length > 0 ? [`${added.join(", ")} was added`] : []),
      ];
      this.#end = {
        reason: "changed",
        message: `The stream has another description now: ${parts.join(", ")}`,
      };
      if (this.#kind === "tcp") this.#reader.cursor.stopAt(head);
      this.finish();
    } else this.#described = now.tracks;
  }
}

/**
 * How long a client that was told of the end may take to leave: GStreamer plays what it holds first, by
 * default the last 2 s, and calls it an error when the connection ends before.
 */
const GOODBYE_MS = 3000;

/** RTCP has 255 bytes for a reason (RFC 3550, 6.6); a character that is cut becomes one of three bytes. */
function shortened(why: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(why).subarray(0, 252));
}
