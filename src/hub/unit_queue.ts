import type { MediaUnit } from "../media/mod.ts";
import { HeaderSet } from "./header_set.ts";
import { isPicture, StartWait } from "./start_wait.ts";
import { UNIT_COST_BYTES, unitBytes } from "./unit_bytes.ts";

/** How much may wait in a {@linkcode UnitQueue}: the settings of a hub have these names. */
export interface UnitQueueBounds {
  /** Bytes of units that may wait, with what each costs beside its bytes. */
  readonly maxLagBytes: number;
  /** Time that what waits may span, milliseconds. */
  readonly maxLagMs: number;
}

/** Facts about a unit that a {@linkcode UnitQueue} needs. */
export interface UnitArrival<Tag> {
  /** Whether a reader can start at it. */
  readonly startPoint: boolean;
  /** When it came, or the time that it has, milliseconds: the bound in time is by this. Without it, by none. */
  readonly timeMs?: number;
  /** The headers in force after it; by default those that were pushed. */
  readonly headers?: HeaderSet;
  /** It is of what is kept for those who join: the bounds are not for it. */
  readonly isKept?: boolean;
  /** Goes with the unit. */
  readonly tag?: Tag;
}

/** A unit of a {@linkcode UnitQueue}, and what was pushed with it. */
export interface QueuedUnit<Tag> {
  /** The unit. */
  readonly unit: MediaUnit;
  /** What went with it; with a header that is given again, what went with the unit behind it. */
  readonly tag: Tag | undefined;
  /** The headers in force after it, those too that were not given as they repeat others. */
  readonly headers: HeaderSet;
}

interface Waiting<Tag> extends QueuedUnit<Tag> {
  readonly startPoint: boolean;
  readonly timeMs: number | undefined;
  readonly isKept: boolean;
  readonly cost: number;
}

/**
 * Units that wait for one reader, within bounds: where it is too slow, what waits is dropped up to the newest
 * start that lies within them, or else up to the next one that comes; audio goes on after 2 s without one. Headers that changed in what was dropped
 * are given again before that start. So a reader has units in order, from starts on, with the headers that
 * they need.
 *
 * @example
 * ```ts
 * import { UnitQueue } from "@weir/server/hub";
 *
 * const queue = new UnitQueue({ maxLagBytes: 8 * 1024 * 1024, maxLagMs: 4000 });
 * queue.end();
 * for (;;) {
 *   const next = queue.next();
 *   if (next !== undefined) console.log(next.unit.dtsUs);
 *   else if (queue.isEnded) break;
 *   else await queue.more();
 * }
 * ```
 */
export class UnitQueue<Tag = undefined> {
  readonly #bounds: UnitQueueBounds;
  #waiting: Waiting<Tag>[] = [];
  #bytes = 0;
  /** How many of the units at the front of the queue do not count towards its bound. */
  #kept = { units: 0, bytes: 0 };
  /** Headers that were pushed. */
  #headers = HeaderSet.EMPTY;
  /** Headers that the reader has taken. */
  #taken = HeaderSet.EMPTY;
  /** While nothing is taken in until the next start: how long, and whether audio is again. */
  #skipping: { readonly wait: StartWait; audio: boolean } | undefined;
  #isEnded = false;
  #skips = 0;
  #dropped = 0;
  #more: PromiseWithResolvers<void> | undefined;

  /**
   * Makes an empty queue.
   *
   * @throws {RangeError} if a bound is negative or not a number
   */
  constructor(bounds: UnitQueueBounds) {
    const { maxLagBytes, maxLagMs } = bounds;
    for (const [name, value] of Object.entries({ maxLagBytes, maxLagMs })) {
      if (value >= 0) continue;
      throw new RangeError(
        `Cannot queue units as '${name}' must be at least 0: current value is ${value}`,
      );
    }
    this.#bounds = { maxLagBytes, maxLagMs };
  }

  /** Whether nothing more comes behind what waits. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Number of units that wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Bytes of units that wait, with what each costs beside its bytes. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** How often the reader was too slow. */
  get skips(): number {
    return this.#skips;
  }

  /** Units that were dropped; headers among them may have been given later. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a unit in, or drops it, or what waits; nothing is taken in after the end. */
  push(unit: MediaUnit, arrival: UnitArrival<Tag>): void {
    if (this.#isEnded) return;
    this.#headers = this.#headers.with(unit);
    const { startPoint, timeMs, headers = this.#headers, isKept = false, tag } = arrival;
    const cost = costOf(unit);
    const waiting = { unit, tag, startPoint, timeMs, headers, isKept, cost };
    if (this.#skipping?.audio !== false && this.#isOver(waiting)) this.#skip(waiting);
    if (this.#skipping !== undefined && !this.#goesOn(waiting)) {
      this.#dropped++;
      return;
    }
    this.#add(waiting);
    this.#wake();
  }

  /** The next unit, which then waits no longer; `undefined` when none waits. */
  next(): QueuedUnit<Tag> | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    this.#forget(next);
    this.#taken = this.#taken.with(next.unit);
    return { unit: next.unit, tag: next.tag, headers: next.headers };
  }

  /** Resolves when there may be a next unit, or none comes any more. */
  more(): Promise<void> {
    if (this.#waiting.length > 0 || this.#isEnded) return Promise.resolve();
    this.#more ??= Promise.withResolvers();
    return this.#more.promise;
  }

  /** Nothing more comes; what waits can be taken. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Drops all that waits, as after a reader's pause: it goes on at the next start. */
  clear(): void {
    this.#drop(this.#waiting.length);
    this.#skipping = newSkipping();
  }

  /** While skipping: whether `next` is taken in, before which the headers then are. */
  #goesOn(next: Waiting<Tag>): boolean {
    const skipping = this.#skipping!;
    if (!next.startPoint && skipping.audio) return !isPicture(next.unit);
    if (!next.startPoint && !skipping.wait.isOverAt(next.unit)) return false;
    skipping.audio = true;
    if (next.startPoint) this.#skipping = undefined;
    for (const header of this.#headersFor(next)) this.#add(header);
    return true;
  }

  #wake(): void {
    this.#more?.resolve();
    this.#more = undefined;
  }

  /** Whether what waits is too much with one more. What is alone never is. */
  #isOver({ cost, timeMs, isKept }: Waiting<Tag>): boolean {
    if (isKept || this.#waiting.length === 0) return false;
    const { maxLagBytes, maxLagMs } = this.#bounds;
    if (this.#bytes - this.#kept.bytes + cost > maxLagBytes) return true;
    if (timeMs === undefined) return false;
    for (let at = this.#kept.units; at < this.#waiting.length; at++) {
      const first = this.#waiting[at]!.timeMs;
      if (first !== undefined) return timeMs - first > maxLagMs;
    }
    return false;
  }

  /** Drops what waits up to the newest start from which on it is within the bounds with `next`. */
  #skip(next: Waiting<Tag>): void {
    this.#skips++;
    const at = next.startPoint ? -1 : this.#startWithin(next);
    if (at < 0) {
      this.#drop(this.#waiting.length);
      this.#skipping = newSkipping();
      return;
    }
    this.#drop(at);
    const headers = this.#headersFor(this.#waiting[0]!);
    this.#waiting.unshift(...headers);
    for (const { cost } of headers) this.#bytes += cost;
  }

  /** Index of the newest start, if it and all behind it are within the bounds with `next`; else -1. */
  #startWithin(next: Waiting<Tag>): number {
    const { maxLagBytes, maxLagMs } = this.#bounds;
    let bytes = next.cost;
    for (let at = this.#waiting.length - 1; at > 0; at--) {
      const waiting = this.#waiting[at]!;
      bytes += waiting.cost;
      if (!waiting.startPoint) continue;
      const headers = this.#headersFor(waiting).reduce((sum, { cost }) => sum + cost, 0);
      const { timeMs = Infinity } = waiting;
      const isLate = next.timeMs !== undefined && next.timeMs - timeMs > maxLagMs;
      return isLate || bytes + headers > maxLagBytes ? -1 : at;
    }
    return -1;
  }

  /** What is to be given before a start when all before it is dropped: the headers, unless the reader has them. */
  #headersFor(start: Waiting<Tag>): Waiting<Tag>[] {
    const { units } = start.headers;
    if (units.every((unit) => this.#taken.with(unit) === this.#taken)) return [];
    return units.map((unit) => ({
      ...start,
      unit,
      startPoint: false,
      isKept: false,
      cost: costOf(unit),
    }));
  }

  #add(waiting: Waiting<Tag>): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.cost;
    if (!waiting.isKept) return;
    this.#kept.units++;
    this.#kept.bytes += waiting.cost;
  }

  #drop(count: number): void {
    for (const dropped of this.#waiting.splice(0, count)) this.#forget(dropped);
    this.#dropped += count;
  }

  #forget({ cost, isKept }: Waiting<Tag>): void {
    this.#bytes -= cost;
    if (!isKept) return;
    this.#kept.units--;
    this.#kept.bytes -= cost;
  }
}

function costOf(unit: MediaUnit): number {
  return unitBytes(unit) + UNIT_COST_BYTES;
}

function newSkipping(): { readonly wait: StartWait; audio: boolean } {
  return { wait: new StartWait(), audio: false };
}
