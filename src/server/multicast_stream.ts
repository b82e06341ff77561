import type { Clock, StreamReader } from "../hub/mod.ts";
import type { RtspPair, RtspServerSession } from "../rtsp/mod.ts";
import type { RtpSockets } from "./rtp_sockets.ts";
import { type RtspPlayer, RtspUdpPlayer } from "./rtsp_player.ts";

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

  /** Sends nothing until a session plays. */
  constructor(
    reader: StreamReader,
    options: { readonly sockets: RtpSockets; readonly clock: Clock; readonly address: string },
  ) {
    this.reader = reader;
    this.#player = new RtspUdpPlayer(reader.cursor, { ...options, ports: this.#ports });
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

  #start(session: RtspServerSession): void {
    this.#playing.add(session);
    this.#setPorts();
    this.#player.start();
  }

  #pause(session: RtspServerSession): void {
    this.#playing.delete(session);
    this.#setPorts();
    if (this.#playing.size === 0) this.#player.pause();
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
