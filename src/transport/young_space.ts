/** What a {@linkcode YoungSpace} looks at, and has collected: V8's heap of this program by default. */
export interface YoungHeap {
  /** Bytes of the heap in use, garbage that is still there with them; `undefined` while that cannot be told. */
  usedBytes(): number | undefined;
  /** Has what is new collected before it returns, or at the next call at the latest. */
  collect(): void;
  /** Bytes that are counted as those of buffers, and take no memory. */
  readonly untouchedBytes: number;
}

/** What a {@linkcode YoungSpace} goes by; V8's heap and the machine's clock by default. */
export interface YoungSpaceOptions {
  /** The heap. */
  readonly heap?: YoungHeap;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** The heap is looked at after so much work: 1 for a write, which leaves 1 kB behind, more for what leaves more. */
const LOOK_AFTER = 128;
/** By so much the heap may grow while writes are under way, which hold what would be garbage in a moment, bytes. */
const MOST_BYTES = 5 * 1024 * 1024;
/** By so much it may where they are done. */
const MOST_BYTES_BETWEEN = 3 * 1024 * 1024;
/**
 * It has to grow by that within so long, milliseconds. What is slower does not make that part of the heap grow, and a call
 * now and then may have V8 mark all of its heap each time, which costs more than it saves.
 */
const WITHIN_MS = 1000;
/** Where no more writes than that are under way, they are done: peers that take nothing keep theirs. */
const FEW_WRITES = 16;
/** Collections leave each other so much time, milliseconds: one takes 0.3 to 2 ms. */
const BETWEEN_MS = 50;
/**
 * After two in turn that have freed nothing there is a longer break: V8 does not collect what is new while it marks all of
 * its heap, and another V8 may not be had to collect in this way.
 */
const AFTER_IN_VAIN_MS = 500;

/**
 * Keeps the part of V8's heap small that is for what is new. Left to itself, V8 lets it grow to 56 MB where much that is
 * new lives for a while, as the writes to many players do, and fills it again and again, so that all of it stays
 * resident. An option of the start bounds it (`--max-semi-space-size`), but a program cannot set that for itself.
 *
 * So what is new is collected whenever it has come to a few megabytes, most of all between two rounds of writes, when
 * nearly nothing of it is alive. Who writes, reads and accepts says so; nothing is done where there is nothing to do.
 */
export class YoungSpace {
  readonly #heap: YoungHeap;
  readonly #now: () => number;
  #work = 0;
  #writing = 0;
  /** The least that was in use since so long. */
  #leastBytes = Infinity;
  #sinceMs = -Infinity;
  #notBeforeMs = -Infinity;
  #wasInVain = false;

  /** Has collected nothing yet. */
  constructor({ heap = new V8Heap(), now = () => performance.now() }: YoungSpaceOptions = {}) {
    this.#heap = heap;
    this.#now = now;
  }

  /** Bytes that V8 counts as those of buffers, and that take no memory. */
  get untouchedBytes(): number {
    return this.#heap.untouchedBytes;
  }

  /** A write begins. */
  began(): void {
    this.#writing++;
    this.worked();
  }

  /** A write has ended. */
  ended(): void {
    this.#writing--;
    if (this.#writing === 0 && this.#work > LOOK_AFTER / 4) this.#look();
  }

  /** Something was done that leaves as much behind as `writes` writes do. */
  worked(writes = 1): void {
    this.#work += writes;
    if (this.#work >= LOOK_AFTER) this.#look();
  }

  #look(): void {
    this.#work = 0;
    const usedBytes = this.#heap.usedBytes();
    if (usedBytes === undefined) return;
    const nowMs = this.#now();
    if (usedBytes < this.#leastBytes || nowMs - this.#sinceMs > WITHIN_MS) {
      this.#leastBytes = usedBytes;
      this.#sinceMs = nowMs;
    }
    const mostBytes = this.#writing > FEW_WRITES ? MOST_BYTES : MOST_BYTES_BETWEEN;
    if (usedBytes - this.#leastBytes < mostBytes || nowMs < this.#notBeforeMs) return;
    this.#heap.collect();
    this.#leastBytes = this.#heap.usedBytes() ?? usedBytes;
    this.#sinceMs = nowMs;
    const isInVain = this.#leastBytes >= usedBytes;
    this.#notBeforeMs = nowMs + (isInVain && this.#wasInVain ? AFTER_IN_VAIN_MS : BETWEEN_MS);
    this.#wasInVain = isInVain;
  }
}

/**
 * V8 collects what is new before it makes a buffer where the buffers of what is new take more than twice what that may
 * take (64 MB in V8 15). Two of these do. Nobody touches them, so the system does not give their memory.
 */
const BALLAST_BYTES = 33 * 1024 * 1024;

/**
 * V8's heap, which has no call to collect what is new. It does so when there are large buffers that are new, so there
 * are: one of the collection before, which is new still and is not after this one, and another. The one that has become
 * old is given back first: V8 begins to mark all of its heap where buffers have grown by 64 MB since it has done so last,
 * and so these never do. That is why there is no third one where V8 has collected by itself meanwhile, which makes the one
 * before old, and the call does nothing: with three, V8 marks its heap, makes them old by that, and so on for ever, which
 * took 2 % of a core.
 */
export class V8Heap implements YoungHeap {
  #statistics: (() => { readonly used_heap_size: number }) | undefined;
  #isLoading = false;
  #young: ArrayBuffer | undefined;
  #old: ArrayBuffer | undefined;

  /** Asking takes half a microsecond; what is asked is loaded with the first question, for a megabyte. */
  usedBytes(): number | undefined {
    if (!this.#isLoading) void this.load();
    return this.#statistics?.().used_heap_size;
  }

  /** Resolves when `usedBytes` knows. */
  async load(): Promise<void> {
    this.#isLoading = true;
    this.#statistics = (await import("node:v8")).getHeapStatistics;
  }

  get untouchedBytes(): number {
    return (this.#young?.byteLength ?? 0) + (this.#old?.byteLength ?? 0);
  }

  collect(): void {
    try {
      this.#old?.transfer(0);
      const ballast = new ArrayBuffer(BALLAST_BYTES);
      this.#old = this.#young;
      this.#young = ballast;
      makeBuffer();
    } catch {
      // Where so much may not even be asked for, V8 collects when it does.
    }
  }
}

function makeBuffer(): void {
  new ArrayBuffer(1);
}

/** That of this program's heap. */
export const youngSpace: YoungSpace = new YoungSpace();
