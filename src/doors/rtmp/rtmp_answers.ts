import { HubError, type Stream, type StreamReader } from "../../hub/mod.ts";
import {
  type ConnectEvent,
  formatRtmpUrl,
  parseRtmpUrl,
  type PlayEvent,
  type PublishEvent,
  type RtmpServerEvent,
  type RtmpServerSession,
  withoutConnectProof,
} from "../../rtmp/mod.ts";
import type { Shell } from "../mod.ts";
import { within } from "../../time/mod.ts";
import type { Transport } from "../../transport/mod.ts";
import {
  type Ask,
  type ConnectionEnd,
  type Guest,
  type NotGranted,
  PEER_TALK,
  type PeerEar,
  peerNews,
  type PlayTicket,
  refusalOf,
  type SameElsewhere,
  type ShownCredentials,
} from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { LossPolicy } from "../../transmux/mod.ts";
import { type RtmpConnectDesk, shownFor } from "./rtmp_connect_desk.ts";
import { reasonOfCodec, type RtmpPlaying } from "./rtmp_playing.ts";
import { locate, tcUrlAt, withoutQuery } from "./rtmp_elsewhere.ts";
import type { RtmpPublishing } from "./rtmp_publishing.ts";
import { publishRefusal, shownName } from "./rtmp_refusals.ts";
import {
  type EnhancedPolicy,
  extensionsOf,
  isSelective,
  refusedFourCc,
  rtmpFormatName,
  RtmpWireFormat,
  trackChoiceOf,
  whyNothingForFlv,
} from "../../wire/early.ts";

/** What an {@linkcode RtmpAnswers} tells its connection. */
export interface AnsweredConnection {
  /** Whether it has ended: what is still asked for it is in vain. */
  readonly isOver: boolean;
  /** Reads on, where nothing that was asked has the client wait any more. */
  goOn(): void;
  /** Writes what the session has to say. */
  flush(): void;
  /** The client has a role: it may send what belongs to one. */
  raiseLimits(): void;
  /** A publisher has lost its stream to another, or was sent away. */
  sentAway(streamId: number, end: ConnectionEnd): void;
}

/** How RTMP clients are answered. */
export interface RtmpAnswerRules {
  /** What players that announce nothing of Enhanced RTMP are sent. */
  readonly enhanced: EnhancedPolicy;
  /** What becomes of pictures after a loss of RTP packets. */
  readonly onLoss: LossPolicy;
  /** Asks clients who they are. */
  readonly desk: RtmpConnectDesk;
}

/** What an {@linkcode RtmpAnswers} works with. */
export interface RtmpAnswersOptions {
  readonly rules: RtmpAnswerRules;
  readonly shell: Shell;
  readonly guest: Guest;
  readonly transport: Transport;
  readonly session: RtmpServerSession;
  readonly publishing: RtmpPublishing;
  readonly playing: RtmpPlaying;
  readonly log: ServerLog;
}

/** Answers what one RTMP client asks for, as the gate wants it. */
export class RtmpAnswers {
  /** How the connection ends once the answer under way is out; `undefined` where it goes on. */
  endAfter: ConnectionEnd | undefined = undefined;
  readonly #connection: AnsweredConnection;
  readonly #parts: RtmpAnswersOptions;
  /** What gives a NetStream's request up that waits for a stream, or for its first media. */
  #waiting: Map<number, () => void> | undefined;
  /** Who the client has shown to be when it connected. */
  #shown: ShownCredentials = { kind: "none" };
  /** It was not asked who it is at connect, since it is none of those who can answer. */
  #wasSpared = false;
  /** Questions that the gate has not answered yet. */
  #questions = 0;

  /** Asks the gate nothing yet. */
  constructor(connection: AnsweredConnection, options: RtmpAnswersOptions) {
    this.#connection = connection;
    this.#parts = options;
  }

  /** Whether so many questions are open that the client is to wait. */
  get hasTooMany(): boolean {
    return this.#questions > MAX_QUESTIONS;
  }

  /** Gives up what a NetStream waits for; harmless where it waits for nothing. */
  withdraw(streamId: number): void {
    this.#waiting?.get(streamId)?.();
  }

  /** Gives up what all NetStreams wait for. */
  withdrawAll(): void {
    for (const withdraw of [...this.#waiting?.values() ?? []]) withdraw();
  }

  /** Answers a `connect`: resolves with the events that follow. */
  async connect(event: ConnectEvent): Promise<RtmpServerEvent[]> {
    const app = withoutConnectProof(event.app);
    const entering = this.#parts.guest.enter({
      app,
      userAgent: event.flashVer,
      locate,
      elsewhere: this.#elsewhere(event),
    });
    // The gate knows what of the app may be told.
    this.#parts.log.debug(`rtmp connect from ${this.#parts.transport.remoteName}`, {
      connection: this.#parts.guest.id,
      app: withoutQuery(this.#parts.guest.info?.app ?? ""),
      userAgent: event.flashVer,
    });
    const entered = await this.#asked(entering);
    if (this.#connection.isOver) return [];
    if ("granted" in entered) return await this.#prove(event);
    return this.#parts.session.reject(
      event,
      "redirect" in entered
        ? { description: "Connect elsewhere", redirect: entered.redirect }
        : { description: this.#wordsOf(entered) },
    );
  }

  /** Lets a client go on that has shown who it is, or needs not; or asks it. */
  async #prove(event: ConnectEvent): Promise<RtmpServerEvent[]> {
    const { desk } = this.#parts.rules;
    const verdict = await this.#asked(desk.judge(this.#parts.guest, event));
    if (this.#connection.isOver) return [];
    if ("question" in verdict) {
      return this.#parts.session.reject(event, { description: verdict.question, isQuestion: true });
    }
    if ("refusal" in verdict) {
      this.#parts.log.warn("rtmp connect refused", {
        connection: this.#parts.guest.id,
        reason: this.#wordsOf(verdict.refusal),
      });
      return this.#parts.session.reject(event, { description: verdict.description });
    }
    this.#shown = verdict.shown;
    this.#wasSpared = verdict.wasSpared;
    return this.#parts.session.accept(event);
  }

  /** A stream that the client asks for, and who it has shown to be. */
  #askOf({ path }: PublishEvent | PlayEvent): Ask {
    const elsewhere = this.#elsewhere(this.#parts.session.connection!);
    return { ...path, credentials: shownFor(path.query, this.#shown), locate, elsewhere };
  }

  /** How the client would connect to another server. */
  #elsewhere(connect: { readonly app: string; readonly tcUrl: string }): SameElsewhere {
    return { scheme: this.#parts.guest.protocol, urlAt: (base) => tcUrlAt(base, connect) };
  }

  /** Answers a `publish`: resolves with the events that follow. */
  async publish(event: PublishEvent): Promise<RtmpServerEvent[]> {
    const answer = await this.#asked(this.#parts.guest.publish(this.#askOf(event)));
    // The answer may have taken its time: the connection may be gone, and the ticket with it.
    if (this.#connection.isOver) return [];
    if (!("granted" in answer)) return this.#refusePublish(event, answer);
    const ticket = answer.granted;
    const started = ticket.start({
      onEnded: (end) => this.#connection.sentAway(event.streamId, end),
    });
    if (!("granted" in started)) {
      ticket.end({ clean: false, reason: "refused", message: this.#wordsOf(started) });
      return this.#refusePublish(event, started);
    }
    this.#parts.publishing.start(event.streamId, { ticket, publication: started.granted });
    this.#connection.raiseLimits();
    return this.#parts.session.accept(event);
  }

  /** Waits for the gate's answer; a client that has too many questions open is not read meanwhile. */
  async #asked<T>(question: Promise<T>): Promise<T> {
    this.#questions++;
    try {
      return await question;
    } finally {
      this.#questions--;
      this.#connection.goOn();
    }
  }

  /** Asks a client that can to connect where it gets the same; the others are told where that is. */
  #sendOn(answer: NotGranted): void {
    const { session } = this.#parts;
    if (!("redirect" in answer) || answer.isSame !== true || !session.canReconnect) return;
    session.requestReconnect(answer.redirect, "The stream is at another server.");
  }

  #refusePublish(event: PublishEvent, answer: NotGranted): RtmpServerEvent[] {
    const description = this.#wordsOf(answer);
    this.#parts.log.warn("rtmp publish refused", {
      connection: this.#parts.guest.id,
      stream: shownName(event, answer),
      reason: description,
    });
    this.#sendOn(answer);
    return this.#parts.session.reject(event, { code: publishRefusal(answer), description });
  }

  /** What a client is told that may not do what it asked for; it is closed next where the gate wants that. */
  #wordsOf(answer: NotGranted): string {
    if ("challenge" in answer) {
      if (this.#wasSpared) {
        this.#parts.rules.desk.askAgain(this.#parts.guest, this.#parts.session.connection!);
      }
      return answer.challenge;
    }
    if ("refused" in answer) {
      this.endAfter = answer.close;
      return answer.why;
    }
    const { username: _, password: __, ...url } = parseRtmpUrl(answer.redirect);
    return `The stream is at ${withoutQuery(formatRtmpUrl(url))}`;
  }

  /** Answers a `play`: resolves with the events that follow. */
  async play(event: PlayEvent): Promise<RtmpServerEvent[]> {
    const { timing } = this.#parts.shell;
    const answer = await this.#asked(this.#parts.guest.play(this.#askOf(event)));
    // Meanwhile the connection may have ended, or the client have asked for something else: requests that
    // nobody waits for must not each hold a stream.
    if (this.#connection.isOver || !this.#parts.session.isWaiting(event)) {
      if ("granted" in answer) answer.granted.end();
      return [];
    }
    if (!("granted" in answer)) return this.#refusePlay(event, answer);
    const ticket = answer.granted;
    const player = {
      capabilities: this.#parts.session.connection!.capabilities,
      policy: this.#parts.rules.enhanced,
      choice: trackChoiceOf(ticket.request.query),
    };
    let hasWaited = false;
    const withdraw = (): void => ticket.end();
    (this.#waiting ??= new Map()).set(event.streamId, withdraw);
    const found = await ticket.stream({
      waitMs: timing.playWaitMs,
      onWait: () => {
        hasWaited = true;
        this.#parts.log.debug("rtmp play waits for a publisher", {
          connection: this.#parts.guest.id,
          stream: ticket.request.name,
        });
      },
    });
    this.#waitsNoMore(event.streamId, withdraw);
    if (this.#connection.isOver || !this.#parts.session.isWaiting(event)) {
      ticket.end();
      return [];
    }
    if (!("granted" in found)) {
      ticket.end();
      return this.#refusePlay(event, found);
    }
    const stream = found.granted;
    if (hasWaited) this.#parts.session.notifyPublish(event.streamId);
    let reader: StreamReader;
    try {
      if (isSelective(player) && stream.lastDtsUs === undefined) {
        // What a publisher that has just come sends is known with its first media.
        await this.#waitFor(
          event.streamId,
          timing.describeWaitMs,
          (onCome) => stream.tap(({ role }) => void (role === "media" && onCome()), onCome),
        );
        if (this.#connection.isOver || !this.#parts.session.isWaiting(event)) {
          ticket.end();
          return [];
        }
      }
      const fourCc = refusedFourCc(stream, player);
      if (fourCc !== undefined) {
        ticket.end();
        return this.#refusePlay(event, { refused: "denied", why: reasonOfCodec(fourCc) });
      }
      const why = whyNothingForFlv(stream, { players: "RTMP" });
      if (why !== undefined) {
        ticket.end();
        return this.#refusePlay(event, { refused: "denied", why });
      }
      const extensions = {
        ...extensionsOf(player.capabilities, player.policy),
        choice: player.choice,
      };
      reader = stream.read({
        format: rtmpFormatName(extensions),
        create: (stream) =>
          new RtmpWireFormat(stream, extensions, {
            log: this.#parts.log,
            onLoss: this.#parts.rules.onLoss,
          }),
        onEnd: (reason) =>
          this.#parts.playing.finish(
            event.streamId,
            reason === "closed" ? "The server stops" : "The stream has ended",
          ),
      });
    } catch (error) {
      ticket.end();
      if (!(error instanceof HubError)) throw error;
      return this.#refusePlay(event, refusalOf(error));
    }
    this.#connection.raiseLimits();
    const ear = this.#earOf(stream, ticket);
    const news = ticket.peer && { ...peerNews(stream), ...ear?.news };
    const events = this.#parts.session.accept(event, news);
    const fourCcs = isSelective(player) ? player.capabilities.fourCcs : undefined;
    this.#parts.playing.start(event.streamId, { ticket, reader, fourCcs, ear });
    return events;
  }

  /** What hears those who talk at another machine, which fetches the stream for them: for the publisher of now alone. */
  #earOf(stream: Stream, { peer }: PlayTicket): PeerEar | undefined {
    const { session } = this.#parts;
    const { publication } = stream;
    const ear = peer?.listen({
      ear: () => stream.publication === publication ? publication?.backChannel : undefined,
      send: (text) => {
        session.notify(PEER_TALK, [text]);
        this.#connection.flush();
      },
    });
    if (ear !== undefined) session.hear(PEER_TALK);
    return ear;
  }

  #refusePlay(event: PlayEvent, answer: NotGranted): RtmpServerEvent[] {
    const description = this.#wordsOf(answer);
    this.#parts.log.info("rtmp play refused", {
      connection: this.#parts.guest.id,
      stream: shownName(event, answer),
      reason: description,
    });
    this.#sendOn(answer);
    const isAbsent = "refused" in answer && answer.refused === "absent";
    const code = isAbsent ? "StreamNotFound" : "Failed";
    return this.#parts.session.reject(event, { code: `NetStream.Play.${code}`, description });
  }

  /** Resolves to whether what `subscribe` listens for came in time, and the request is not withdrawn. */
  async #waitFor(
    streamId: number,
    waitMs: number,
    subscribe: (onCome: () => void) => () => void,
  ): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const withdraw = (): void => resolve(false);
    (this.#waiting ??= new Map()).set(streamId, withdraw);
    const unsubscribe = subscribe(() => resolve(true));
    const hasCome = await within(promise, { clock: this.#parts.shell.clock, ms: waitMs });
    unsubscribe();
    this.#waitsNoMore(streamId, withdraw);
    return hasCome === true;
  }

  #waitsNoMore(streamId: number, withdraw: () => void): void {
    if (this.#waiting?.get(streamId) === withdraw) this.#waiting.delete(streamId);
    if (this.#waiting?.size === 0) this.#waiting = undefined;
  }
}

/**
 * Questions to hooks that may wait for their answers at a time. A client that plays has one for each of its
 * NetStreams; one that takes each request back and makes another would have any number.
 */
const MAX_QUESTIONS = 32;
