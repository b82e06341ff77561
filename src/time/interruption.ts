/**
 * What may end waits, however many there are one after the other: the end of a connection, on each of whose reads
 * somebody waits.
 *
 * `Promise.race` with a promise that lasts keeps what each of its calls has given for as long as that promise does: all
 * that a connection has ever read. This keeps nothing of waits that are over.
 *
 * @example
 * ```ts
 * import { Interruption } from "./mod.ts";
 *
 * const gone = new Interruption<"gone">();
 * console.log(await gone.orResultOf(Promise.resolve(7))); // 7
 * gone.happen("gone");
 * console.log(await gone.orResultOf(new Promise(() => {}))); // gone
 * ```
 */
export class Interruption<T> {
  readonly #waits = new Set<(reason: T) => void>();
  #happened: { readonly reason: T } | undefined;

  /** It happens: whoever waits, now or later, has `reason`. Only the first one counts. */
  happen(reason: T): void {
    if (this.#happened !== undefined) return;
    this.#happened = { reason };
    for (const end of this.#waits) end(reason);
    this.#waits.clear();
  }

  /**
   * Resolves or rejects as `work` does, or resolves with the reason where it happens before. Work that was interrupted goes
   * on, and nobody hears of what becomes of it, a rejection neither.
   */
  orResultOf<W>(work: Promise<W>): Promise<W | T> {
    const { promise, resolve, reject } = Promise.withResolvers<W | T>();
    const isOver = (): void => void this.#waits.delete(resolve);
    work.then((value) => (isOver(), resolve(value)), (error) => (isOver(), reject(error)));
    const happened = this.#happened;
    if (happened === undefined) this.#waits.add(resolve);
    // Work that is done already goes before.
    else queueMicrotask(() => resolve(happened.reason));
    return promise;
  }
}
