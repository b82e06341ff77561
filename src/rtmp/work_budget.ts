import { MessageType } from "./raw_message.ts";

/** How much work a peer may make for the bytes that it sends, and in a time. */
export interface WorkBudgetOptions {
  /** The clock, milliseconds of any epoch. */
  readonly now: () => number;
  /**
   * Bytes that pay for one chunk, 8 by default: the header of a chunk has that much, but for repeated ones.
   * A publisher that sends as fast as it can is paid for, down to audio frames of some bytes.
   */
  readonly bytesPerChunk?: number;
  /** Chunks a second that need not be paid for, 20 000 by default: fifty tracks of the shortest Opus frames. */
  readonly chunksPerSecond?: number;
  /** Chunks that may be saved up, 50 000 by default: some 25 ms of work. */
  readonly burst?: number;
}

/** What an empty audio, video or data message costs, in chunks: eleven bytes and a body would be honest. */
const EMPTY_MESSAGE_COST = 8;

/**
 * What a command, or a control message that is answered or changes how chunks are read, costs in chunks: a
 * client sends some ten of them to start, and hardly any later.
 */
const COMMAND_COST = 8;

/**
 * What a peer may have handled of what is cheap to send and dear to handle: empty messages, chunks of one
 * byte, commands. The bytes that it sends pay for chunks, and so does time; what is neither paid for nor
 * saved is a flood. A {@linkcode ChunkDecoder} that has a budget closes with the code `flood`.
 *
 * @example
 * ```ts
 * import { WorkBudget } from "@weir/server/rtmp";
 *
 * let nowMs = 0;
 * const budget = new WorkBudget({ now: () => nowMs, chunksPerSecond: 10, burst: 20 });
 * budget.earn(16); // two more than the 20 that are saved: no more can be
 * console.log(budget.spend(20), budget.spend(1)); // true false
 * nowMs = 1000;
 * budget.earn(0);
 * console.log(budget.spend(8)); // true
 * ```
 */
export class WorkBudget {
  readonly #now: () => number;
  readonly #chunksPerByte: number;
  readonly #chunksPerMs: number;
  readonly #burst: number;
  #left: number;
  #earnedAtMs: number;

  /**
   * Starts with all that can be saved.
   *
   * @throws {RangeError} if a number is not above 0
   */
  constructor(options: WorkBudgetOptions) {
    const { now, bytesPerChunk = 8, chunksPerSecond = 20_000, burst = 50_000 } = options;
    for (const [name, value] of Object.entries({ bytesPerChunk, chunksPerSecond, burst })) {
      if (!(value > 0)) {
        throw new RangeError(
          `Cannot limit work as '${name}' must be above 0: current value is ${value}`,
        );
      }
    }
    this.#now = now;
    this.#chunksPerByte = 1 / bytesPerChunk;
    this.#chunksPerMs = chunksPerSecond / 1000;
    this.#burst = burst;
    this.#left = burst;
    this.#earnedAtMs = now();
  }

  /** Takes what `bytes` received, and the time since it was called last, pay for. */
  earn(bytes: number): void {
    const nowMs = this.#now();
    const earned = bytes * this.#chunksPerByte + (nowMs - this.#earnedAtMs) * this.#chunksPerMs;
    this.#earnedAtMs = nowMs;
    this.#left = Math.min(this.#burst, this.#left + earned);
  }

  /** Pays for that many chunks; `false` when they cannot be paid. */
  spend(chunks: number): boolean {
    this.#left -= chunks;
    return this.#left >= 0;
  }

  /** Pays for what a message costs besides its chunks; `false` when it cannot be paid. */
  spendMessage(type: number, length: number): boolean {
    switch (type) {
      case MessageType.Audio:
      case MessageType.Video:
      case MessageType.DataAmf0:
      case MessageType.DataAmf3:
      case MessageType.Aggregate:
        return length > 0 || this.spend(EMPTY_MESSAGE_COST);
      case MessageType.Acknowledgement:
        return true;
      default:
        return this.spend(COMMAND_COST);
    }
  }
}
