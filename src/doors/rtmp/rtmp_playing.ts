import type { ConnectionEnd, PeerEar, PlayTicket } from "../../gate/mod.ts";
import type { StreamReader } from "../../hub/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { ClientCallEvent, RtmpServerSession } from "../../rtmp/mod.ts";
import type { Feed, Outbox } from "../../transport/mod.ts";
import { RtmpCodecGuard, SHARED_STREAM_ID } from "../../wire/early.ts";
import { RtmpFilteredFeed } from "./rtmp_filtered_feed.ts";
import { RtmpGuardedFeed } from "./rtmp_guarded_feed.ts";

/** What the plays of one connection reach it by. */
export interface RtmpPlayingOptions {
  /** Tells the client. */
  readonly session: RtmpServerSession;
  /** Writes to it. */
  readonly outbox: Outbox;
  /** Where lines about the client go. */
  readonly log: ServerLog;
  /** The connection's number in them. */
  readonly connection: number;
  /** Is told when a play has ended and the client knows it; with the reason where the gate has ended it. */
  readonly onDone: (sentAway?: ConnectionEnd) => void;
}

/** What a play starts with. */
export interface StartedPlay {
  /** The gate's permission. */
  readonly ticket: PlayTicket;
  /** Where the bytes come from. */
  readonly reader: StreamReader;
  /** The FourCCs that the client can take, where it has said which: others end the play. */
  readonly fourCcs: ConstructorParameters<typeof RtmpCodecGuard>[0] | undefined;
  /** Hears those who talk to the publisher at the client, where that is a machine of the cluster. */
  readonly ear: PeerEar | undefined;
}

interface Play {
  readonly ticket: PlayTicket;
  readonly reader: StreamReader;
  /** Looks for codecs that the player cannot take, where there are such. */
  readonly guard: RtmpCodecGuard | undefined;
  readonly ear: PeerEar | undefined;
  feed: Feed;
  audio: boolean;
  video: boolean;
  paused: boolean;
  /** The stream has ended, and its rest is being written. */
  ending: boolean;
}

/** What one connection plays, by NetStream: which bytes it is sent, and how each play ends. */
export class RtmpPlaying {
  readonly #options: RtmpPlayingOptions;
  readonly #plays = new Map<number, Play>();

  /** Plays nothing yet. */
  constructor(options: RtmpPlayingOptions) {
    this.#options = options;
  }

  /** How many NetStreams play. */
  get size(): number {
    return this.#plays.size;
  }

  /** The NetStreams that play now. */
  get streamIds(): number[] {
    return [...this.#plays.keys()];
  }

  /** Starts to send a stream, behind what the session has to say of it. */
  start(streamId: number, { ticket, reader, fourCcs, ear }: StartedPlay): void {
    const { session, outbox, onDone } = this.#options;
    const guard = fourCcs === undefined
      ? undefined
      : new RtmpCodecGuard(fourCcs, (fourCc) => this.#endAtCodec(streamId, reader, fourCc));
    const { cursor } = reader;
    const play: Play = {
      ticket,
      reader,
      guard,
      ear,
      feed: guard === undefined ? cursor : new RtmpGuardedFeed(cursor, guard),
      audio: session.receives(streamId, "audio"),
      video: session.receives(streamId, "video"),
      paused: false,
      ending: false,
    };
    this.#plays.set(streamId, play);
    this.#chooseFeed(streamId, play);
    outbox.add(play.feed, session.takeOutput());
    ticket.start({
      bytes: () => reader.cursor.bytes,
      onEnded: (end) => {
        this.#close(streamId, () => session.failPlay(streamId, end.message));
        onDone(end);
      },
    });
  }

  /** Stops sending, or goes on at the next key frame. */
  pause(streamId: number, paused: boolean): void {
    const play = this.#plays.get(streamId);
    if (play === undefined || play.ending || play.paused === paused) return;
    play.paused = paused;
    if (paused) {
      this.#options.outbox.remove(play.feed);
    } else {
      play.reader.cursor.restart();
      this.#options.outbox.add(play.feed);
    }
  }

  /** Takes what is said at the client to the publisher of what a NetStream plays. */
  hear({ streamId, args: [text] }: ClientCallEvent): void {
    if (typeof text === "string") this.#plays.get(streamId)?.ear?.receive(text);
  }

  /** Leaves audio or video out, or takes it in again. */
  setKind(streamId: number, kind: "audio" | "video", enabled: boolean): void {
    const play = this.#plays.get(streamId);
    if (play === undefined || play.ending || play[kind] === enabled) return;
    play[kind] = enabled;
    const before = play.feed;
    this.#chooseFeed(streamId, play);
    // Pictures that refer to some that were not sent are of no use.
    if (kind === "video" && enabled) play.reader.cursor.restart();
    if (before === play.feed || play.paused) return;
    this.#options.outbox.remove(before);
    this.#options.outbox.add(play.feed);
  }

  /** The stream has ended: the player gets the rest of it, and is told. */
  finish(streamId: number, description: string): void {
    const play = this.#plays.get(streamId);
    if (play === undefined) return;
    play.ending = true;
    const onWritten = (): void =>
      this.#done(streamId, () => this.#options.session.endPlay(streamId, description));
    if (play.paused) onWritten();
    else this.#options.outbox.finish(play.feed, onWritten);
  }

  /** The client wants no more, or is gone: nothing is told. */
  forget(streamId: number): void {
    const play = this.#plays.get(streamId);
    if (play === undefined) return;
    this.#plays.delete(streamId);
    this.#options.outbox.remove(play.feed);
    play.ear?.close();
    play.reader.close();
    const { bytes, skips } = play.reader.cursor;
    play.ticket.end({ bytes, skips });
  }

  /** The shared bytes where they fit the player's wishes, else a copy that does. */
  #chooseFeed(streamId: number, play: Play): void {
    const { audio, video, guard, reader: { cursor } } = play;
    const wishes = { streamId, audio, video };
    if (play.feed instanceof RtmpFilteredFeed) play.feed.wishes = wishes;
    else if (streamId !== SHARED_STREAM_ID || !audio || !video) {
      play.feed = new RtmpFilteredFeed(cursor, wishes, guard);
    }
  }

  /** The stream goes on with a codec that the player cannot take: its play ends, and no other. */
  #endAtCodec(streamId: number, reader: StreamReader, fourCc: string): void {
    const play = this.#plays.get(streamId);
    if (play?.reader !== reader) return;
    const reason = reasonOfCodec(fourCc);
    const { log, connection, session } = this.#options;
    const stream = play.ticket.request.name;
    log.info("rtmp play refused", { connection, stream, reason });
    this.#done(streamId, () => session.failPlay(streamId, reason));
  }

  /** A player has all that it gets of its stream, and is told so. */
  #done(streamId: number, tell: () => void): void {
    this.#close(streamId, tell);
    this.#options.onDone();
  }

  #close(streamId: number, tell: () => void): void {
    this.forget(streamId);
    tell();
    const { outbox, session } = this.#options;
    outbox.send(session.takeOutput());
  }
}

/** Why a player gets nothing, or no more, of a stream with that codec. */
export function reasonOfCodec(fourCc: string): string {
  return `The stream has ${fourCc}, which the player did not say it can take`;
}
