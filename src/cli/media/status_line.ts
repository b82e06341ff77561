/**
 * A line that tells how a command does, each second: written over itself on a terminal, one below the other
 * elsewhere, and there less often. It goes to standard error, so that standard output has results alone.
 */
export class StatusLine {
  readonly #isTerminal = Deno.stderr.isTerminal();
  #lines = 0;
  #last = "";
  #isOpen = false;

  /** Shows a line. */
  show(text: string): void {
    // Who waits for something shows the same again and again.
    if (text === this.#last) return;
    this.#last = text;
    if (this.#isTerminal) {
      write(`\r\x1b[K${text}`);
      this.#isOpen = true;
    } else if (this.#lines++ % PLAIN_EVERY === 0) write(`${text}\n`);
  }

  /** Leaves the last line where it is. */
  end(): void {
    if (this.#isOpen) write("\n");
    this.#isOpen = false;
  }
}

/** Of lines that are not written over, each tenth is enough. */
const PLAIN_EVERY = 10;

/** Whoever has closed standard error does not want to know. */
function write(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch { /* nobody reads it */ }
}

/** `3.2 Mb/s`, `640 kb/s`. */
export function shownBitrate(bitsPerSecond: number): string {
  return bitsPerSecond >= 1e6
    ? `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`
    : `${Math.round(bitsPerSecond / 1000)} kb/s`;
}

/** `01:02:03`. */
export function shownTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, "0")).join(":");
}
