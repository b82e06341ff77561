/** What becomes of rules when others take their place. */
export interface Succession<Former, Next> {
  /** The next ones in their order, each with the former one that goes on as it, where there is one. */
  readonly pairs: readonly { readonly next: Next; readonly former: Former | undefined }[];
  /** The former ones that go on as none. */
  readonly gone: readonly Former[];
}

/**
 * Finds the former rule that goes on as each of the next ones: the first that can and goes on as no other.
 *
 * @example
 * ```ts
 * import { succession } from "./mod.ts";
 *
 * const goesOnAs = (former: string, next: string) => former === next;
 * const { pairs, gone } = succession(["a", "b"], ["b", "b"], { goesOnAs });
 * console.log(pairs.map(({ former }) => former), gone); // [ "b", undefined ] [ "a" ]
 * ```
 */
export function succession<Former, Next>(
  former: Iterable<Former>,
  next: Iterable<Next>,
  { goesOnAs }: { readonly goesOnAs: (former: Former, next: Next) => boolean },
): Succession<Former, Next> {
  const free = [...former];
  const pairs = Array.from(next, (one) => {
    const at = free.findIndex((other) => goesOnAs(other, one));
    return { next: one, former: at < 0 ? undefined : free.splice(at, 1)[0] };
  });
  return { pairs, gone: free };
}
