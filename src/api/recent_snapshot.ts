import { type HttpAnswer, WholeAnswer } from "../doors/http/mod.ts";
import type { ApiSnapshot, ApiSource } from "./api_source.ts";

/** Who asks more often than this gets the same counts again, milliseconds: to make them costs what many players do. */
const RECENT_MS = 200;

/** Answers that are kept of one snapshot: pages of lists differ by what is asked for. */
const MOST_ANSWERS = 50;

/** Makes an answer of the counts. */
export type CountsWriter = (snapshot: ApiSnapshot) => HttpAnswer;

/** One snapshot, and the answers that were made of it. */
interface Recent {
  readonly atMs: number;
  readonly snapshot: Promise<ApiSnapshot>;
  readonly answers: Map<string, WholeAnswer>;
}

/**
 * The counts of a server, made anew at most some times a second however often they are asked for; so are the answers that
 * are made of them.
 */
export class RecentSnapshot {
  readonly #source: Pick<ApiSource, "freshSnapshot">;
  readonly #now: () => number;
  /** What has made answers, by their keys: who asks again needs not be looked at again. */
  readonly #writers = new Map<string, CountsWriter>();
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
   * What `write` makes of the counts, or has made of them a moment ago under the same key. An answer that says why there
   * is none is for this time alone.
   */
  async answer(key: string, write: CountsWriter): Promise<HttpAnswer> {
    const { snapshot, answers } = this.#fresh();
    const counts = await snapshot;
    const kept = answers.get(key);
    if (kept !== undefined) return kept;
    const made = write(counts);
    if (!(made instanceof WholeAnswer) || made.status !== 200) return made;
    if (answers.size < MOST_ANSWERS) answers.set(key, made);
    if (this.#writers.size < MOST_ANSWERS) this.#writers.set(key, write);
    return made;
  }

  /** The answer under a key of which one was made before; `undefined` where none was. */
  again(key: string): HttpAnswer | Promise<HttpAnswer> | undefined {
    const kept = this.#isRecent ? this.#recent?.answers.get(key) : undefined;
    if (kept !== undefined) return kept;
    const write = this.#writers.get(key);
    return write && this.answer(key, write);
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
    const recent = this.#recent = { atMs: this.#now(), snapshot, answers: new Map() };
    snapshot.catch(() => {
      if (this.#recent === recent) this.forget();
    });
    return recent;
  }
}
