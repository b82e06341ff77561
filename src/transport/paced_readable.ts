import { type PieceSource, PipedReadable } from "../streams/mod.ts";
import { type ReadingTurn, readingTurn } from "./reading_turn.ts";
import { youngSpace } from "./young_space.ts";

/** What a {@linkcode pacedReadable} reads from, as a `Deno.Conn` is read. */
export interface ByteSource {
  /** Reads at least one byte into `target`; returns how many, `null` at the end. */
  read(target: Uint8Array): Promise<number | null>;
  /** Says of an error of a read that it is the end; others it throws. */
  endOf?(error: unknown): undefined;
  /**
   * Whether a read that comes back with less than there was room for has taken all that had come: the next one then
   * waits for the network, and so lets others have their turn.
   */
  readonly shortIsAll?: boolean;
  /** The consumer wants no more. */
  cancel?(reason: unknown): Promise<void>;
}

/** What a {@linkcode pacedReadable} measures by; the machine's clock and event loop by default. */
export interface PaceOptions {
  /** Milliseconds. */
  readonly now?: () => number;
  /** What the event loop is shared by. */
  readonly turn?: ReadingTurn;
}

/** Enough for a handshake. */
const FIRST_SLAB_BYTES = 4 * 1024;
/** A peer whose reads bring no more than that need not have this side hold more: a player, which only acknowledges. */
const QUIET_SLAB_BYTES = 1024;
const LARGEST_SLAB_BYTES = 256 * 1024;

/** A peer that has sent so many times what a slab holds may have this side hold one. */
const LEAST_SENT = 8;

/** What is dear to handle is read in small pieces, but not so small that reading costs more. */
const SMALLEST_READ_BYTES = 1024;

/** A read should be handled in so long, milliseconds: what others may have to wait for beside a turn. */
const READ_MS = 2;

/** Reads, and slabs, grow so fast at most. */
const GROWTH = 4;

/** What a read and what comes of it leave behind, in writes. */
const READ = 4;

/** Processor time that a read itself takes, in milliseconds. */
const OVERHEAD_MS = 0.02;

/**
 * Makes a stream of what a peer sends, at a pace that leaves others their turn (see {@linkcode ReadingTurn}):
 * between two pulls the consumer works on what it got. Reads that come back full grow while a byte is cheap to
 * handle, and shrink when it is dear: many small messages, say.
 *
 * Consecutive reads share a slab, so that what is kept of small reads costs no more than its bytes. Slabs grow
 * while reads fill them, and stay small beside what has come: who has sent little cannot make this side hold much. A default stream, not a byte stream: those detach buffers that others hold.
 */
export function pacedReadable(
  source: ByteSource,
  options: PaceOptions = {},
): ReadableStream<Uint8Array> {
  return new PipedReadable<Uint8Array>(new PacedSource(source, options));
}

const machineNow = (): number => performance.now();

/** What a {@linkcode pacedReadable} is made of; without `async`, which keeps as much again for each that waits. */
class PacedSource implements PieceSource<Uint8Array> {
  readonly #source: ByteSource;
  readonly #now: () => number;
  readonly #turn: ReadingTurn;
  #slab: Uint8Array = new Uint8Array(FIRST_SLAB_BYTES);
  #used = 0;
  #readsOfSlab = 0;
  #total = 0;
  #most = FIRST_SLAB_BYTES;
  /** The newest read: where it reads to, how much it gave, and when. */
  #target = this.#slab;
  #given = 0;
  #givenAtMs = 0;
  readonly #onRead = (count: number | null): Uint8Array | undefined => this.#take(count);

  constructor(source: ByteSource, { now = machineNow, turn = readingTurn }: PaceOptions) {
    this.#source = source;
    this.#now = now;
    this.#turn = turn;
  }

  next(): Promise<Uint8Array | undefined> {
    return this.#pause()?.then(() => this.#read()) ?? this.#read();
  }

  async cancel(reason: unknown): Promise<void> {
    await this.#source.cancel?.(reason);
  }

  #read(): Promise<Uint8Array | undefined> {
    this.#target = this.#slab.subarray(this.#used, this.#used + this.#most);
    return this.#source.read(this.#target).then(this.#onRead, this.#source.endOf);
  }

  /** What is to be waited for before the next read, so that others have their turn. */
  #pause(): Promise<void> | undefined {
    const given = this.#given;
    // Where a read was not full there was no more: who sends no faster than it is read needs no pace.
    const wasFull = given > 0 && given === this.#target.length;
    if (given === 0 || (!wasFull && this.#source.shortIsAll)) return undefined;
    const workMs = this.#now() - this.#givenAtMs;
    if (wasFull) {
      const growth = Math.min(GROWTH, READ_MS / workMs);
      this.#most = Math.max(SMALLEST_READ_BYTES, Math.floor(given * growth));
    }
    return this.#turn.spend(workMs + OVERHEAD_MS);
  }

  #take(count: number | null): Uint8Array | undefined {
    if (count === null) return undefined;
    const target = this.#target;
    this.#givenAtMs = this.#now();
    this.#given = count;
    this.#used += count;
    this.#readsOfSlab++;
    youngSpace.worked(READ);
    this.#total += count;
    const { length } = this.#slab;
    if (length - this.#used < length / 4) {
      const larger = Math.min(length * GROWTH, LARGEST_SLAB_BYTES);
      const mayGrow = this.#used === length && this.#total >= larger * LEAST_SENT;
      // What comes first is a handshake, and says nothing of what follows.
      const isQuiet = count < target.length &&
        (this.#total === this.#used || this.#used <= this.#readsOfSlab * QUIET_SLAB_BYTES);
      this.#slab = new Uint8Array(mayGrow ? larger : isQuiet ? QUIET_SLAB_BYTES : length);
      this.#used = 0;
      this.#readsOfSlab = 0;
    }
    return target.subarray(0, count);
  }
}
