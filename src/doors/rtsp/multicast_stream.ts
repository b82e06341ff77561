import type { Clock, StreamReader } from "../../hub/mod.ts";
import type { RtspPair, RtspServerSession } from "../../rtsp/mod.ts";
import { type DatagramPeer, type DatagramSocket, joinDatagramGroup } from "../../transport/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { RtpSockets } from "./rtp_sockets.ts";
import { type RtspPlayer, RtspUdpPlayer } from "./rtsp_player.ts";

/** What a {@linkcode MulticastStream} needs. */
export interface MulticastStreamOptions {
  readonly sockets: RtpSockets;
  readonly clock: Clock;
  /** Address of the group. */
  readonly address: string;
  readonly log: ServerLog;
  /** Takes the RTCP that comes to the group: reports of players, and what this server sends. */
  readonly onRtcp: (bytes: Uint8Array, from: DatagramPeer) => void;
}

/** A stream's packets on the way to its group: sent once, whatever the number of sessions. */
export class MulticastStream {
  /** The one reader that all sessions share. */
  readonly reader: StreamReader;
  /** The sessions that are set up. */
  readonly sessions: Set<RtspServerSession> = new Set();
  readonly #playing = new Set<RtspServerSession>();
  /** Ports of the tracks that a playing session wants. */
  readonly #ports = new Map<number, RtspPair>();
  readonly #player: RtspUdpPlayer;
  readonly #options: MulticastStreamOptions;
  /** Sockets at the RTCP ports of the tracks that were ever played. */
  readonly #listening = new Map<number, Promise<DatagramSocket | undefined>>();

  /** Sends nothing until a session plays. */
  constructor(reader: StreamReader, options: MulticastStreamOptions) {
    this.reader = reader;
    this.#options = options;
    this.#player = new RtspUdpPlayer(reader.cursor, {
      ...options,
      ports: this.#ports,
      getsAllReports: true,
    });
  }

  /** The player of one session: it starts the sending, or finds it going on. */
  playerOf(session: RtspServerSession): RtspPlayer {
    return {
      start: () => this.#start(session),
      pause: () => this.#pause(session),
      finish: (onDone) => {
        this.#pause(session);
        onDone();
      },
      // What goes to the group is counted once, with the stream (R096).
      packets: 0,
      bytes: 0,
    };
  }

  /** Leaves the stream and the group. */
  close(): void {
    this.reader.close();
    for (const listening of this.#listening.values()) void listening.then((one) => one?.close());
    this.#listening.clear();
  }

  #start(session: RtspServerSession): void {
    this.#playing.add(session);
    this.#setPorts();
    for (const [, port] of this.#ports.values()) {
      if (!this.#listening.has(port)) this.#listening.set(port, this.#listen(port));
    }
    this.#player.start();
  }

  #pause(session: RtspServerSession): void {
    this.#playing.delete(session);
    this.#setPorts();
    if (this.#playing.size === 0) this.#player.pause();
  }

  /** Receivers report to the group (RFC 3550, 6), which shows that they live. */
  async #listen(port: number): Promise<DatagramSocket | undefined> {
    const { address, sockets, log, onRtcp } = this.#options;
    try {
      const group = { hostname: address, port };
      const socket = await joinDatagramGroup(group, { via: sockets.hostname });
      void socket.receive(onRtcp);
      return socket;
    } catch (error) {
      // Who lives can still tell by requests.
      log.warn("reports of multicast players cannot be received", {
        group: address,
        port,
        error: String(error),
      });
      return undefined;
    }
  }

  #setPorts(): void {
    this.#ports.clear();
    for (const { tracks } of this.#playing) {
      for (const { track, transport } of tracks) {
        if (transport.kind === "multicast") this.#ports.set(track, transport.ports);
      }
    }
  }
}
