import type { Stream, StreamReader } from "../../hub/mod.ts";
import type { RtpTrack } from "../../transmux/mod.ts";
import type { RtspServerSession } from "../../rtsp/mod.ts";
import type { DatagramPeer } from "../../transport/mod.ts";
import type { MediaSessionOwner } from "./media_session.ts";
import { MulticastStream } from "./multicast_stream.ts";
import type { PlayingSession } from "./playing_session.ts";
import type { RtspPlayer } from "./rtsp_player.ts";
import { readStream } from "./rtsp_reader.ts";

/** The sessions that play over multicast: those of a stream share what is sent to its group. */
export class MulticastSessions {
  readonly #owner: MediaSessionOwner;
  readonly #playing: (session: RtspServerSession) => PlayingSession | undefined;
  /** The streams that have sessions over multicast. */
  readonly #streams = new Map<Stream, MulticastStream>();

  /** `playing` finds the media side of a session that plays. */
  constructor(
    owner: MediaSessionOwner,
    playing: (session: RtspServerSession) => PlayingSession | undefined,
  ) {
    this.#owner = owner;
    this.#playing = playing;
    const { multicast } = owner.datagrams;
    // A receiver that knows where the packets come from may report to there (RFC 5760).
    if (multicast !== undefined) multicast.sockets.onStrangeRtcp = this.#onRtcp;
  }

  /** Whether a stream is being sent to its group. */
  has(name: string): boolean {
    return this.#streams.keys().some((stream) => stream.name === name);
  }

  /** Joins a session to what is sent to the group of a stream; it leaves as its reader is closed. */
  join(
    session: RtspServerSession,
    from: {
      readonly stream: Stream;
      readonly tracks: readonly RtpTrack[];
      readonly address: string;
    },
  ): { readonly reader: StreamReader; readonly player: RtspPlayer } {
    const { stream } = from;
    let shared = this.#streams.get(stream);
    // Players of before, who were told of another publisher's tracks, may not have left yet.
    if (shared === undefined || this.#hasEnded(shared)) {
      shared = this.#open(from);
      this.#streams.set(stream, shared);
    }
    shared.sessions.add(session);
    const joined = shared;
    return {
      reader: { ...joined.reader, close: () => this.#leave(session, { stream, shared: joined }) },
      player: joined.playerOf(session),
    };
  }

  #open(
    { stream, tracks, address }: {
      readonly stream: Stream;
      readonly tracks: readonly RtpTrack[];
      readonly address: string;
    },
  ): MulticastStream {
    const { shell: { clock, log }, datagrams } = this.#owner;
    const reader = readStream(stream, { tracks, onEnd: () => this.#finish(stream) });
    return new MulticastStream(reader, {
      sockets: datagrams.multicast!.sockets,
      clock,
      address,
      log,
      onRtcp: this.#onRtcp,
    });
  }

  /** Whether the stream is over for all sessions: nothing is sent to the group any more. */
  #hasEnded({ sessions }: MulticastStream): boolean {
    return sessions.values().every((session) => this.#playing(session)?.hasEnded === true);
  }

  #leave(
    session: RtspServerSession,
    { stream, shared }: { readonly stream: Stream; readonly shared: MulticastStream },
  ): void {
    shared.sessions.delete(session);
    if (shared.sessions.size > 0) return;
    if (this.#streams.get(stream) === shared) this.#streams.delete(stream);
    shared.close();
  }

  #finish(stream: Stream): void {
    for (const session of [...this.#streams.get(stream)?.sessions ?? []]) {
      this.#playing(session)?.finish();
    }
  }

  /**
   * What a player of a group tells of its packets. Its port is not known: the report is taken for that of all
   * sessions of its address, and only where it is about packets of their stream.
   */
  readonly #onRtcp = (bytes: Uint8Array, { hostname }: DatagramPeer): void => {
    for (const { sessions } of this.#streams.values()) {
      for (const session of sessions) {
        if (session.address !== hostname) continue;
        this.#owner.guard(session, () => void this.#playing(session)?.takeGroupReports(bytes));
      }
    }
  };
}
