/** A peer of an outbox that takes bytes when the test says so. */
import { assertEquals } from "@std/assert";
import type { Transport } from "../../src/transport/mod.ts";

/** A peer that takes as many bytes of a write as the test says, and keeps them. */
export class SlowPeer implements Transport {
  readonly readable = new ReadableStream<Uint8Array>();
  readonly remoteAddress = "192.0.2.1";
  readonly remoteName = "192.0.2.1:1";
  /** All that it was sent, as text. */
  text = "";
  #writing: Uint8Array | undefined;
  #settle: { take: (count: number) => void; fail: (error: unknown) => void } | undefined;

  write(bytes: Uint8Array): Promise<number> {
    assertEquals(this.#writing, undefined, "two writes at once");
    this.#writing = bytes;
    return new Promise((take, fail) => this.#settle = { take, fail });
  }

  /** Whether a write is under way. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Text that is being written. */
  get writing(): string {
    return this.#writing === undefined ? "" : new TextDecoder().decode(this.#writing);
  }

  /** Takes so many bytes of what is being written, and returns them. */
  async take(count = Infinity): Promise<Uint8Array> {
    const bytes = this.#writing!.slice(0, count);
    this.#writing = undefined;
    this.text += new TextDecoder().decode(bytes);
    this.#settle!.take(bytes.length);
    await settled();
    return bytes;
  }

  /** Takes all that there is, and returns the text of now and before. */
  async takeAll(): Promise<string> {
    while (this.#writing !== undefined) await this.take();
    return this.text;
  }

  /** Has the write under way fail. */
  async fail(error: unknown): Promise<void> {
    this.#writing = undefined;
    this.#settle!.fail(error);
    await settled();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

/** Lets what follows upon a write happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}
