import { HopChain } from "./hop_chain.ts";
import type { PieceSource } from "./piece_source.ts";
import type { SynchronousSink } from "./synchronous_sink.ts";
import type { SynchronousTransform } from "./synchronous_transform.ts";

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
export async function pipeInto<T>(
  sink: SynchronousSink<T>,
  { source, hops, signal }: PipeOptions,
): Promise<void> {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(signal!.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const pipe = new SinkPipe<T>(sink, source, hops);
  pipe.run().then(resolve, reject);
  try {
    await ended;
  } catch (error) {
    pipe.isOver = true;
    if (!pipe.hasSourceFailed) source.cancel?.(error).catch(() => {});
    await sink.abort(error).catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  await sink.close();
}

/** A pipe into a sink while it runs. */
class SinkPipe<T> {
  /** Nothing is to be taken any more. */
  isOver = false;
  /** It was the source that failed: it need not be told. */
  hasSourceFailed = false;
  readonly #sink: SynchronousSink<T>;
  readonly #source: PieceSource<unknown>;
  readonly #chain: HopChain<T>;
  /** What the sink waits for, and what came out meanwhile. */
  #waiting: Promise<void> | undefined;
  #held: T[] | undefined;

  constructor(
    sink: SynchronousSink<T>,
    source: PieceSource<unknown>,
    hops: readonly SynchronousTransform<unknown, unknown>[],
  ) {
    this.#sink = sink;
    this.#source = source;
    this.#chain = new HopChain(hops, (out) => this.#give(out));
  }

  async run(): Promise<void> {
    try {
      this.#chain.start();
      for (;;) {
        if (this.#waiting !== undefined) await this.#drain();
        const piece = await this.#next();
        if (this.isOver) return;
        if (piece === undefined) break;
        this.#chain.push(piece);
      }
      this.#chain.flush();
    } finally {
      // What came out before a hop failed is taken first.
      await this.#drain();
    }
  }

  async #drain(): Promise<void> {
    while (this.#waiting !== undefined && !this.isOver) {
      await this.#waiting;
      this.#waiting = undefined;
      const held = this.#held;
      this.#held = undefined;
      held?.forEach((out) => this.#give(out));
    }
  }

  #next(): Promise<unknown> {
    return this.#source.next().catch((error) => {
      this.hasSourceFailed = true;
      throw error;
    });
  }

  #give(out: T): void {
    if (this.isOver) return;
    if (this.#waiting === undefined) this.#waiting = this.#sink.take(out) ?? undefined;
    else (this.#held ??= []).push(out);
  }
}
