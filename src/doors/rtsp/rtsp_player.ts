import type { Clock, StreamReader, WireCursor } from "../../hub/mod.ts";
import type { RtspPair, RtspServerSession } from "../../rtsp/mod.ts";
import { pause } from "../../time/mod.ts";
import { DatagramPace, type DatagramPeer, type Outbox } from "../../transport/mod.ts";
import type { RtpSockets } from "./rtp_sockets.ts";
import { type DatagramRun, datagramRuns, datagramRunsOf } from "./datagram_runs.ts";
import { framesOf, JoinBurst } from "./join_burst.ts";
import { RtspTcpFeed } from "./rtsp_tcp_feed.ts";
import { protectionOf, type SessionProtection } from "./session_protection.ts";

/** A count of RTP and RTCP packets. */
export interface RtspTraffic {
  /** Packets so far. */
  readonly packets: number;
  /** Their bytes; over TCP with the four before each packet. */
  readonly bytes: number;
}

/** How a session's player gets its packets. */
export interface RtspPlayer extends RtspTraffic {
  /** Starts, or goes on after `pause`. */
  start(): void;
  /** Sends nothing more until `start`. */
  pause(): void;
  /** Sends what is left, where it can be behind at all; then nothing more, and calls `onDone`. */
  finish(onDone: () => void): void;
}

/** The player of a session over its TCP connection. */
export class RtspTcpPlayer implements RtspPlayer {
  readonly #outbox: Outbox;
  readonly #feed: RtspTcpFeed;
  readonly #cursor: WireCursor;
  readonly #burst: JoinBurst;
  #running = false;

  /** `trackCount` is that of the description: a player of all, in order, gets the shared bytes. */
  constructor(
    session: RtspServerSession,
    options: {
      readonly reader: StreamReader;
      readonly outbox: Outbox;
      readonly trackCount: number;
      readonly clock: Clock;
    },
  ) {
    const { reader: { cursor }, outbox, trackCount, clock } = options;
    this.#burst = new JoinBurst(clock);
    this.#cursor = cursor;
    this.#outbox = outbox;
    const channels = new Map<number, number>();
    for (const { track, transport, isBackChannel } of session.tracks) {
      if (transport.kind === "tcp" && !isBackChannel) channels.set(track, transport.channels[0]);
    }
    const protection = protectionOf(session);
    const isShared = protection === undefined && channels.size === trackCount &&
      channels.entries().every(([track, channel]) => channel === track * 2);
    this.#feed = new RtspTcpFeed(cursor, {
      burst: this.#burst,
      channels: isShared ? undefined : channels,
      protection,
    });
  }

  get packets(): number {
    return this.#feed.messages;
  }

  get bytes(): number {
    return this.#feed.bytes;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#burst.begin();
    this.#feed.restart();
    this.#outbox.add(this.#feed);
  }

  pause(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#outbox.remove(this.#feed);
    // It will go on at a key frame, which its next PLAY is told.
    this.#cursor.restart();
  }

  finish(onDone: () => void): void {
    if (!this.#running) onDone();
    else this.#outbox.finish(this.#feed, onDone);
  }
}

/** Time for a player to make something of the reports behind the burst, before media come in between. */
const SETTLING_PAUSE_MS = 5;

/**
 * Reports of the log come so often that players are in sync within their first second; one that has played for so long gets
 * all of one time in so many milliseconds (RFC 3550, 6.2, has 5 s), since each is a datagram.
 */
const SYNC_MS = 5000;
const REPORT_PAUSE_MS = 2000;

/** Reports of one time come one behind the other: those within so many milliseconds of the first. */
const SAME_REPORTS_MS = 100;

/** RTP and RTCP port of each track of a session over UDP. */
export function clientPorts(session: RtspServerSession): Map<number, RtspPair> {
  const ports = new Map<number, RtspPair>();
  for (const { track, transport, isBackChannel } of session.tracks) {
    if (transport.kind === "udp" && !isBackChannel) ports.set(track, transport.clientPorts);
  }
  return ports;
}

/** Sends packets as datagrams: to a client, or to a group. */
export class RtspUdpPlayer implements RtspPlayer {
  packets = 0;
  bytes = 0;
  readonly #cursor: WireCursor;
  readonly #sockets: Pick<RtpSockets, "sendRun">;
  readonly #clock: Clock;
  readonly #pace: DatagramPace;
  readonly #address: string;
  readonly #ports: ReadonlyMap<number, RtspPair>;
  readonly #protection: SessionProtection | undefined;
  readonly #peers = new Map<number, DatagramPeer>();
  readonly #burst: JoinBurst;
  /** Whether it gets all reports, as players of a group do, any of whom may just have joined. */
  readonly #getsAllReports: boolean;
  #startedMs = 0;
  #reportedMs = 0;
  #running = false;
  #sending = false;
  /** Counts the pauses: what was taken before one is not sent after it. */
  #pauses = 0;
  readonly #onWake = (): void => void this.#pump();

  /** `ports` are the RTP and RTCP ports of each track at `address`; other tracks are not sent. */
  constructor(
    cursor: WireCursor,
    options: {
      readonly sockets: Pick<RtpSockets, "sendRun">;
      readonly clock: Clock;
      readonly address: string;
      readonly ports: ReadonlyMap<number, RtspPair>;
      /** What protects its packets. */
      readonly protection?: SessionProtection | undefined;
      /** Whether it gets all reports of the log; by default as many as it needs. */
      readonly getsAllReports?: boolean;
    },
  ) {
    this.#cursor = cursor;
    this.#sockets = options.sockets;
    this.#clock = options.clock;
    this.#pace = new DatagramPace(options.clock);
    this.#address = options.address;
    this.#ports = options.ports;
    this.#protection = options.protection;
    this.#getsAllReports = options.getsAllReports ?? false;
    this.#burst = new JoinBurst(options.clock);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#startedMs = this.#reportedMs = this.#clock.now();
    this.#burst.begin();
    void this.#pump();
  }

  pause(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#pauses++;
    this.#cursor.restart();
  }

  /** What has not left yet is dropped: datagrams wait for nobody. */
  finish(onDone: () => void): void {
    this.pause();
    onDone();
  }

  async #pump(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#running) {
      const run = this.#cursor.takeRun();
      if (run === undefined) {
        this.#cursor.wait(this.#onWake);
        break;
      }
      const pauses = this.#pauses;
      const preamble = this.#cursor.takePreamble();
      if (preamble.length > 0) await this.#send(datagramRuns(framesOf(preamble)), pauses);
      await this.#send(
        this.#burst.isOverBefore(run) ? datagramRunsOf(run) : datagramRuns(this.#burst.frames(run)),
        pauses,
      );
    }
    this.#sending = false;
  }

  async #send(runs: Iterable<DatagramRun>, pauses: number): Promise<void> {
    // What is on its way, in order, all from one socket: other players' packets do not come in between.
    let leaving: Promise<void> | undefined;
    let isRtcpLeaving = false;
    for (const { track, rtcp, packets: plain, bytes, isSettling } of runs) {
      const port = this.#ports.get(track)?.[rtcp ? 1 : 0];
      if (port === undefined || (rtcp && !isSettling && this.#isReportSpare())) continue;
      const isWaiting = isSettling || rtcp !== isRtcpLeaving || this.#pace.isFullWith(plain.length);
      if (isWaiting && leaving !== undefined) await leaving;
      const rest = isSettling
        ? pause(SETTLING_PAUSE_MS, { clock: this.#clock })
        : this.#pace.next(plain.length);
      if (rest !== undefined) await rest;
      if (this.#pauses !== pauses) return;
      const packets = this.#protected(plain, rtcp);
      this.packets += packets.length;
      this.bytes += packets === plain ? bytes : bytesOf(packets);
      leaving = this.#sockets.sendRun(packets, { peer: this.#peerAt(port), rtcp });
      isRtcpLeaving = rtcp;
    }
    if (leaving !== undefined) await leaving;
  }

  /** Whether a report that comes now is one that the player does without. */
  #isReportSpare(): boolean {
    const nowMs = this.#clock.now();
    if (this.#getsAllReports || nowMs - this.#startedMs < SYNC_MS) return false;
    const sinceMs = nowMs - this.#reportedMs;
    if (sinceMs >= REPORT_PAUSE_MS) this.#reportedMs = nowMs;
    return sinceMs >= SAME_REPORTS_MS && sinceMs < REPORT_PAUSE_MS;
  }

  /** The same object each time: to send to who was sent to before costs less. */
  #peerAt(port: number): DatagramPeer {
    let peer = this.#peers.get(port);
    if (peer === undefined) {
      peer = { hostname: this.#address, port };
      this.#peers.set(port, peer);
    }
    return peer;
  }

  #protected(packets: readonly Uint8Array[], rtcp: boolean): readonly Uint8Array[] {
    const protection = this.#protection;
    if (protection === undefined) return packets;
    return packets.map((packet) => protection.protect(packet, { rtcp }));
  }
}

function bytesOf(packets: readonly Uint8Array[]): number {
  return packets.reduce((sum, { length }) => sum + length, 0);
}
