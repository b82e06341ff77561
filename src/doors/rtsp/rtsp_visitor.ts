import type { SessionDescription } from "../../sdp/mod.ts";
import {
  RtspDecoderStream,
  type RtspQuestionEvent,
  RtspServerConnection,
  type RtspServerEvent,
  type RtspServerSession,
  RtspSessionSink,
  type RtspTransportPolicy,
} from "../../rtsp/mod.ts";
import {
  failureEnd,
  heldBytesEnd,
  ORDINARY_ENDS,
  type ServedConnection,
  type Shell,
} from "../mod.ts";
import { closeGently, Outbox, type Transport } from "../../transport/mod.ts";
import { type ConnectionEnd, type Guest, kickedEnd, type Leaving } from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { RtspCarrier } from "./media_session.ts";
import { endAnnounced, RtspAnswers } from "./rtsp_answers.ts";
import type { RtspService } from "./rtsp_service.ts";

/** Serves one RTSP connection as a guest of the gate, from its first request to the end. */
export class RtspVisitor implements ServedConnection, RtspCarrier {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  readonly outbox: Outbox;
  readonly #shell: Shell;
  readonly #guest: Guest;
  readonly #log: ServerLog;
  readonly #service: RtspService;
  readonly #transport: Transport;
  readonly #connection: RtspServerConnection;
  readonly #answers: RtspAnswers;
  readonly #sink: RtspSessionSink<RtspServerEvent>;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #decoder: RtspDecoderStream;
  readonly #touched = new Set<RtspServerSession>();
  #end: ConnectionEnd | undefined;
  #closing: Promise<void> | undefined;
  #hasToldOfGarbage = false;
  #refusedRequests = 0;

  /**
   * Starts to serve the connection of `guest`; `openedMs` is when it began, and `first` what was read of it
   * already.
   */
  constructor(
    shell: Shell,
    transport: Transport,
    options: {
      readonly guest: Guest;
      readonly service: RtspService;
      readonly policy: RtspTransportPolicy;
      readonly openedMs: number;
      readonly first?: Uint8Array;
      /** Whether a page of another host has opened the connection. */
      readonly isOfForeignPage?: boolean;
    },
  ) {
    this.#shell = shell;
    this.#guest = options.guest;
    this.#log = shell.peers.of(transport.remoteAddress);
    this.#transport = transport;
    this.#service = options.service;
    this.#connection = new RtspServerConnection({
      sessions: options.service.sessions,
      address: transport.remoteAddress,
      transports: options.service.withoutOwnPorts(options.policy, transport.localAddress),
      nowMs: options.openedMs,
      ...(shell.gate.passwordMethods === undefined ? {} : { methods: shell.gate.passwordMethods }),
    });
    this.#answers = new RtspAnswers(shell, {
      connection: this.#connection,
      guest: options.guest,
      service: options.service,
      carrier: this,
      transport,
      isProtectable: options.policy.protection !== undefined,
      isOfForeignPage: options.isOfForeignPage ?? false,
    });
    this.outbox = new Outbox(transport);
    this.outbox.onError = (error) => this.#finish(this.#endOf(error));
    const { first } = options;
    this.#decoder = new RtspDecoderStream({}, first === undefined ? {} : { first });
    this.#sink = new RtspSessionSink<RtspServerEvent>(this.#connection, {
      now: () => shell.clock.now(),
      owner: {
        handle: (event) => this.#handle(event),
        write: (output) => this.outbox.send(output),
        handled: (events) => this.#handled(events),
        room: () => this.outbox.room(),
        close: (reason) => this.#finish(this.#endOf(reason)),
      },
    });
    this.finished = this.#run();
  }

  /** Passes time on. */
  tick(): void {
    if (this.#end !== undefined) return;
    this.#sink.tick();
    this.#tellOfGarbage();
    const { writeStallMs } = this.#shell.timing;
    if (this.outbox.stalledMs(this.#shell.clock.now()) >= writeStallMs) {
      this.#finish({
        clean: false,
        reason: "write-timeout",
        message: `The peer has taken nothing for ${writeStallMs} ms`,
      });
    }
  }

  /** Bytes that came so far. */
  get bytesReceived(): number {
    return this.#decoder.bytesReceived;
  }

  /** What it counts beside bytes. */
  get counts(): Readonly<Record<string, number>> {
    return {
      garbageBytes: this.#decoder.garbageBytes,
      strayFrames: this.#connection.strayFrames,
      refusedRequests: this.#refusedRequests,
    };
  }

  /** Bytes sent so far. */
  get bytesSent(): number {
    return this.outbox.bytes;
  }

  /** Bytes that the peer makes this server hold: answers that it does not read. */
  get heldBytes(): number {
    // One that is being closed gives them back by itself.
    return this.#end === undefined ? this.outbox.waitingBytes : 0;
  }

  /** Closes since all connections together make the server hold too much, and this one most of it. */
  shed(): void {
    this.#finish(heldBytesEnd(this.heldBytes));
  }

  /** Ends the connection if its state asks for that: a session of it was closed, say. */
  checkClosed(): void {
    if (this.#connection.closeReason !== undefined) this.#sink.settle();
  }

  /** Tells the client another description of what a session plays. */
  announce(session: RtspServerSession, description: SessionDescription): void {
    this.#connection.announce(session, description);
    this.outbox.send(this.#connection.takeOutput());
  }

  /** Whether a session of it plays or records. */
  get hasRole(): boolean {
    return this.#service.hasRole(this);
  }

  /** Closes since it was kicked: its sessions end first, whose clients are told so. */
  kick(why: string): void {
    const end = kickedEnd(why);
    this.#service.closeAll(this, end);
    this.#finish(end);
  }

  /** Closes since the server stops. */
  stop(): void {
    this.#finish({ clean: true, reason: "stopped", message: "The server has stopped" });
  }

  /** Has its client told, for each session, to go on at another server (RFC 2326, 10.10). */
  move(to: Leaving): void {
    if (this.#end !== undefined) return;
    for (const session of this.#service.sessionsOf(this)) {
      const base = to.baseOf(this.#guest.protocol);
      if (base === undefined) return;
      const { path = "", query } = session;
      this.#connection.redirect(session, base + path + (query === undefined ? "" : `?${query}`));
    }
    this.outbox.send(this.#connection.takeOutput());
  }

  async #run(): Promise<ConnectionEnd> {
    const { signal } = this.#abort;
    try {
      await this.#transport.readable
        .pipeThrough(this.#decoder)
        .pipeTo(this.#sink, { signal });
      this.#finish({ clean: true, reason: "closed", message: "The peer has closed" });
    } catch (error) {
      const end = this.#endOf(error);
      // A mistake of this program ends this connection alone.
      if (this.#end === undefined && end.reason === "internal") {
        this.#log.error("rtsp connection failed", {
          connection: this.#guest.id,
          error: String(error),
        });
      }
      this.#finish(end);
    }
    this.#ended.resolve();
    await this.#closing;
    return this.#end!;
  }

  /** Ends the batch of packets, and lets media follow the answers to PLAY, which are written. */
  #handled(events: readonly RtspServerEvent[]): void {
    for (const session of this.#touched) this.#service.commit(session);
    this.#touched.clear();
    for (const event of events) {
      if (event.type === "playing") this.#service.playing(event.session)?.play();
    }
  }

  #handle(event: RtspServerEvent): void | Promise<RtspServerEvent[]> {
    switch (event.type) {
      case "frame":
        this.#service.takeFrame(event);
        this.#touched.add(event.session);
        return;
      case "describe":
      case "announce":
      case "setup":
      case "play":
      case "record":
      case "parameter":
      case "authorize":
        return this.#answer(event);
      case "recording":
        return this.#service.recording(event.session)?.begin();
      case "paused":
        return this.#service.playing(event.session)?.pause();
      case "session-closed":
        this.#service.closed(event.session, event.reason);
        return endAnnounced(event.session);
      case "refused":
        this.#refusedRequests++;
        this.#log.info("rtsp request refused", {
          connection: this.#guest.id,
          method: event.request.method,
          status: event.error.status,
          reason: event.error.message,
        });
        return;
      case "close":
      case "playing":
      case "keepalive":
    }
  }

  async #answer(event: RtspQuestionEvent): Promise<RtspServerEvent[]> {
    const events = await this.#answers.to(event);
    if (this.#end !== undefined) {
      // A session that a later request of the client has ended is given up in any case.
      for (const one of events) if (one.type === "session-closed") this.#handle(one);
      return [];
    }
    const { endAfter } = this.#answers;
    if (endAfter === undefined) return events;
    this.#sink.settle(events);
    this.#finish(endAfter);
    return [];
  }

  /** Says once that the peer sends bytes between its messages that belong to none. */
  #tellOfGarbage(): void {
    const bytes = this.#decoder.garbageBytes;
    if (bytes === 0 || this.#hasToldOfGarbage) return;
    this.#hasToldOfGarbage = true;
    this.#log.info("rtsp bytes that belong to no message are skipped", {
      connection: this.#guest.id,
      bytes,
    });
  }

  #endOf(error: unknown): ConnectionEnd {
    return failureEnd(error, { isPublishing: this.#service.isPublishing(this) });
  }

  #finish(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    const log = this.#log;
    this.#end = end;
    for (const event of this.#connection.end()) this.#handle(event);
    const line = `rtsp ${this.#transport.remoteName} closed`;
    const fields = { connection: this.#guest.id, reason: end.reason, detail: end.message };
    const isOrdinary = end.clean || ORDINARY_ENDS.has(end.reason);
    if (isOrdinary) log.debug(line, fields);
    else log.warn(line, fields);
    this.#guest.leave(end);
    this.#sink.stop();
    this.#closing = closeGently(this.#shell, {
      transport: this.#transport,
      outbox: this.outbox,
      peerEnded: this.#ended.promise,
      abort: this.#abort,
    });
  }
}
