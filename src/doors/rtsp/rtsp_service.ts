import type { Publication, Stream, StreamReader } from "../../hub/mod.ts";
import type { Track } from "../../media/mod.ts";
import type { RtpTrack } from "../../transmux/mod.ts";
import { buildRtcp, parseRtcp, RtpError } from "../../rtp/mod.ts";
import {
  type RtspServerEvent,
  type RtspServerSession,
  RtspSessionRegistry,
  type RtspTrackStart,
  type RtspTransportPolicy,
} from "../../rtsp/mod.ts";
import type { Shell } from "../mod.ts";
import type { NotGranted, PlayTicket, PublishTicket, StreamRequest } from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { RtpSockets } from "./rtp_sockets.ts";
import type { MulticastGroups } from "./multicast_groups.ts";
import { MulticastStream } from "./multicast_stream.ts";
import { clientPorts, type RtspPlayer, RtspTcpPlayer, RtspUdpPlayer } from "./rtsp_player.ts";
import { RtpSessionIngest } from "./rtp_session_ingest.ts";
import { areCompatible, describeStream, rtspFormatName, RtspWireFormat } from "../../wire/mod.ts";
import { type DatagramPeer, isLoopback, type Outbox } from "../../transport/mod.ts";
import type { RtspSessionStatistics } from "./rtsp_statistics.ts";

/** Times of RTSP sessions, milliseconds. */
export interface RtspServiceOptions {
  /** Without a sign of the client a session over UDP ends after this. Default 60 000. */
  readonly idleTimeoutMs?: number;
  /** Without a packet a publisher's session ends after this. Default 10 000. */
  readonly mediaTimeoutMs?: number;
  /** How long a player that is behind may take for the rest of a stream that has ended. Default 4000. */
  readonly drainMs?: number;
}

/** What multicast needs. */
export interface RtspMulticast {
  /** Sends to the groups; made ready for them. */
  readonly sockets: RtpSockets;
  /** Which stream has which group. */
  readonly groups: MulticastGroups;
}

/** What of a connection a session over it needs. */
export interface RtspCarrier {
  readonly outbox: Outbox;
  /** Ends the connection if its state says so. */
  checkClosed(): void;
}

/** Packets and their bytes, counted up. */
interface Traffic {
  packets: number;
  bytes: number;
}

interface PlayingSession {
  readonly mode: "play";
  readonly ticket: PlayTicket;
  readonly reader: StreamReader;
  readonly format: RtspWireFormat;
  readonly carrier: RtspCarrier;
  readonly unwatch: () => void;
  readonly peers: DatagramPeer[];
  /** Reports of the client. */
  readonly received: Traffic;
  /** What the server itself had to say; media is the player's to count. */
  readonly sent: Traffic;
  /** How many packets of each track the client has reported lost. */
  readonly lost: Map<number, number>;
  player: RtspPlayer | undefined;
  /** When the stream has ended for it. */
  endedAtMs: number | undefined;
  /** When its client was told so, all that was left being sent. */
  leftAtMs: number | undefined;
}

interface RecordingSession {
  readonly mode: "record";
  readonly ticket: PublishTicket;
  readonly publisher: RtpSessionIngest;
  readonly carrier: RtspCarrier;
  readonly peers: DatagramPeer[];
  /** Receiver reports. */
  readonly sent: Traffic;
}

/** The media side of all RTSP sessions of a server: who plays and records what, over which way. */
export class RtspService {
  /** The sessions, shared by all connections. */
  readonly sessions: RtspSessionRegistry;
  /** The RTP and RTCP sockets, where UDP is offered. */
  readonly sockets: RtpSockets | undefined;
  /** What sends to groups, where multicast is offered. */
  readonly multicast: RtspMulticast | undefined;
  readonly #shell: Shell;
  readonly #drainMs: number;
  /** The streams that have sessions over multicast. */
  readonly #multicasts = new Map<Stream, MulticastStream>();
  readonly #owned = new Map<RtspServerSession, PlayingSession | RecordingSession>();
  /** The tracks of publishers that took a stream over: its players, however many, look once. */
  readonly #described = new WeakMap<Publication, Promise<readonly RtpTrack[] | undefined>>();
  readonly #onGroupRtcp = (bytes: Uint8Array, from: DatagramPeer): void =>
    this.#takeGroupReports(bytes, from);

  /** Starts without sessions. */
  constructor(
    shell: Shell,
    options: RtspServiceOptions & {
      readonly sockets: RtpSockets | undefined;
      readonly multicast?: RtspMulticast | undefined;
    },
  ) {
    this.#shell = shell;
    this.#drainMs = options.drainMs ?? DRAIN_MS;
    this.sockets = options.sockets;
    this.multicast = options.multicast;
    if (this.multicast !== undefined) {
      // A receiver that knows where the packets come from may report to there (RFC 5760).
      this.multicast.sockets.onStrangeRtcp = this.#onGroupRtcp;
    }
    this.sessions = new RtspSessionRegistry({ ...options, random });
  }

  /**
   * Attaches a player to the stream; its format tells the sources of the tracks. `group` is the address of
   * a player of multicast.
   */
  openPlayer(
    session: RtspServerSession,
    from: {
      readonly stream: Stream;
      readonly group?: string | undefined;
      readonly tracks: readonly RtpTrack[];
      readonly ticket: PlayTicket;
      readonly carrier: RtspCarrier;
    },
  ): RtspWireFormat {
    const existing = this.#owned.get(session);
    if (existing?.mode === "play") return existing.format;
    const { stream, tracks, ticket, carrier, group } = from;
    const shared = group === undefined ? undefined : this.#joinMulticast(session, {
      stream,
      tracks,
      address: group,
    });
    const lost = new Map<number, number>();
    const reader = shared === undefined
      ? this.#read(stream, { tracks, onEnd: () => this.#endPlayer(session), lost })
      : { ...shared.reader, close: () => this.#leaveMulticast(session, { stream, shared }) };
    const format = reader.format as RtspWireFormat;
    const unwatch = stream.watch(() => void this.#checkTracks(session, stream));
    this.#owned.set(session, {
      mode: "play",
      ticket,
      reader,
      format,
      carrier,
      unwatch,
      peers: [],
      received: { packets: 0, bytes: 0 },
      sent: { packets: 0, bytes: 0 },
      lost,
      player: shared?.playerOf(session),
      endedAtMs: undefined,
      leftAtMs: undefined,
    });
    return format;
  }

  /** Gives up a player whose session was refused in the end, or whose connection has ended meanwhile. */
  dropUnregistered(session: RtspServerSession): void {
    if (this.sessions.get(session.id) !== session) this.closed(session, "refused");
  }

  /** Whether a session over a connection plays or records. */
  hasRole(carrier: RtspCarrier): boolean {
    return this.#owned.values().some((owned) => owned.carrier === carrier);
  }

  /** Ends all sessions over a connection; their clients are told. */
  closeAll(carrier: RtspCarrier, reason: string): void {
    for (const [session, owned] of [...this.#owned]) {
      if (owned.carrier === carrier) this.#end(session, reason);
    }
  }

  /**
   * The policy, but for client ports that are the server's own: media to where its own sockets receive would come
   * back as that of a client. `localAddress` is where a client reached the server, and other clients at that address,
   * or on its loopback, are the same machine.
   */
  withoutOwnPorts(
    policy: RtspTransportPolicy,
    localAddress: string | undefined,
  ): RtspTransportPolicy {
    const sockets = [this.sockets, this.multicast?.sockets].filter((one) => one !== undefined);
    if (sockets.length === 0) return policy;
    return {
      ...policy,
      isOwnPort: ({ address, port }) =>
        (address === localAddress || isLoopback(address)) &&
        sockets.some(({ ports }) => ports.includes(port)),
    };
  }

  /** Counts of the sessions that play, are set up to, or record. */
  get statistics(): RtspSessionStatistics[] {
    return Array.from(this.#owned, ([session, owned]) => {
      const { ticket: { request }, sent } = owned;
      const player = owned.mode === "play" ? owned.player : undefined;
      const came = owned.mode === "play"
        ? { ...owned.received, lost: lostOf(owned.lost) }
        : owned.publisher.statistics;
      return {
        connection: request.connection.id,
        stream: request.name,
        mode: owned.mode,
        transport: session.tracks[0]?.transport.kind,
        packetsReceived: came.packets,
        bytesReceived: came.bytes,
        packetsSent: sent.packets + (player?.packets ?? 0),
        bytesSent: sent.bytes + (player?.bytes ?? 0),
        packetsLost: came.lost,
      };
    });
  }

  /** Whether a stream is being sent to its group. */
  isMulticast(name: string): boolean {
    return this.#multicasts.keys().some((stream) => stream.name === name);
  }

  /** The wire format of a session that plays or is set up to. */
  formatOf(session: RtspServerSession): RtspWireFormat | undefined {
    const owned = this.#owned.get(session);
    return owned?.mode === "play" ? owned.format : undefined;
  }

  /** Where the packets of each track will start: what RTP-Info tells. */
  trackStarts(session: RtspServerSession): RtspTrackStart[] {
    const owned = this.#owned.get(session);
    if (owned?.mode !== "play") return [];
    const starts = new Map<number, RtspTrackStart>();
    const run = owned.reader.cursor.peekRun();
    for (const { start } of run?.entries ?? []) {
      const view = new DataView(run!.bytes.buffer, run!.bytes.byteOffset + start);
      const channel = view.getUint8(1);
      if (channel % 2 === 1 || starts.has(channel >> 1)) continue;
      const track = channel >> 1;
      starts.set(track, { track, sequence: view.getUint16(6), rtpTime: view.getUint32(8) });
    }
    return session.tracks.map(({ track }) =>
      starts.get(track) ?? { track, sequence: owned.format.senders[track]!.nextSequenceNumber }
    );
  }

  /** Starts a player, or lets it go on. */
  play(session: RtspServerSession): void {
    const owned = this.#owned.get(session);
    if (owned?.mode !== "play") return;
    if (owned.endedAtMs !== undefined) return;
    const { reader, carrier, format } = owned;
    if (!owned.ticket.isStarted) {
      owned.player ??= session.tracks[0]?.transport.kind === "udp"
        ? this.#udpPlayer(session, owned)
        : new RtspTcpPlayer(session, {
          reader,
          outbox: carrier.outbox,
          trackCount: format.tracks.length,
        });
      const isStarted = owned.ticket.start({
        onEnded: ({ reason }) => this.#end(session, reason),
        fields: { transport: session.tracks[0]?.transport.kind },
        endFields: () => {
          const { bytes, skips } = reader.cursor;
          const lost = lostOf(owned.lost);
          return { bytes, skips, ...(lost === undefined ? {} : { lost }) };
        },
      });
      // The connection that was asked about may have gone, and another have its session.
      if (!isStarted) return this.#close(session, "connection");
    }
    owned.player?.start();
  }

  /** Stops a player until it plays again. */
  pause(session: RtspServerSession): void {
    const owned = this.#owned.get(session);
    if (owned?.mode !== "play") return;
    owned.player?.pause();
    if (owned.endedAtMs !== undefined) this.#sayGoodbye(session);
  }

  /** Takes the name for a publisher; returns how that is refused, if it is. */
  openPublisher(
    session: RtspServerSession,
    from: {
      readonly tracks: readonly Track[];
      /** Which media of the description each track is. */
      readonly media: readonly number[];
      readonly ticket: PublishTicket;
      readonly carrier: RtspCarrier;
    },
  ): NotGranted | undefined {
    if (this.#owned.has(session)) return undefined;
    const { tracks, media, ticket, carrier } = from;
    let publisher: RtpSessionIngest | undefined;
    const started = ticket.start({
      tracks,
      onEnded: ({ reason }) => this.#end(session, reason),
      fields: { transport: session.tracks[0]?.transport.kind },
      endFields: () => {
        if (publisher === undefined) return {};
        const { lost, foreign, malformed } = publisher.statistics;
        return { lost, foreign, malformed };
      },
    });
    if (!("granted" in started)) return started;
    try {
      publisher = new RtpSessionIngest(ticket, {
        tracks,
        media,
        ordered: session.tracks[0]?.transport.kind === "tcp",
        ssrc: new DataView(random(4).buffer).getUint32(0),
        nowMs: this.#shell.clock.now(),
      });
    } catch (error) {
      // Nobody else would free the name.
      ticket.end({ clean: false, reason: "internal", message: "Internal error" });
      throw error;
    }
    this.#owned.set(session, {
      mode: "record",
      ticket,
      publisher,
      carrier,
      peers: [],
      sent: { packets: 0, bytes: 0 },
    });
    return undefined;
  }

  /** The answer to RECORD is out: packets may come. */
  record(session: RtspServerSession): void {
    const owned = this.#owned.get(session);
    // A repeated RECORD, or one after PAUSE, finds all in place.
    if (owned?.mode !== "record" || owned.peers.length > 0) return;
    const { publisher } = owned;
    for (const { track, transport } of session.tracks) {
      if (transport.kind !== "udp" || this.sockets === undefined) continue;
      for (const [index, port] of transport.clientPorts.entries()) {
        const rtcp = index === 1;
        const peer = { hostname: session.address, port };
        const handler = (packet: Uint8Array): void => {
          if (session.state !== "recording") return;
          const nowMs = this.#shell.clock.now();
          session.notePacket(nowMs);
          this.#guard(session, () => {
            publisher.take(packet, { index: track, rtcp, nowMs });
            publisher.commit();
          });
        };
        this.sockets.register(peer, { rtcp, handler });
        owned.peers.push(peer);
        // Opens the firewall towards the publisher.
        const knock = rtcp ? publisher.emptyReport() : EMPTY_RTP;
        count(owned.sent, knock);
        void this.sockets.send(knock, { peer, rtcp });
      }
    }
  }

  /** Takes a packet that came interleaved; `commit` ends the batch. */
  takeFrame(event: Extract<RtspServerEvent, { type: "frame" }>): void {
    const owned = this.#owned.get(event.session);
    if (owned?.mode === "play") {
      count(owned.received, event.payload);
      takeReports(owned, { track: event.track, bytes: event.payload });
    }
    if (owned?.mode !== "record") return;
    owned.publisher.take(event.payload, {
      index: event.track,
      rtcp: event.rtcp,
      nowMs: this.#shell.clock.now(),
    });
  }

  /** Ends a batch of interleaved packets. */
  commit(session: RtspServerSession): void {
    const owned = this.#owned.get(session);
    if (owned?.mode === "record") owned.publisher.commit();
  }

  /** Gives up what a session that has ended held. */
  closed(session: RtspServerSession, reason: string): void {
    const owned = this.#owned.get(session);
    if (owned === undefined) return;
    this.#owned.delete(session);
    for (const peer of owned.peers) this.sockets?.unregister(peer);
    if (owned.mode === "record") {
      owned.publisher.end();
      owned.ticket.end({
        clean: reason === "teardown",
        reason: reason === "teardown" ? "unpublished" : reason,
        message: `The session has ended: ${reason}`,
      });
      return;
    }
    owned.unwatch();
    owned.player?.pause();
    owned.reader.close();
    owned.ticket.end({ reason });
  }

  /** Passes time on: timeouts, receiver reports. */
  tick(): void {
    const nowMs = this.#shell.clock.now();
    for (const [session, owned] of this.#owned) {
      if (owned.mode === "play") {
        const { endedAtMs = Infinity, leftAtMs = Infinity } = owned;
        if (owned.leftAtMs === undefined && nowMs - endedAtMs >= this.#drainMs) {
          this.#logOf(owned.ticket.request).debug("rtsp player has not taken the rest in time", {
            connection: owned.ticket.request.connection.id,
            stream: owned.ticket.request.name,
          });
          this.#sayGoodbye(session);
        }
        if (nowMs - leftAtMs >= GOODBYE_MS) this.#close(session, "unpublished");
        continue;
      }
      this.#guard(session, () => {
        for (const { index, packet } of owned.publisher.tick(nowMs)) {
          this.#sendRtcp(session, owned, { track: index, packet });
        }
      });
    }
    this.#handle(this.sessions.tick(nowMs));
  }

  /** Tells all clients that the server goes. */
  stop(): void {
    for (const session of [...this.sessions]) {
      const owned = this.#owned.get(session);
      if (owned?.mode === "play") this.#sayGoodbye(session);
      this.#close(session, "stopped");
    }
  }

  #logOf({ connection }: StreamRequest): ServerLog {
    return this.#shell.peers.of(connection.remoteAddress);
  }

  #read(
    stream: Stream,
    options: {
      readonly tracks: readonly RtpTrack[];
      readonly onEnd: () => void;
      readonly lost?: ReadonlyMap<number, number>;
    },
  ): StreamReader {
    const { tracks, onEnd, lost } = options;
    return stream.read({
      format: rtspFormatName(tracks),
      create: () =>
        new RtspWireFormat({ tracks, random, nowUnixUs: () => Math.round(Date.now() * 1000) }),
      onEnd,
      lostPackets: () => lost === undefined ? undefined : lostOf(lost),
    });
  }

  #joinMulticast(
    session: RtspServerSession,
    from: {
      readonly stream: Stream;
      readonly tracks: readonly RtpTrack[];
      readonly address: string;
    },
  ): MulticastStream {
    const { stream, tracks, address } = from;
    let shared = this.#multicasts.get(stream);
    // Players of before, who were told of another publisher's tracks, may not have left yet.
    if (shared === undefined || this.#hasEnded(shared)) {
      const { sockets } = this.multicast!;
      const { clock } = this.#shell;
      const reader = this.#read(stream, { tracks, onEnd: () => this.#endMulticast(stream) });
      shared = new MulticastStream(reader, {
        sockets,
        clock,
        address,
        log: this.#shell.log,
        onRtcp: this.#onGroupRtcp,
      });
      this.#multicasts.set(stream, shared);
    }
    shared.sessions.add(session);
    return shared;
  }

  /** Whether the stream is over for all sessions: nothing is sent to the group any more. */
  #hasEnded({ sessions }: MulticastStream): boolean {
    return sessions.values().every((session) => {
      const owned = this.#owned.get(session);
      return owned?.mode === "play" && owned.endedAtMs !== undefined;
    });
  }

  #leaveMulticast(
    session: RtspServerSession,
    { stream, shared }: { readonly stream: Stream; readonly shared: MulticastStream },
  ): void {
    shared.sessions.delete(session);
    if (shared.sessions.size > 0) return;
    if (this.#multicasts.get(stream) === shared) this.#multicasts.delete(stream);
    shared.close();
  }

  #endMulticast(stream: Stream): void {
    for (const session of [...this.#multicasts.get(stream)?.sessions ?? []]) {
      this.#endPlayer(session);
    }
  }

  #udpPlayer(session: RtspServerSession, owned: PlayingSession): RtspPlayer {
    const sockets = this.sockets!;
    for (const { track, transport } of session.tracks) {
      if (transport.kind !== "udp") continue;
      const peer = { hostname: session.address, port: transport.clientPorts[1] };
      // A receiver report shows that the player lives.
      const handler = (packet: Uint8Array): void => {
        session.noteActivity(this.#shell.clock.now());
        count(owned.received, packet);
        this.#guard(session, () => takeReports(owned, { track, bytes: packet }));
      };
      sockets.register(peer, { rtcp: true, handler });
      owned.peers.push(peer);
    }
    const { clock } = this.#shell;
    return new RtspUdpPlayer(owned.reader.cursor, {
      sockets,
      clock,
      address: session.address,
      ports: clientPorts(session),
    });
  }

  /**
   * What a player of a group tells of its packets. Its port is not known: the report is taken for that of all
   * sessions of its address, and only where it is about packets of their stream.
   */
  #takeGroupReports(bytes: Uint8Array, { hostname }: DatagramPeer): void {
    for (const { sessions } of this.#multicasts.values()) {
      for (const session of sessions) {
        const owned = this.#owned.get(session);
        if (session.address !== hostname || owned?.mode !== "play") continue;
        this.#guard(session, () => {
          if (!session.tracks.some(({ track }) => takeReports(owned, { track, bytes }))) return;
          count(owned.received, bytes);
          session.noteActivity(this.#shell.clock.now());
        });
      }
    }
  }

  /** The stream is over for a player: it gets what it has not been sent yet, within bounds, and is told. */
  #endPlayer(session: RtspServerSession): void {
    const owned = this.#owned.get(session);
    if (owned?.mode !== "play" || owned.endedAtMs !== undefined) return;
    owned.endedAtMs = this.#shell.clock.now();
    if (owned.player === undefined) this.#sayGoodbye(session);
    else owned.player.finish(() => this.#sayGoodbye(session));
  }

  /** Says good-bye; the client then ends its session itself, or the session is closed a moment later. */
  #sayGoodbye(session: RtspServerSession): void {
    const owned = this.#owned.get(session);
    if (owned?.mode !== "play" || owned.leftAtMs !== undefined) return;
    owned.leftAtMs = this.#shell.clock.now();
    owned.endedAtMs ??= owned.leftAtMs;
    for (const { track } of session.tracks) {
      const packet = buildRtcp([
        { type: "receiver-report", ssrc: owned.format.senders[track]!.ssrc, reports: [] },
        { type: "goodbye", ssrcs: [owned.format.senders[track]!.ssrc] },
      ]);
      this.#sendRtcp(session, owned, { track, packet });
    }
    owned.player?.pause();
  }

  #sendRtcp(
    session: RtspServerSession,
    owned: PlayingSession | RecordingSession,
    rtcp: { readonly track: number; readonly packet: Uint8Array },
  ): void {
    const { track, packet } = rtcp;
    count(owned.sent, packet);
    const transport = session.tracks.find((candidate) => candidate.track === track)?.transport;
    if (transport?.kind === "udp") {
      const peer = { hostname: session.address, port: transport.clientPorts[1] };
      void this.sockets?.send(packet, { peer, rtcp: true });
    } else if (transport?.kind === "multicast") {
      const peer = { hostname: transport.address, port: transport.ports[1] };
      void this.multicast?.sockets.send(packet, { peer, rtcp: true });
    } else if (transport?.kind === "tcp") {
      const frame = new Uint8Array(4 + packet.length);
      frame.set([0x24, transport.channels[1], packet.length >> 8, packet.length & 0xff]);
      frame.set(packet, 4);
      owned.carrier.outbox.send([frame]);
    }
  }

  /** Another publisher may have other tracks: what was described to the player is then wrong. */
  async #checkTracks(session: RtspServerSession, stream: Stream): Promise<void> {
    const { publication } = stream;
    if (publication === undefined) return;
    // Nothing of the new publisher is in the logs yet.
    const playing = this.#owned.get(session);
    const head = playing?.mode === "play" ? playing.reader.cursor.head : 0;
    let described = this.#described.get(publication);
    if (described === undefined) {
      described = this.#describe(stream);
      this.#described.set(publication, described);
    }
    const tracks = await described;
    const owned = this.#owned.get(session);
    if (owned?.mode !== "play" || owned.endedAtMs !== undefined || tracks === undefined) return;
    if (areCompatible(tracks, owned.format.tracks)) return;
    // What the new publisher sends is not for a player that was told of other tracks.
    if (session.tracks[0]?.transport.kind === "tcp") owned.reader.cursor.stopAt(head);
    this.#endPlayer(session);
  }

  async #describe(stream: Stream): Promise<readonly RtpTrack[] | undefined> {
    const { clock, timing, log } = this.#shell;
    try {
      return (await describeStream(stream, { clock, log, waitMs: timing.playWaitMs }))?.tracks;
    } catch (error) {
      log.error("a stream could not be described", { error: String(error) });
      return undefined;
    }
  }

  /** A mistake of this program ends the session that shows it, and nothing else. */
  #guard(session: RtspServerSession, act: () => void): void {
    try {
      act();
    } catch (error) {
      const log = this.#shell.peers.of(session.address);
      log.error("rtsp session failed", { error: String(error) });
      this.#close(session, "internal");
    }
  }

  /** Ends a session from this side: the client is told by a good-bye, and by the end of its session. */
  #end(session: RtspServerSession, reason: string): void {
    const owned = this.#owned.get(session);
    if (owned?.mode === "play") this.#sayGoodbye(session);
    else if (owned !== undefined) {
      for (const { track } of session.tracks) {
        this.#sendRtcp(session, owned, { track, packet: owned.publisher.goodbye() });
      }
    }
    this.#close(session, reason);
  }

  /** Ends a session that its client has not ended; `reason` is what log and hooks are told. */
  #close(session: RtspServerSession, reason: string): void {
    const owned = this.#owned.get(session);
    const events = this.sessions.close(session);
    this.closed(session, reason);
    this.#handle(events);
    owned?.carrier.checkClosed();
  }

  #handle(events: readonly RtspServerEvent[]): void {
    for (const event of events) {
      if (event.type !== "session-closed") continue;
      const owned = this.#owned.get(event.session);
      this.closed(event.session, event.reason);
      owned?.carrier.checkClosed();
    }
  }
}

/** What a player tells of the packets of a track; whether it has told anything of them. */
function takeReports(
  { format, lost }: PlayingSession,
  { track, bytes }: { readonly track: number; readonly bytes: Uint8Array },
): boolean {
  const { ssrc } = format.senders[track]!;
  try {
    for (const packet of parseRtcp(bytes)) {
      if (packet.type !== "receiver-report" && packet.type !== "sender-report") continue;
      const report = packet.reports.find((one) => one.ssrc === ssrc);
      if (report === undefined) continue;
      lost.set(track, report.cumulativeLost);
      return true;
    }
  } catch (error) {
    // It costs the report alone (R090).
    if (!(error instanceof RtpError)) throw error;
  }
  return false;
}

function count(traffic: Traffic, packet: Uint8Array): void {
  traffic.packets++;
  traffic.bytes += packet.length;
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Packets lost in all; repeated ones can make a track's count negative (RFC 3550, 6.4.1). */
function lostOf(tracks: ReadonlyMap<number, number>): number | undefined {
  if (tracks.size === 0) return undefined;
  return tracks.values().reduce((sum, count) => sum + Math.max(0, count), 0);
}

/**
 * How long a client that was told of the end may take to leave: GStreamer plays what it holds first, by
 * default the last 2 s, and calls it an error when the connection ends before.
 */
const GOODBYE_MS = 3000;

/** As far as a player may be behind by default: one that reads as fast as the media comes gets all of it. */
const DRAIN_MS = 4000;

/** An RTP packet without payload: version 2, all else 0. */
const EMPTY_RTP = Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
