import type { ApiSnapshot, ApiSource } from "./api_source.ts";

/** Who asks more often than this gets the same counts again, milliseconds: to make them costs what many players do. */
const RECENT_MS = 200;

/** The counts of a server, made anew at most some times a second however often they are asked for. */
export class RecentSnapshot {
  readonly #source: Pick<ApiSource, "freshSnapshot">;
  readonly #now: () => number;
  #snapshot: Promise<ApiSnapshot> | undefined;
  #atMs = 0;

  /** Counts of `source`; `now` is in milliseconds. */
  constructor(
    source: Pick<ApiSource, "freshSnapshot">,
    { now = () => performance.now() }: { readonly now?: () => number } = {},
  ) {
    this.#source = source;
    this.#now = now;
  }

  /** The counts, as they are or were a moment ago. */
  get(): Promise<ApiSnapshot> {
    const nowMs = this.#now();
    if (this.#snapshot === undefined || nowMs - this.#atMs >= RECENT_MS) {
      this.#atMs = nowMs;
      const snapshot = this.#snapshot = this.#source.freshSnapshot();
      snapshot.catch(() => this.forget());
    }
    return this.#snapshot;
  }

  /** Something was changed: what was counted before is not what is there. */
  forget(): void {
    this.#snapshot = undefined;
  }
}
