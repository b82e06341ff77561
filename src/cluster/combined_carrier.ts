import type { Carrier, PullEnd, PullSink } from "./carrier.ts";
import type { Holder } from "./directory.ts";

/** Brings streams by the way that their holder has: a message port in this process, a URL elsewhere. */
export class CombinedCarrier implements Carrier {
  readonly #near: Carrier;
  readonly #far: Carrier;

  /** `near` brings what is in this process, `far` what is at other machines. */
  constructor({ near, far }: { readonly near: Carrier; readonly far: Carrier }) {
    this.#near = near;
    this.#far = far;
  }

  /** Fetches a stream. */
  pull(
    holder: Holder,
    options: { readonly name: string; readonly signal: AbortSignal; readonly sink: PullSink },
  ): Promise<PullEnd> {
    return (holder.url === undefined ? this.#near : this.#far).pull(holder, options);
  }

  /** Has the other members of this process keep a stream that is wanted from its first unit on. */
  expect(name: string): () => void {
    return this.#near.expect?.(name) ?? (() => {});
  }

  /** Lets go of all. */
  close(): void {
    this.#near.close?.();
    this.#far.close?.();
  }
}
