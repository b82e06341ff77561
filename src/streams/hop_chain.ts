import type { Emit, SynchronousTransform } from "./synchronous_transform.ts";

/** Hops that follow one another by calls. */
export class HopChain<Out> {
  readonly #hops: readonly SynchronousTransform<unknown, unknown>[];
  /** What is given a piece, and what each hop emits to; the last of them is `emit`. */
  readonly #emits: readonly Emit<unknown>[];

  /** What comes out of the last hop goes to `emit`. */
  constructor(
    hops: readonly SynchronousTransform<unknown, unknown>[],
    emit: Emit<Out>,
  ) {
    this.#hops = hops;
    let next = emit as Emit<unknown>;
    const emits = Array<Emit<unknown>>(hops.length + 1).fill(next);
    for (let at = hops.length - 1; at >= 0; at--) {
      const { transformer } = hops[at]!;
      const behind = next;
      next = emits[at] = (piece) => transformer.transform(piece, behind);
    }
    this.#emits = emits;
  }

  /** Has the hops begin, before the first piece. */
  start(): void {
    this.#hops.forEach(({ transformer }, at) => transformer.start?.(this.#emits[at + 1]!));
  }

  /** Has a piece go through all. */
  push(piece: unknown): void {
    this.#emits[0]!(piece);
  }

  /** Says that no piece follows. */
  flush(): void {
    this.#hops.forEach(({ transformer }, at) => transformer.flush?.(this.#emits[at + 1]!));
  }
}
