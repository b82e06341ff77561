import type { LogFields, ServerLog } from "./server_log.ts";

/** Lines are counted for so long, milliseconds; then what was left out is told. */
const WINDOW_MS = 10_000;

/** The numbers of lines that peers may cause in that time. */
interface LineLimits {
  /** Peers of one address. */
  readonly each: number;
  /** All peers together. */
  readonly all: number;
}

/** Mistakes of peers: an honest one makes one a connection, and tries again after a second or more. */
const MOST_WARNINGS: LineLimits = { each: 20, all: 200 };

/** Starts and ends: a hundred players behind one address may come at once. */
const MOST_NOTICES: LineLimits = { each: 100, all: 1000 };

/** Options of a {@linkcode PeerLog}. */
export interface PeerLogOptions {
  /** Whom the lines about an address are counted for. Default: the address. */
  readonly countedAs?: (address: string) => string;
}

/**
 * The log lines that a peer causes by what it does. Whoever fails again and again, or publishes and stops
 * in turn, would fill the disk: beyond a rate its lines are left out, and their number is told. Lines for
 * developers (`debug`) are not bounded.
 */
export class PeerLog {
  readonly #log: ServerLog;
  readonly #clock: { now(): number };
  readonly #countedAs: (address: string) => string;
  readonly #warnings = new LineCounter(MOST_WARNINGS);
  readonly #notices = new LineCounter(MOST_NOTICES);
  #endMs = -Infinity;
  /** The newest: a connection asks for it several times. */
  #newest: AddressLog | undefined;

  /** Writes to `log`. */
  constructor(log: ServerLog, clock: { now(): number }, options: PeerLogOptions = {}) {
    this.#log = log;
    this.#clock = clock;
    this.#countedAs = options.countedAs ?? ((address) => address);
  }

  /** The log for lines about peers of an address. */
  of(address: string): ServerLog {
    const counted = this.#countedAs(address);
    if (this.#newest?.counted !== counted) this.#newest = new AddressLog(this, counted);
    return this.#newest;
  }

  /** Writes a line that the peers of an address are counted for, while they have not had too many. */
  write(level: keyof ServerLog, counted: string, message: string, fields?: LogFields): void {
    if (level !== "debug") {
      this.tick();
      const counter = level === "info" ? this.#notices : this.#warnings;
      if (!counter.take(counted)) return;
    }
    this.#log[level](message, fields);
  }

  /** Lines that were left out so far. */
  get linesLeftOut(): number {
    return this.#warnings.leftOutInAll + this.#notices.leftOutInAll;
  }

  /** Passes time on. */
  tick(): void {
    const now = this.#clock.now();
    if (now < this.#endMs) return;
    this.flush();
    this.#endMs = now + WINDOW_MS;
  }

  /** Tells what was left out so far. */
  flush(): void {
    for (const [counter, level] of [[this.#warnings, "warn"], [this.#notices, "info"]] as const) {
      const leftOut = counter.reset();
      if (leftOut !== undefined) this.#log[level]("log lines were left out", leftOut);
    }
  }
}

/** The lines about the peers of an address. A connection has some of these. */
class AddressLog implements ServerLog {
  readonly #lines: PeerLog;
  readonly counted: string;

  constructor(lines: PeerLog, counted: string) {
    this.#lines = lines;
    this.counted = counted;
  }

  debug(message: string, fields?: LogFields): void {
    this.#lines.write("debug", this.counted, message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#lines.write("info", this.counted, message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#lines.write("warn", this.counted, message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#lines.write("error", this.counted, message, fields);
  }
}

/** The lines of one kind in one span of time. */
class LineCounter {
  readonly #limits: LineLimits;
  readonly #perAddress = new Map<string, number>();
  #written = 0;
  #leftOut = 0;
  /** Lines that were left out since the beginning. */
  leftOutInAll = 0;

  constructor(limits: LineLimits) {
    this.#limits = limits;
  }

  /** Counts a line; whether it may be written. */
  take(address: string): boolean {
    const count = (this.#perAddress.get(address) ?? 0) + 1;
    this.#perAddress.set(address, count);
    const mayWrite = count <= this.#limits.each && this.#written < this.#limits.all;
    if (mayWrite) this.#written++;
    else {
      this.#leftOut++;
      this.leftOutInAll++;
    }
    return mayWrite;
  }

  /** Starts anew; returns what to tell of the lines that were left out, if any were. */
  reset(): LogFields | undefined {
    const counts = [...this.#perAddress];
    const lines = this.#leftOut;
    this.#perAddress.clear();
    this.#written = 0;
    this.#leftOut = 0;
    if (lines === 0) return undefined;
    const [most] = counts.reduce((a, b) => b[1] > a[1] ? b : a);
    return { lines, addresses: counts.length, most };
  }
}
