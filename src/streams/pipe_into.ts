import { HopChain } from "./hop_chain.ts";
import type { PieceSource } from "./piece_source.ts";
import type { SynchronousTransform } from "./synchronous_transform.ts";

/** What takes pieces by calls: a {@linkcode SynchronousSink}, or what has no more than one needs of it. */
export interface PieceSink<In> {
  /** Takes a piece; where the next one has to wait, resolves when it may come. */
  take(piece: In): Promise<void> | undefined | void;
  /** No piece follows. */
  close?(): Promise<void>;
  /** No piece follows, since something has failed. */
  abort?(reason: unknown): Promise<void>;
}

/** Where the pieces come from. */
interface PipeOptions {
  readonly source: PieceSource<unknown>;
  /** What they go through. */
  readonly hops: readonly SynchronousTransform<unknown, unknown>[];
  /** Ends the pipe. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Gives a sink all that comes from a source through hops, as a pipe of the platform does: it ends with the source, and
 * rejects with what a side fails with, or the reason of the signal; then the other side is told.
 */
export function pipeInto<T>(
  sink: PieceSink<T>,
  { source, hops, signal }: PipeOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const pipe = new SinkPipe<T>(sink, { source, hops, resolve, reject });
    if (signal !== undefined) pipe.endBy(signal);
    pipe.run();
  });
}

/** What a {@linkcode SinkPipe} has beside its sink. */
interface SinkPipeParts extends Omit<PipeOptions, "signal"> {
  /** The sink has had all, and is closed. */
  readonly resolve: () => void;
  /** A side has failed, and the other was told. */
  readonly reject: (error: unknown) => void;
}

/**
 * A pipe into a sink while it runs. Each connection has one for as long as it lives, and waits in it: what it does is
 * written without `async`, which keeps half a kilobyte for a function that waits.
 */
class SinkPipe<T> {
  readonly #sink: PieceSink<T>;
  readonly #parts: SinkPipeParts;
  readonly #chain: HopChain<T>;
  /** Nothing is to be taken any more. */
  #isOver = false;
  /** What the sink waits for, and what came out meanwhile. */
  #waiting: Promise<void> | undefined;
  #held: T[] | undefined;
  #forget: (() => void) | undefined;
  readonly #onPiece = (piece: unknown): void => this.#take(piece);
  readonly #onSourceFailed = (error: unknown): void =>
    this.#afterWaiting(() => this.#fail(error, { hasSourceFailed: true }));

  constructor(sink: PieceSink<T>, parts: SinkPipeParts) {
    this.#sink = sink;
    this.#parts = parts;
    this.#chain = new HopChain(parts.hops, (out) => this.#give(out));
  }

  /** Ends it when the signal does, at once. */
  endBy(signal: AbortSignal): void {
    const onAbort = (): void => void this.#fail(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#forget = () => signal.removeEventListener("abort", onAbort);
  }

  /** Begins. */
  run(): void {
    if (this.#isOver) return;
    this.#step(() => this.#chain.start(), this.#pull);
  }

  readonly #pull = (): void => {
    if (this.#isOver) return;
    if (this.#waiting !== undefined) return this.#afterWaiting(this.#pull);
    this.#parts.source.next().then(this.#onPiece, this.#onSourceFailed);
  };

  #take(piece: unknown): void {
    if (this.#isOver) return;
    if (piece === undefined) this.#step(() => this.#chain.flush(), () => void this.#close());
    else this.#step(() => this.#chain.push(piece), this.#pull);
  }

  /** Does a step of the hops, and goes on. What came out before a hop failed is taken first. */
  #step(step: () => void, goOn: () => void): void {
    try {
      step();
    } catch (error) {
      return this.#afterWaiting(() => this.#fail(error));
    }
    if (this.#waiting === undefined) goOn();
    else this.#afterWaiting(goOn);
  }

  /** Calls `act` when the sink has taken all that came out. */
  #afterWaiting(act: () => void): void {
    if (this.#waiting === undefined || this.#isOver) return act();
    this.#waiting.then(() => {
      this.#waiting = undefined;
      const held = this.#held;
      this.#held = undefined;
      held?.forEach((out) => this.#give(out));
      this.#afterWaiting(act);
    }).catch((error) => this.#fail(error));
  }

  async #close(): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    await (this.#sink.close?.() ?? CLOSED).then(this.#parts.resolve, this.#parts.reject);
  }

  async #fail(error: unknown, { hasSourceFailed = false } = {}): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    if (!hasSourceFailed) this.#parts.source.cancel?.(error).catch(() => {});
    await this.#sink.abort?.(error).catch(() => {});
    this.#parts.reject(error);
  }

  #end(): void {
    this.#isOver = true;
    this.#forget?.();
  }

  #give(out: T): void {
    if (this.#isOver) return;
    if (this.#waiting === undefined) this.#waiting = this.#sink.take(out) ?? undefined;
    else (this.#held ??= []).push(out);
  }
}

/** A sink without a way to close it is closed. */
const CLOSED = Promise.resolve();
