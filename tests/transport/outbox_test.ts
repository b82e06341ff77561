import { assert, assertEquals } from "@std/assert";
import { Outbox } from "../../src/transport/outbox.ts";
import type { Transport } from "../../src/transport/mod.ts";

const KIB = 1024;

/** A peer that takes bytes when the test says so. */
class SlowPeer implements Transport {
  readonly readable = new ReadableStream<Uint8Array>();
  readonly remoteAddress = "192.0.2.1";
  readonly remoteName = "192.0.2.1:1";
  #taken: ((count: number) => void) | undefined;

  write(): Promise<number> {
    return new Promise((resolve) => this.#taken = resolve);
  }

  /** Takes some bytes of what is being written. */
  async take(count: number): Promise<void> {
    this.#taken?.(count);
    await Promise.resolve();
    await Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

async function isSettled(promise: Promise<void> | undefined): Promise<boolean> {
  let settled = false;
  promise?.then(() => settled = true);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return settled;
}

Deno.test("Outbox says when a peer that reads nothing is not to be listened to", async () => {
  const peer = new SlowPeer();
  const outbox = new Outbox(peer);
  outbox.send([new Uint8Array(100)]);
  let sent = 100;
  while (outbox.room() === undefined) {
    outbox.send([new Uint8Array(10 * KIB)]);
    sent += 10 * KIB;
    assert(sent <= 2048 * KIB, `${sent} bytes wait`);
  }
  const room = outbox.room();
  await peer.take(100);
  assertEquals(await isSettled(room), false);
  // Partial writes count as they are taken.
  await peer.take(50 * KIB);
  assertEquals(await isSettled(room), true);
  assertEquals(outbox.room(), undefined);
});

Deno.test("Outbox lets those go who wait for room when nothing will be written any more", async () => {
  const outbox = new Outbox(new SlowPeer());
  outbox.send([new Uint8Array(2048 * KIB)]);
  const room = outbox.room();
  assertEquals(await isSettled(room), false);
  outbox.end();
  assertEquals(await isSettled(room), true);
  assertEquals(outbox.room(), undefined);
});
