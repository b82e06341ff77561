/** What was counted at some time. */
interface Count {
  readonly nowMs: number;
  readonly bytes: number;
}

/** Bitrates are means of so long, milliseconds: a group of pictures has peaks that are no fault. */
const MEAN_MS = 10_000;

/** The mean bitrate of the last 10 s, of bytes that are counted now and then. */
export class BitrateMean {
  readonly #counts: Count[];

  /** Begins with a first count. */
  constructor(first: Count) {
    this.#counts = [first];
  }

  /** Takes a further count; returns bits a second, `undefined` until there are 10 s. */
  look(count: Count): number | undefined {
    const counts = this.#counts;
    counts.push(count);
    // The newest that is 10 s old stays, as what the mean begins at.
    while (counts.length > 2 && count.nowMs - counts[1]!.nowMs >= MEAN_MS) counts.shift();
    const [first] = counts as [Count];
    const ms = count.nowMs - first.nowMs;
    return ms < MEAN_MS ? undefined : (count.bytes - first.bytes) * 8000 / ms;
  }
}
