import {
  CHUNK_LIMITS_BEFORE_ROLE,
  type ChunkDecoder,
  ChunkDecoderStream,
  type ChunkLimits,
  DEFAULT_CHUNK_LIMITS,
  MessageParserStream,
  RtmpError,
  RtmpHandshakeStream,
  type RtmpServerEvent,
  RtmpServerHandshake,
  RtmpServerSession,
  type RtmpServerSessionOptions,
  RtmpSessionDriver,
  WorkBudget,
} from "../../rtmp/mod.ts";
import {
  failureEnd,
  heldBytesEnd,
  ORDINARY_ENDS,
  type ServedConnection,
  type Shell,
} from "../mod.ts";
import {
  closeGently,
  isDisconnect,
  isTlsFailure,
  Outbox,
  type Transport,
} from "../../transport/mod.ts";
import { giveAll } from "../../streams/mod.ts";
import { type ConnectionEnd, type Guest, kickedEnd, type Leaving } from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import { RtmpPlaying } from "./rtmp_playing.ts";
import { tcUrlAt } from "./rtmp_elsewhere.ts";
import { RtmpPublishing } from "./rtmp_publishing.ts";
import { PLAYER_CHUNK_SIZE } from "../../wire/early.ts";
import { type AnsweredConnection, type RtmpAnswerRules, RtmpAnswers } from "./rtmp_answers.ts";

/** Limits of RTMP connections, and how their clients are answered. */
export interface RtmpConnectionOptions extends RtmpAnswerRules {
  readonly session: RtmpServerSessionOptions;
  readonly chunks: Partial<ChunkLimits>;
}

/** One RTMP client, from the first byte of its handshake to the end. */
export class RtmpConnection implements ServedConnection, AnsweredConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  readonly #shell: Shell;
  readonly #guest: Guest;
  readonly #log: ServerLog;
  readonly #transport: Transport;
  /** What the peer may make this side hold once it publishes or plays. */
  readonly #limits: ChunkLimits;
  readonly #session: RtmpServerSession;
  readonly #outbox: Outbox;
  readonly #publishing = new RtmpPublishing();
  readonly #playing: RtmpPlaying;
  readonly #answers: RtmpAnswers;
  #handshake: RtmpHandshakeStream | undefined;
  /** Says how much media the peer has room for, where it has bounded that. */
  readonly #mediaRoom = (): number =>
    this.#session.mediaRoom(this.#outbox.bytes - (this.#handshake?.bytesSent ?? 0));
  #decoder: ChunkDecoder | undefined;
  #driver: RtmpSessionDriver<RtmpServerEvent> | undefined;
  #released: (() => void) | undefined;
  #end: ConnectionEnd | undefined;
  /** The peer sends nothing more; and who waits for that. */
  #hasEnded = false;
  #onEnded: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #stopping = false;
  #ticks = 0;

  /** Starts to serve the connection of `guest`. */
  constructor(
    shell: Shell,
    transport: Transport,
    options: RtmpConnectionOptions & { readonly guest: Guest },
  ) {
    this.#shell = shell;
    this.#guest = options.guest;
    this.#log = shell.peers.of(transport.remoteAddress);
    this.#transport = transport;
    this.#limits = { ...DEFAULT_CHUNK_LIMITS, ...options.chunks };
    this.#session = new RtmpServerSession({
      ...options.session,
      chunkSize: PLAYER_CHUNK_SIZE,
      nowMs: shell.clock.now(),
    });
    this.#outbox = new Outbox(transport);
    this.#outbox.onError = (error) => this.#finish(this.#endOf(error));
    this.#playing = new RtmpPlaying({
      session: this.#session,
      outbox: this.#outbox,
      log: this.#log,
      connection: this.#guest.id,
      onDone: (sentAway) => this.#donePlaying(sentAway),
    });
    this.#answers = new RtmpAnswers(this, {
      rules: options,
      shell,
      guest: this.#guest,
      transport,
      session: this.#session,
      publishing: this.#publishing,
      playing: this.#playing,
      log: this.#log,
    });
    // An async function would keep twice as much for as long as the connection lives.
    this.finished = this.#serve().then(() => this.#over(), (error) => this.#over({ error }));
  }

  /** Whether it has ended: what is still asked for it is in vain. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Whether it publishes or plays. */
  get hasRole(): boolean {
    return this.#isPublishing || this.#playing.size > 0;
  }

  get #isPublishing(): boolean {
    return this.#publishing.size > 0;
  }

  #endOf(error: unknown): ConnectionEnd {
    return failureEnd(error, { isPublishing: this.#isPublishing });
  }

  /** Bytes that came so far. */
  get bytesReceived(): number {
    return (this.#handshake?.bytesReceived ?? 0) + (this.#decoder?.bytesReceived ?? 0);
  }

  /** Bytes sent so far. */
  get bytesSent(): number {
    return this.#outbox.bytes;
  }

  /** Bytes that the peer makes this server hold: unfinished messages, and answers that it does not read. */
  get heldBytes(): number {
    // One that is being closed gives it back by itself.
    if (this.#end !== undefined) return 0;
    const held = (this.#decoder?.heldBytes ?? 0) + this.#session.heldBytes +
      this.#outbox.waitingBytes;
    return this.hasRole || held < ORDINARY_HELD_BYTES ? held : held + CONNECTION_BYTES;
  }

  /** What was taken and is not passed on, each kind by its name. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#session.statistics, unreadableData: this.#publishing.unreadableData };
  }

  /** Passes time on: deadlines, pings. */
  tick(): void {
    if (this.#end !== undefined) return;
    // What becomes of those that publish or play is a matter of many seconds, and there are many of them.
    if (this.#ticks++ % TICKS_WITH_ROLE !== 0 && this.hasRole) return;
    const now = this.#shell.clock.now();
    const { limitsMedia } = this.#session;
    this.#handle(this.#session.tick(now));
    // A limit that was given up makes room.
    if (limitsMedia) this.#outbox.pump();
    const { writeStallMs } = this.#shell.timing;
    if (this.#outbox.stalledMs(now) >= writeStallMs) {
      this.#finish({
        clean: false,
        reason: "write-timeout",
        message: `The peer has taken nothing for ${writeStallMs} ms`,
      });
    }
  }

  /** Closes since all connections together make the server hold too much, and this one most of it. */
  shed(): void {
    this.#finish(heldBytesEnd(this.heldBytes));
  }

  /** Tells the peer why it is sent away, and closes. */
  kick(why: string): void {
    if (this.#end !== undefined) return;
    for (const streamId of this.#publishing.streamIds) this.#session.endPublish(streamId, why);
    for (const streamId of this.#playing.streamIds) this.#session.failPlay(streamId, why);
    this.#finish(kickedEnd(why));
  }

  /**
   * Tells the peer that the server goes, and closes. A player first gets what its stream, which is to
   * be ended next, still has for it.
   */
  stop(): void {
    if (this.#end !== undefined) return;
    this.#stopping = true;
    if (this.#session.canReconnect) this.#session.requestReconnect();
    for (const streamId of this.#publishing.streamIds) {
      this.#session.endPublish(streamId, "The server stops");
    }
    if (this.#playing.size === 0) {
      this.#finishStopped();
      return;
    }
    const { clock, timing } = this.#shell;
    const timer = clock.setTimer(() => this.#finishStopped(), timing.closeMs);
    this.finished.finally(() => timer.cancel());
  }

  /** Asks a client that can to connect to another server (Enhanced RTMP v2, reconnect request). */
  move(to: Leaving): void {
    const { connection } = this.#session;
    if (this.#end !== undefined || connection === undefined || !this.#session.canReconnect) return;
    const base = to.baseOf(this.#guest.protocol);
    if (base === undefined) return;
    this.#session.requestReconnect(tcUrlAt(base, connection));
    this.#outbox.send(this.#session.takeOutput());
  }

  #finishStopped(): void {
    this.#finish({
      clean: !this.#isPublishing,
      reason: "stopped",
      message: "The server has stopped",
    });
  }

  /** The peer sends nothing more, or what it sent cannot be read. */
  async #over(failure?: { readonly error: unknown }): Promise<ConnectionEnd> {
    if (failure === undefined) {
      this.#finish(
        { clean: !this.#isPublishing, reason: "closed", message: "The peer has closed" },
      );
    } else {
      const { error } = failure;
      // An error that is no disconnect and no RtmpError is a mistake of this server: it still ends
      // this connection alone.
      const isKnown = error instanceof RtmpError || isDisconnect(error) || isTlsFailure(error);
      if (this.#end === undefined && !isKnown) {
        this.#log.error("rtmp connection failed", {
          connection: this.#guest.id,
          error: String(error),
        });
      }
      this.#finish(this.#endOf(error));
    }
    this.#hasEnded = true;
    this.#onEnded?.();
    await this.#closing;
    return this.#end!;
  }

  /** The pipeline of a connection: handshake, chunks, messages, session. Done when the peer has closed. */
  #serve(): Promise<void> {
    const { clock } = this.#shell;
    this.#handshake = new RtmpHandshakeStream(
      new RtmpServerHandshake({
        random: (length) => crypto.getRandomValues(new Uint8Array(length)),
        nowMs: Math.floor(clock.now()),
      }),
      { send: (bytes) => this.#outbox.send([bytes]) },
    );
    const chunks = new ChunkDecoderStream({
      ...lowest(CHUNK_LIMITS_BEFORE_ROLE, this.#limits),
      mayOverwrite: true,
      work: new WorkBudget({ now: () => clock.now() }),
    });
    this.#decoder = chunks.decoder;
    this.#driver = new RtmpSessionDriver(this.#session, {
      now: () => clock.now(),
      bytesReceived: () => chunks.decoder.bytesReceived,
      send: (output) => this.#outbox.send(output),
      handle: (events) => this.#handle(events),
      ready: () => this.#isReady(),
    });
    const messages = this.#transport.readable
      .pipeThrough(this.#handshake)
      .pipeThrough(chunks)
      .pipeThrough(new MessageParserStream());
    return giveAll(messages, this.#driver);
  }

  /** Whether more is to be read, or when. */
  #isReady(): Promise<void> | undefined {
    // An acknowledgement makes room.
    if (this.#session.limitsMedia) this.#outbox.pump();
    // Until the request is answered, nothing more is read: what follows is not piled up.
    if (this.#isBusy && this.#end === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#released = resolve;
      return promise;
    }
    return this.#outbox.room();
  }

  #handle(events: readonly RtmpServerEvent[]): void {
    // Nearly nobody bounds what is sent: a write to the others need not ask.
    this.#outbox.mediaRoom = this.#session.limitsMedia ? this.#mediaRoom : undefined;
    // The session's answers go before what they announce: "unpaused" before the media.
    this.#outbox.send(this.#session.takeOutput());
    for (const event of events) {
      switch (event.type) {
        case "media":
          this.#publishing.take(event.message);
          break;
        case "connect":
          this.#decide(() => this.#answers.connect(event));
          break;
        case "publish":
          this.#decide(() => this.#answers.publish(event));
          break;
        case "play":
          this.#decide(() => this.#answers.play(event));
          break;
        case "unpublish":
          this.#publishing.end(event.streamId, {
            clean: true,
            reason: "unpublished",
            message: "The publisher has ended its stream",
          });
          break;
        case "stop":
          this.#answers.withdraw(event.streamId);
          this.#playing.forget(event.streamId);
          break;
        case "pause":
          this.#playing.pause(event.streamId, event.paused);
          break;
        case "receive":
          this.#playing.setKind(event.streamId, event.kind, event.enabled);
          break;
        case "call":
          this.#playing.hear(event);
          break;
        case "close":
          this.#finish(this.#endOf(event.error), event.state);
      }
    }
    this.#publishing.commit();
  }

  /** Runs the answer to a request; a failure of it is a failure of this connection. */
  #decide(answer: () => Promise<RtmpServerEvent[]>): void {
    answer().then((events) => {
      if (this.#end !== undefined) return;
      this.#handle(events);
      this.#outbox.send(this.#session.takeOutput());
      const { endAfter } = this.#answers;
      if (endAfter !== undefined) this.#finish(endAfter);
      this.goOn();
    }).catch((error) => {
      this.#log.error("rtmp connection failed", {
        connection: this.#guest.id,
        error: String(error),
      });
      this.#finish({ clean: false, reason: "internal", message: "Internal error" });
    });
  }

  /** Whether the client has to wait. */
  get #isBusy(): boolean {
    return this.#session.isHeld || this.#answers.hasTooMany;
  }

  /** Reads on, where nothing that was asked has the client wait any more. */
  goOn(): void {
    if (!this.#isBusy) this.#release();
  }

  #release(): void {
    this.#released?.();
    this.#released = undefined;
  }

  /** Writes what the session has to say. */
  flush(): void {
    if (this.#end === undefined) this.#outbox.send(this.#session.takeOutput());
  }

  /** Lets a client that has a role send what belongs to one. */
  raiseLimits(): void {
    if (this.#decoder !== undefined) this.#decoder.limits = this.#limits;
  }

  /** Another publisher has the stream now, or this one was kicked; the name is given back already. */
  sentAway(streamId: number, end: ConnectionEnd): void {
    if (!this.#publishing.forget(streamId) || this.#end !== undefined) return;
    this.#session.endPublish(streamId, end.message);
    this.#outbox.send(this.#session.takeOutput());
    this.#finish(end);
  }

  /** A play is over, and the client knows it. */
  #donePlaying(sentAway: ConnectionEnd | undefined): void {
    if (this.#stopping && this.#playing.size === 0) this.#finishStopped();
    if (sentAway !== undefined && !this.hasRole) this.#finish(sentAway);
  }

  /** Ends everything that the connection does; the first reason counts. */
  #finish(end: ConnectionEnd, sessionState = this.#session.state): void {
    if (this.#end !== undefined) return;
    const log = this.#log;
    const waitingFor = this.#handshake?.waitingFor;
    const state = waitingFor === undefined ? sessionState : `handshake, waiting for ${waitingFor}`;
    this.#end = end;
    this.#decoder?.ignoreRest();
    this.#driver?.ignoreRest();
    for (const streamId of this.#publishing.streamIds) this.#publishing.end(streamId, end);
    for (const streamId of this.#playing.streamIds) this.#playing.forget(streamId);
    this.#answers.withdrawAll();
    this.#outbox.send(this.#session.takeOutput());
    const line = `rtmp ${this.#transport.remoteName} closed`;
    const fields = { connection: this.#guest.id, state, reason: end.reason, detail: end.message };
    // Players leave by closing their window, which may well reset the connection.
    const isOrdinary = end.clean || ORDINARY_ENDS.has(end.reason);
    if (isOrdinary) log.debug(line, fields);
    else log.warn(line, fields);
    this.#guest.leave(end);
    this.#release();
    this.#closing = closeGently(this.#shell, {
      transport: this.#transport,
      outbox: this.#outbox,
      peerEnded: this.#peerEnded(),
    });
  }

  /** Resolves when the peer sends nothing more. */
  #peerEnded(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#hasEnded) resolve();
      else this.#onEnded = resolve;
    });
  }
}

/** A client that only waits, for an answer or for a stream, makes the server hold less than this. */
const ORDINARY_HELD_BYTES = 4096;

/** So many ticks of the server are one of a connection that publishes or plays. */
const TICKS_WITH_ROLE = 4;

/**
 * What a connection itself takes, with what the garbage collector has left of those before it, by measure: counted for
 * one that does nothing but make the server hold bytes.
 */
const CONNECTION_BYTES = 98_304;

/** `limits`, and where `bounds` has a lower one, that. */
function lowest(bounds: Partial<ChunkLimits>, limits: ChunkLimits): ChunkLimits {
  const lower = Object.entries(bounds).filter(([name, value]) =>
    value < limits[name as keyof ChunkLimits]
  );
  return { ...limits, ...Object.fromEntries(lower) };
}
