import { concat } from "@std/bytes/concat";
import type { Transport } from "../transport/mod.ts";

/** Media that waits to be written before a publisher is held back: a key frame or two. */
const MOST_WAITING_BYTES = 512 * 1024;

/** Small messages are written together, up to so many bytes. */
const BATCH_BYTES = 64 * 1024;

/**
 * The one writer of a client's connection. What the session says goes before media that waits, and
 * never into the middle of a message; a partial write is gone on with.
 */
export class SendQueue {
  readonly #transport: Transport;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #mediaRoom: () => number;
  #control: Uint8Array[] = [];
  #media: Uint8Array[] = [];
  #waitingBytes = 0;
  #room: (() => void)[] = [];
  #drained: (() => void)[] = [];
  #progressAt = 0;
  #writing = false;
  /** There is media, and no room for it. */
  #isHeld = false;
  #ended = false;
  #bytes = 0;

  /**
   * `now` gives milliseconds; `onError` hears of the first write that fails; `mediaRoom` says how many
   * bytes of media the server may be sent now, no bound by default: when there is room again, `pump` is to
   * be called. The message that fills it is sent whole.
   */
  constructor(
    transport: Transport,
    options: {
      readonly now: () => number;
      readonly onError: (error: unknown) => void;
      readonly mediaRoom?: () => number;
    },
  ) {
    this.#transport = transport;
    this.#now = options.now;
    this.#onError = options.onError;
    this.#mediaRoom = options.mediaRoom ?? (() => Infinity);
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How long a write has made no progress, milliseconds. */
  get stalledMs(): number {
    return this.#writing ? this.#now() - this.#progressAt : 0;
  }

  /** Adds what the session has to say. */
  control(messages: readonly Uint8Array[]): void {
    if (this.#ended) return;
    for (const message of messages) {
      this.#control.push(message);
      this.#waitingBytes += message.length;
    }
    this.pump();
  }

  /** Adds one message of media; resolves when there is room for the next. */
  media(message: Uint8Array): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#media.push(message);
    this.#waitingBytes += message.length;
    this.pump();
    return this.room();
  }

  /** Resolves when little waits; at once, as `undefined`, when that is so now. */
  room(): Promise<void> | undefined {
    if (this.#waitingBytes <= MOST_WAITING_BYTES || this.#ended) return undefined;
    return new Promise((resolve) => this.#room.push(resolve));
  }

  /** Resolves when all that was added has been written, or nothing is written any more. */
  async drained(): Promise<void> {
    if (this.#ended || (!this.#writing && !this.#isHeld)) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** Writes nothing more. */
  end(): void {
    this.#ended = true;
    this.#control = [];
    this.#media = [];
    this.#waitingBytes = 0;
    this.#wake();
  }

  /** Starts to write, unless a write is under way. */
  pump(): void {
    if (this.#writing || this.#ended) return;
    this.#writing = true;
    this.#writeWaiting().catch((error) => {
      if (this.#ended) return;
      this.end();
      this.#onError(error);
    });
  }

  async #writeWaiting(): Promise<void> {
    try {
      for (let bytes = this.#next(); bytes !== undefined; bytes = this.#next()) {
        await this.#writeAll(bytes);
        if (this.#ended) return;
        this.#waitingBytes -= bytes.length;
        if (this.#waitingBytes <= MOST_WAITING_BYTES) resolveAll(this.#room);
      }
    } finally {
      this.#writing = false;
    }
    if (!this.#isHeld) this.#wake();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#ended;) {
      this.#progressAt = this.#now();
      const count = await this.#transport.write(bytes.subarray(at));
      at += count;
      this.#bytes += count;
    }
  }

  #next(): Uint8Array | undefined {
    const isMedia = this.#control.length === 0;
    const room = isMedia && this.#media.length > 0 ? this.#mediaRoom() : Infinity;
    this.#isHeld = room <= 0;
    if (this.#isHeld) return undefined;
    const queue = isMedia ? this.#media : this.#control;
    const most = Math.min(BATCH_BYTES, room);
    let count = 0;
    for (let size = 0; count < queue.length && (count === 0 || size < most); count++) {
      size += queue[count]!.length;
    }
    const batch = queue.splice(0, count);
    return batch.length > 1 ? concat(batch) : batch[0];
  }

  #wake(): void {
    resolveAll(this.#room);
    resolveAll(this.#drained);
  }
}

function resolveAll(waiting: (() => void)[]): void {
  for (const resolve of waiting.splice(0)) resolve();
}
