import type { ApiSnapshot, ApiSource } from "./api_source.ts";

/** Who asks more often than this gets the same counts again, milliseconds: to make them costs what many players do. */
const RECENT_MS = 200;

/** Texts that are kept of one snapshot: pages of lists differ by what is asked for. */
const MOST_TEXTS = 50;

/** One snapshot, and what was written of it. */
interface Recent {
  readonly atMs: number;
  readonly snapshot: Promise<ApiSnapshot>;
  readonly texts: Map<string, string>;
}

/**
 * The counts of a server, made anew at most some times a second however often they are asked for; so is what is written
 * of them.
 */
export class RecentSnapshot {
  readonly #source: Pick<ApiSource, "freshSnapshot">;
  readonly #now: () => number;
  #recent: Recent | undefined;

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
    return this.#fresh().snapshot;
  }

  /**
   * What `write` makes of the counts, or has made of them a moment ago under the same key. What is no text is for this
   * time alone.
   */
  async write<T>(key: string, write: (snapshot: ApiSnapshot) => string | T): Promise<string | T> {
    const { snapshot, texts } = this.#fresh();
    const counts = await snapshot;
    const made = texts.get(key) ?? write(counts);
    if (typeof made === "string" && texts.size < MOST_TEXTS) texts.set(key, made);
    return made;
  }

  /** What was written under a key a moment ago, if anything was. */
  written(key: string): string | undefined {
    return this.#isRecent ? this.#recent?.texts.get(key) : undefined;
  }

  /** Something was changed: what was counted before is not what is there. */
  forget(): void {
    this.#recent = undefined;
  }

  get #isRecent(): boolean {
    return this.#recent !== undefined && this.#now() - this.#recent.atMs < RECENT_MS;
  }

  #fresh(): Recent {
    if (this.#recent !== undefined && this.#isRecent) return this.#recent;
    const snapshot = this.#source.freshSnapshot();
    const recent = this.#recent = { atMs: this.#now(), snapshot, texts: new Map() };
    snapshot.catch(() => {
      if (this.#recent === recent) this.forget();
    });
    return recent;
  }
}
