/** How long recordings are kept. What is being written is never removed. */
export interface RetentionOptions {
  /** Files that ended longer ago go, milliseconds. For ever by default. */
  readonly keepMs?: number;
  /** Over this all files of the rule together lose the oldest, bytes. Unbounded by default. */
  readonly keepBytes?: number;
  /** While the store has less room than this, the oldest files of the rule go, bytes. 0 by default. */
  readonly keepFreeBytes?: number;
}

/** A file, as it is judged. */
export interface KeptFile {
  /** When it begins, milliseconds since 1970. */
  readonly startUnixMs: number;
  /** When it was written to last, milliseconds since 1970. */
  readonly endUnixMs: number;
  /** Its length. */
  readonly bytes: number;
  /** Whether it is being written. */
  readonly isOpen: boolean;
}

/** Returns the files that are to go, the oldest first. */
export function expiredFiles<T extends KeptFile>(
  files: readonly T[],
  options: RetentionOptions & {
    readonly nowUnixMs: number;
    /** Room in the store; unknown by default. */
    readonly freeBytes?: number;
  },
): T[] {
  const { keepMs = Infinity, keepBytes = Infinity, keepFreeBytes = 0, nowUnixMs } = options;
  let overBytes = files.reduce((sum, { bytes }) => sum + bytes, 0) - keepBytes;
  let missingBytes = keepFreeBytes - (options.freeBytes ?? Infinity);
  const oldestFirst = files.filter(({ isOpen }) => !isOpen)
    .sort((a, b) => a.startUnixMs - b.startUnixMs);
  return oldestFirst.filter(({ endUnixMs, bytes }) => {
    const goes = nowUnixMs - endUnixMs > keepMs || overBytes > 0 || missingBytes > 0;
    if (goes) {
      overBytes -= bytes;
      missingBytes -= bytes;
    }
    return goes;
  });
}
