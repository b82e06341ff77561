import { type ConnectionEnd, type PlayTicket, refusalOf } from "../../gate/mod.ts";
import { HubError, type Stream, type StreamReader, type WireFormat } from "../../hub/mod.ts";
import { within } from "../../time/mod.ts";
import { BodySink } from "./body_sink.ts";
import type { ByteFeed, FeedSink } from "./byte_feed.ts";
import { startHeader, type StreamVisit } from "./http_visit.ts";
import { faultAnswer } from "./json_answer.ts";
import { type HttpAnswer, isAnswer } from "./whole_answer.ts";
import { WebSocketSink } from "./websocket_sink.ts";

/** How a stream is played by the bytes of a wire format, one behind the other for as long as it lasts. */
export interface WirePlay {
  /** Name of the wire format, which all its players share. */
  readonly format: string;
  /** Makes it, for the first of them. */
  readonly create: (stream: Stream) => WireFormat;
  /** What the answer's body is. */
  readonly contentType: string;
  /** Why its players can be sent nothing of a stream; `undefined` where they can. */
  readonly whyNothing?: (stream: Stream) => string | undefined;
  /** What a player needs before the format's first bytes. Nothing by default. */
  readonly head?: (stream: Stream, reader: StreamReader) => Uint8Array;
  /** Whether the format can write no more of the stream: its players have what there is, and then the end. */
  readonly isOver?: (format: WireFormat) => boolean;
  /** What the player takes of its cursor. All by default. */
  readonly feed?: (reader: StreamReader) => ByteFeed;
}

const NOTHING = new Uint8Array(0);

/**
 * Plays a stream by HTTP, or by a WebSocket where the client wants one: asks the gate, waits for the stream and for
 * its first media, and answers with what the format makes of it, until the stream or the client goes. A client that is
 * slow skips to a key frame, as in every protocol; one that takes nothing is left. `how` may first look at the stream.
 */
export async function playWire(
  visit: StreamVisit,
  how: WirePlay | ((stream: Stream) => Promise<WirePlay>),
): Promise<HttpAnswer> {
  if (visit.isUpgrade && !visit.isHandshake) {
    return faultAnswer({ status: 400, code: "upgrade", reason: "This is no WebSocket handshake" });
  }
  const granted = await visit.play();
  if (isAnswer(granted)) return granted;
  const { ticket, stream } = granted;
  await firstMedia(visit, stream);
  const play = typeof how === "function" ? await how(stream) : how;
  const why = play.whyNothing?.(stream);
  if (why !== undefined) {
    ticket.end();
    return faultAnswer({ status: 406, code: "codec", reason: why });
  }
  const playing = new Playing(visit, ticket);
  try {
    return playing.answer(stream, play);
  } catch (error) {
    ticket.end();
    if (error instanceof HubError) return visit.refusal("play", refusalOf(error));
    throw error;
  }
}

/** What a publisher that has just come sends is known with its first media; a client that went meanwhile is not told. */
async function firstMedia({ shell }: StreamVisit, stream: Stream): Promise<void> {
  if (stream.lastDtsUs !== undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = stream.tap(({ role }) => void (role === "media" && resolve()), () => resolve());
  await within(promise, { clock: shell.clock, ms: shell.timing.describeWaitMs });
  stop();
}

/** One player. */
class Playing {
  readonly #visit: StreamVisit;
  readonly #ticket: PlayTicket;
  #reader: StreamReader | undefined;
  #sink: FeedSink | undefined;
  #isOver = (): boolean => false;

  constructor(visit: StreamVisit, ticket: PlayTicket) {
    this.#visit = visit;
    this.#ticket = ticket;
  }

  answer(stream: Stream, play: WirePlay): HttpAnswer {
    const { format, create, contentType } = play;
    const reader = stream.read({ format, create, onEnd: () => this.#sink?.finish() });
    this.#reader = reader;
    this.#isOver = () => play.isOver?.(reader.format) ?? false;
    const { exchange } = this.#visit;
    const parts = {
      feed: play.feed?.(reader) ?? reader.cursor,
      head: play.head?.(stream, reader) ?? NOTHING,
      onTaken: (count: number): void => void (exchange.bytesSent += count),
      onDone: ({ isGone }: { readonly isGone: boolean }): void =>
        this.#leave(isGone ? GONE : STREAM_ENDED),
    };
    const response = this.#visit.isUpgrade
      ? this.#upgrade(parts)
      : this.#stream(parts, contentType);
    exchange.last({ end: (end) => this.#end(end), tick: () => this.#tick() });
    this.#ticket.start({
      bytes: () => reader.cursor.bytes,
      onEnded: (end) => {
        this.#end(end);
        exchange.finish(end);
      },
    });
    return response;
  }

  #stream(parts: SinkParts, contentType: string): HttpAnswer {
    const sink = new BodySink(parts.feed, parts);
    this.#sink = sink;
    return new Response(sink.readable, {
      headers: {
        "content-type": contentType,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        ...startHeader(this.#ticket),
      },
    });
  }

  #upgrade(parts: SinkParts): HttpAnswer {
    const { socket, response } = this.#visit.upgradeWebSocket();
    this.#sink = new WebSocketSink(socket, parts);
    return response;
  }

  #tick(): void {
    if (this.#isOver()) this.#sink?.finish();
    const { clock, timing: { writeStallMs } } = this.#visit.shell;
    if ((this.#sink?.stalledMs(clock.now()) ?? 0) < writeStallMs) return;
    const end: ConnectionEnd = {
      clean: false,
      reason: "write-timeout",
      message: `The peer has taken nothing for ${writeStallMs} ms`,
    };
    this.#end(end);
    this.#visit.exchange.finish(end);
  }

  /** Others have ended it. */
  #end(end: ConnectionEnd): void {
    this.#sink?.close(end);
    this.#endTicket();
  }

  /** The client has all, or is gone. */
  #leave(end: ConnectionEnd): void {
    this.#endTicket();
    this.#visit.exchange.finish(end);
  }

  #endTicket(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    const { bytes, skips } = reader.cursor;
    reader.close();
    this.#ticket.end({ bytes, skips });
  }
}

type SinkParts = ConstructorParameters<typeof WebSocketSink>[1];

const GONE: ConnectionEnd = { clean: true, reason: "closed", message: "The client has gone" };

const STREAM_ENDED: ConnectionEnd = {
  clean: true,
  reason: "closed",
  message: "The stream has ended",
};
