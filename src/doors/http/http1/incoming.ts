import { type PieceReader, pieceReader } from "../../../streams/mod.ts";

/** What a client sends, read a piece at a time by one who may put back what is not for it. */
export class Incoming {
  readonly #reader: PieceReader<Uint8Array>;
  #kept: Uint8Array | undefined;
  #reading: Promise<Uint8Array | undefined> | undefined;
  #isWatched = false;

  /** Reads `readable` from now on. */
  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = pieceReader(readable);
  }

  /** Resolves with the next piece; with `undefined` when the client sends nothing more, or was lost. */
  next(): Promise<Uint8Array | undefined> {
    const kept = this.#kept;
    if (kept !== undefined) {
      this.#kept = undefined;
      return Promise.resolve(kept);
    }
    const reading = this.#reading ?? this.#read();
    this.#reading = undefined;
    this.#isWatched = false;
    return reading;
  }

  /** Has `bytes` come next. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#kept = bytes;
  }

  /** Gives the reading to somebody else: what was put back, and the rest. */
  release(): { readonly first: Uint8Array | undefined } {
    this.#reader.release();
    return { first: this.#kept };
  }

  /**
   * Calls `onGone` when the client has ended its side, or was lost, before it has sent more. One piece is read for that
   * at most, and is what comes next.
   */
  watch(onGone: () => void): void {
    if (this.#kept !== undefined || this.#isWatched) return;
    this.#isWatched = true;
    this.#reading ??= this.#read();
    const reading = this.#reading;
    reading.then((bytes) => {
      if (bytes === undefined) onGone();
    });
  }

  /** That it has not kept to TLS is an end too. */
  #read(): Promise<Uint8Array | undefined> {
    return this.#reader.next().catch(() => undefined);
  }
}
