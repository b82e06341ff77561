import { FlvDecoder, FlvError, type FlvTag } from "../../flv/mod.ts";
import type { ConnectionEnd, NotGranted, PublishTicket } from "../../gate/mod.ts";
import type { MediaUnit } from "../../media/mod.ts";
import { TimestampUnwrapper } from "../../rtmp/mod.ts";
import { flvBodyKind, unitsOfFlv } from "../../transmux/mod.ts";
import { Interruption } from "../../time/mod.ts";
import { readingTurn } from "../../transport/mod.ts";
import type { StreamVisit } from "./http_visit.ts";
import { faultAnswer, jsonAnswer } from "./json_answer.ts";
import { type HttpAnswer, isAnswer } from "./whole_answer.ts";

/** A publisher that sends nothing for so long has gone, milliseconds: as RTMP's. */
const SILENT_MS = 10_000;

/** The most of a tag that is held before the first media: metadata of long files have an index of some 100 KiB. */
const MAX_FIRST_BYTES = 1024 * 1024;

/**
 * Publishes the FLV that a request's body is, until it ends, or is none; the answer comes then. Anything can be put or
 * posted: the name is taken, from another publisher too, when the first tag with media or metadata has come.
 */
export async function publishFlv(visit: StreamVisit): Promise<HttpAnswer> {
  const { body } = visit;
  if (body === null) {
    return faultAnswer({ status: 400, code: "body", reason: "The request has no body to publish" });
  }
  const ticket = await visit.mayPublish({ isLater: true });
  if (isAnswer(ticket)) return ticket;
  const refused = ticket.check();
  if (refused === undefined) return await new Publishing(visit, ticket).run(body);
  ticket.end(REFUSED);
  return visit.refusal("publish", refused);
}

/** One publisher. */
class Publishing {
  readonly #visit: StreamVisit;
  readonly #ticket: PublishTicket;
  readonly #decoder = new FlvDecoder();
  readonly #clock = new TimestampUnwrapper();
  /** When it began to read, or has heard of who has begun to publish. */
  #heardMs: number;
  #hasBegun = false;
  /** Set by others: the publisher is to go. */
  readonly #sentAway = new Interruption<ConnectionEnd>();
  #units = 0;

  constructor(visit: StreamVisit, ticket: PublishTicket) {
    this.#visit = visit;
    this.#ticket = ticket;
    this.#heardMs = visit.shell.clock.now();
  }

  async run(body: ReadableStream<Uint8Array>): Promise<HttpAnswer> {
    const { exchange } = this.#visit;
    exchange.last({
      end: (end) => this.#sentAway.happen(end),
      tick: () => this.#tick(),
      heldBytes: () => this.#decoder.heldBytes,
    });
    const reader = body.getReader();
    const end = await this.#read(reader);
    const wasRefused = !("reason" in end);
    this.#ticket.end(wasRefused ? REFUSED : end);
    exchange.finish(wasRefused ? REFUSED : end);
    await reader.cancel().catch(() => {});
    return wasRefused ? this.#visit.refusal("publish", end) : this.#answer(end);
  }

  async #read(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<ConnectionEnd | NotGranted> {
    const { clock } = this.#visit.shell;
    try {
      for (;;) {
        const read = await this.#sentAway.orResultOf(reader.read());
        if ("reason" in read) return read;
        if (read.done) return this.#hasBegun ? UNPUBLISHED : this.#nothing;
        const startMs = clock.now();
        const units = this.#unitsOf(read.value);
        if (!this.#hasBegun && units.length > 0) {
          const refused = await this.#begin();
          if (refused !== undefined) return refused;
        }
        if (this.#hasBegun) this.#heardMs = startMs;
        for (const unit of units) this.#ticket.write(unit);
        this.#ticket.commit();
        // What one sends must not keep the others from their turn.
        await readingTurn.spend(clock.now() - startMs);
      }
    } catch (error) {
      if (error instanceof FlvError) {
        return { clean: false, reason: error.code, message: error.message };
      }
      // FFmpeg closes as soon as it has sent its last byte, and waits for no answer.
      return this.#hasBegun && this.#decoder.heldBytes === 0 ? UNPUBLISHED : GONE;
    }
  }

  /** It is FLV: takes the name. */
  async #begin(): Promise<ConnectionEnd | NotGranted | undefined> {
    this.#hasBegun = true;
    const refused = await this.#ticket.claim();
    const { end } = this.#visit.exchange;
    if (end !== undefined) return end;
    if (refused !== undefined) return refused;
    const started = this.#ticket.start({ onEnded: (end) => this.#sentAway.happen(end) });
    return "granted" in started ? undefined : started;
  }

  #unitsOf(bytes: Uint8Array): MediaUnit[] {
    this.#visit.exchange.bytesReceived += bytes.length;
    const units = this.#decoder.push(bytes).flatMap((tag) => this.#unitsOfTag(tag));
    this.#units += units.length;
    if (this.#units === 0 && this.#decoder.heldBytes > MAX_FIRST_BYTES) {
      throw new FlvError(
        "tag-too-large",
        `A tag before the first media is over ${MAX_FIRST_BYTES}`,
      );
    }
    return units;
  }

  #unitsOfTag({ type, timestampMs, body }: FlvTag): readonly MediaUnit[] {
    const kind = flvBodyKind(type);
    if (kind === undefined) return [];
    const dtsUs = this.#clock.unwrap(timestampMs) * 1000;
    return unitsOfFlv({ kind, dtsUs, body });
  }

  /** The end of a body that has not begun to publish. */
  get #nothing(): ConnectionEnd {
    return this.#decoder.header === undefined ? NO_FLV : NO_MEDIA;
  }

  #tick(): void {
    if (this.#visit.shell.clock.now() - this.#heardMs < SILENT_MS) return;
    this.#sentAway.happen({
      clean: false,
      reason: "idle-timeout",
      message: this.#hasBegun
        ? `No media for ${SILENT_MS} ms`
        : `The body has shown no media of FLV within ${SILENT_MS} ms`,
    });
  }

  #answer(end: ConnectionEnd): HttpAnswer {
    // Who publishes by a key has asked for that: the stream has another name.
    const { name: stream } = this.#ticket.request;
    if (end === UNPUBLISHED) return jsonAnswer({ stream, units: this.#units });
    this.#visit.log.warn(`${this.#visit.guest.protocol} publish failed`, {
      connection: this.#visit.guest.id,
      stream,
      reason: end.message,
    });
    const status = STATUSES[end.reason] ?? 400;
    return faultAnswer({ status, code: end.reason, reason: end.message });
  }
}

/** What the ends by others are in HTTP. */
const STATUSES: Readonly<Record<string, number>> = {
  replaced: 409,
  kicked: 403,
  expired: 403,
  bitrate: 413,
  stopped: 503,
  "held-bytes": 413,
  "idle-timeout": 408,
};

const NO_FLV: ConnectionEnd = {
  clean: false,
  reason: "signature",
  message: "The body has ended before the header of an FLV file",
};

const NO_MEDIA: ConnectionEnd = {
  clean: false,
  reason: "empty",
  message: "The body is FLV, and has ended before its first media",
};

const REFUSED: ConnectionEnd = {
  clean: false,
  reason: "refused",
  message: "The publisher was refused",
};

const GONE: ConnectionEnd = {
  clean: false,
  reason: "reset",
  message: "The publisher has gone in the middle of a tag",
};

const UNPUBLISHED: ConnectionEnd = {
  clean: true,
  reason: "unpublished",
  message: "The publisher has ended its stream",
};
