import { type PieceReader, pieceReader } from "../../../streams/mod.ts";

/** What is read ahead of a client's turn, to see whether it is still there; what is more waits with the client. */
const MOST_AHEAD_BYTES = 16 * 1024;

/** What a client sends, read a piece at a time by one who may put back what is not for it. */
export class Incoming {
  readonly #reader: PieceReader<Uint8Array>;
  /** What was put back, and what was read ahead. */
  readonly #ahead: Uint8Array[] = [];
  #aheadBytes = 0;
  #reading: Promise<Uint8Array | undefined> | undefined;
  /** Who is to be told when the client goes. */
  #watcher: (() => void) | undefined;
  #hasEnded = false;

  /** Reads `readable` from now on. */
  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = pieceReader(readable);
  }

  /** Whether the client has sent more than was asked for. */
  get isAhead(): boolean {
    return this.#aheadBytes > 0;
  }

  /** Whether the client has sent so much more than was asked for that nobody can see whether it is still there. */
  get isFull(): boolean {
    return this.#aheadBytes >= MOST_AHEAD_BYTES;
  }

  /** Whether it has ended its side, or was lost; what it has sent before may still be there. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves with the next piece; with `undefined` when the client sends nothing more, or was lost. */
  next(): Promise<Uint8Array | undefined> {
    const piece = this.#ahead.shift();
    if (piece !== undefined) {
      this.#aheadBytes -= piece.length;
      return Promise.resolve(piece);
    }
    this.#watcher = undefined;
    if (this.#hasEnded) return Promise.resolve(undefined);
    const reading = this.#reading ?? this.#read();
    this.#reading = undefined;
    return reading;
  }

  /** Has `bytes` come next. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#ahead.unshift(bytes);
    this.#aheadBytes += bytes.length;
  }

  /** Gives the reading to somebody else. */
  release(): void {
    this.#reader.release();
  }

  /** Calls `onGone` when the client has ended its side, or was lost; until more is asked for than it has sent. */
  watch(onGone: () => void): void {
    this.#watcher = onGone;
    this.#look(onGone);
  }

  #look(watcher: () => void): void {
    if (this.isFull || this.#hasEnded) return;
    const reading = this.#reading ??= this.#read();
    reading.then((bytes) => {
      if (this.#watcher !== watcher) return;
      this.#reading = undefined;
      if (bytes === undefined) {
        this.#hasEnded = true;
        return watcher();
      }
      this.#ahead.push(bytes);
      this.#aheadBytes += bytes.length;
      this.#look(watcher);
    });
  }

  /** That it has not kept to TLS is an end too. */
  #read(): Promise<Uint8Array | undefined> {
    return this.#reader.next().catch(() => undefined);
  }
}
