import { FlvDecoder, FlvError, type FlvTag } from "../../flv/mod.ts";
import type { ConnectionEnd, PublishTicket } from "../../gate/mod.ts";
import { TimestampUnwrapper } from "../../rtmp/mod.ts";
import { flvBodyKind, unitsOfFlv } from "../../transmux/mod.ts";
import { readingTurn } from "../../transport/mod.ts";
import type { StreamVisit } from "./http_visit.ts";
import { faultAnswer, jsonAnswer } from "./json_answer.ts";
import { type HttpAnswer, isAnswer } from "./whole_answer.ts";

/** A publisher that sends nothing for so long has gone, milliseconds: as RTMP's. */
const SILENT_MS = 10_000;

/** Publishes the FLV that a request's body is, until it ends, or is none; the answer comes then. */
export async function publishFlv(visit: StreamVisit): Promise<HttpAnswer> {
  const { body } = visit;
  if (body === null) {
    return faultAnswer({ status: 400, code: "body", reason: "The request has no body to publish" });
  }
  const ticket = await visit.mayPublish();
  if (isAnswer(ticket)) return ticket;
  return await new Publishing(visit, ticket).run(body);
}

/** One publisher. */
class Publishing {
  readonly #visit: StreamVisit;
  readonly #ticket: PublishTicket;
  readonly #decoder = new FlvDecoder();
  readonly #clock = new TimestampUnwrapper();
  #heardMs: number;
  /** Set by others: the publisher is to go. */
  #sentAway = Promise.withResolvers<ConnectionEnd>();
  #units = 0;

  constructor(visit: StreamVisit, ticket: PublishTicket) {
    this.#visit = visit;
    this.#ticket = ticket;
    this.#heardMs = visit.shell.clock.now();
  }

  async run(body: ReadableStream<Uint8Array>): Promise<HttpAnswer> {
    const { exchange } = this.#visit;
    const started = this.#ticket.start({ onEnded: (end) => this.#sentAway.resolve(end) });
    if (!("granted" in started)) {
      this.#ticket.end({ clean: false, reason: "refused", message: "The hub has refused" });
      return this.#visit.refusal("publish", started);
    }
    exchange.last({
      end: (end) => this.#sentAway.resolve(end),
      tick: () => this.#tick(),
      heldBytes: () => this.#decoder.heldBytes,
    });
    const reader = body.getReader();
    const end = await this.#read(reader);
    this.#ticket.end(end);
    exchange.finish(end);
    await reader.cancel().catch(() => {});
    return this.#answer(end);
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ConnectionEnd> {
    const { clock } = this.#visit.shell;
    try {
      for (;;) {
        const read = await Promise.race([reader.read(), this.#sentAway.promise]);
        if ("reason" in read) return read;
        if (read.done) return this.#decoder.header === undefined ? NO_FLV : UNPUBLISHED;
        const startMs = clock.now();
        this.#heardMs = startMs;
        this.#take(read.value);
        // What one sends must not keep the others from their turn.
        await readingTurn.spend(clock.now() - startMs);
      }
    } catch (error) {
      if (error instanceof FlvError) {
        return { clean: false, reason: error.code, message: error.message };
      }
      // FFmpeg closes as soon as it has sent its last byte, and waits for no answer.
      return this.#decoder.heldBytes === 0 ? UNPUBLISHED : GONE;
    }
  }

  #take(bytes: Uint8Array): void {
    this.#visit.exchange.bytesReceived += bytes.length;
    for (const tag of this.#decoder.push(bytes)) this.#takeTag(tag);
    this.#ticket.commit();
  }

  #takeTag({ type, timestampMs, body }: FlvTag): void {
    const kind = flvBodyKind(type);
    if (kind === undefined) return;
    const dtsUs = this.#clock.unwrap(timestampMs) * 1000;
    for (const unit of unitsOfFlv({ kind, dtsUs, body })) {
      this.#units++;
      this.#ticket.write(unit);
    }
  }

  #tick(): void {
    if (this.#visit.shell.clock.now() - this.#heardMs < SILENT_MS) return;
    this.#sentAway.resolve({
      clean: false,
      reason: "idle-timeout",
      message: `No media for ${SILENT_MS} ms`,
    });
  }

  #answer(end: ConnectionEnd): HttpAnswer {
    if (end === UNPUBLISHED) return jsonAnswer({ stream: this.#visit.name, units: this.#units });
    this.#visit.log.warn(`${this.#visit.guest.protocol} publish failed`, {
      connection: this.#visit.guest.id,
      stream: this.#visit.name,
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
