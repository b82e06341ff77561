import { BodyDecoder } from "./body_decoder.ts";
import type { Incoming } from "./incoming.ts";
import { RequestFault, type RequestHead } from "./request_head.ts";

/** A client that sends nothing of a body that is waited for is waited for so long, milliseconds. */
const SILENT_MS = 20_000;

/** The body of a request, read as it is asked for. */
export class RequestBody {
  /** The body. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Resolves when the leave to send the body is out, where the client has waited for it and it was given. */
  granted: Promise<void> | undefined;
  readonly #incoming: Incoming;
  readonly #decoder: BodyDecoder;
  readonly #events: { readonly onContinue?: () => Promise<void>; readonly onOver: () => void };
  readonly #now: () => number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #waitsSinceMs: number | undefined;
  #isOver = false;
  #fault: RequestFault | undefined;

  /** The body that `head` says, of what comes in. `onContinue` gives the client leave to send it. */
  constructor(
    { body }: RequestHead,
    { incoming, now, ...events }: {
      readonly incoming: Incoming;
      readonly now: () => number;
      readonly onContinue?: () => Promise<void>;
      /** All of it has come. */
      readonly onOver: () => void;
    },
  ) {
    this.#incoming = incoming;
    this.#now = now;
    this.#events = events;
    this.#decoder = new BodyDecoder(body);
    this.readable = new ReadableStream<Uint8Array>({
      pull: (controller) => this.#pull(controller),
    }, { highWaterMark: 0 });
  }

  /** Whether all of it has come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What is wrong with it, which is the answer to the request. */
  get fault(): RequestFault | undefined {
    return this.#fault;
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    if (this.#waitsSinceMs === undefined || nowMs - this.#waitsSinceMs < SILENT_MS) return;
    this.#fail(new RequestFault(408, `Nothing of the body has come for ${SILENT_MS} ms`));
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#controller = controller;
    this.granted ??= this.#events.onContinue?.();
    await this.granted;
    for (let hasMore = true; hasMore;) {
      this.#waitsSinceMs = this.#now();
      const bytes = await this.#incoming.next();
      this.#waitsSinceMs = undefined;
      if (this.#fault !== undefined) return;
      if (bytes === undefined) throw new Deno.errors.ConnectionReset("The client has gone");
      hasMore = !this.#take(bytes, controller);
    }
  }

  /** Whether something has come of it. */
  #take(bytes: Uint8Array, controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    try {
      const { pieces, rest } = this.#decoder.push(bytes);
      for (const piece of pieces) controller.enqueue(piece);
      if (rest !== undefined) {
        this.#isOver = true;
        this.#incoming.putBack(rest);
        controller.close();
        this.#events.onOver();
      }
      return pieces.length > 0 || rest !== undefined;
    } catch (error) {
      if (!(error instanceof RequestFault)) throw error;
      this.#fail(error);
      return true;
    }
  }

  #fail(fault: RequestFault): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#waitsSinceMs = undefined;
    this.#controller?.error(fault);
  }
}
