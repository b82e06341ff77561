import { assert, assertEquals } from "@std/assert";
import { ReadingTurn, readingTurn } from "../../src/transport/mod.ts";

/** Rounds of an event loop that a test turns by hand. */
class FakeLoop {
  #callbacks: (() => void)[] = [];
  readonly turn = new ReadingTurn((callback) => this.#callbacks.push(callback));

  /** Turns until nobody waits for a round; returns how many rounds that were. */
  async run(): Promise<number> {
    let rounds = 0;
    for (; this.#callbacks.length > 0; rounds++) {
      for (const callback of this.#callbacks.splice(0)) callback();
      await new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
    }
    return rounds;
  }
}

Deno.test("ReadingTurn lets a reader go on until the work of all has come to 5 ms", async () => {
  const { turn } = new FakeLoop();
  assertEquals(await Promise.all([turn.spend(2), turn.spend(2.9)]), [undefined, undefined]);
  assert(turn.spend(0.1) instanceof Promise);
});

Deno.test("ReadingTurn has every reader wait for the same rounds, and begins anew", async () => {
  const loop = new FakeLoop();
  const { turn } = loop;
  const waits = [turn.spend(5), turn.spend(0), turn.spend(100)];
  assert(waits[0] !== undefined && waits[0] === waits[1] && waits[1] === waits[2]);
  // So many until Deno is sure to look at its sockets.
  assertEquals(await loop.run(), 61);
  await waits[0];
  assertEquals(turn.spend(4.9), undefined);
});

Deno.test("The reading turn of the program lets sockets and timers have their turn", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let isDone = false;
  // A peer of another process, so that nothing of it is ready by itself.
  const child = new Deno.Command("python3", {
    args: [
      "-c",
      `import socket
s = socket.create_connection(("127.0.0.1", ${(listener.addr as Deno.NetAddr).port}))
for _ in range(20):
    s.sendall(b"x"); s.recv(1)`,
    ],
  }).spawn();
  const echo = (async () => {
    using conn = await listener.accept();
    const bytes = new Uint8Array(1);
    let count = 0;
    for (; await conn.read(bytes) !== null; count++) await conn.write(bytes);
    isDone = true;
    return count;
  })();
  // A reader that always has more to do: each time, it keeps the processor for a whole turn.
  let turns = 0;
  for (; !isDone && turns < 2000; turns++) {
    const endMs = performance.now() + 5;
    while (performance.now() < endMs);
    await readingTurn.spend(5);
  }
  assertEquals(await echo, 20);
  // One round a turn takes 61 turns for each answer, hundreds in all.
  assert(turns < 400, `${turns} turns`);
  await child.status;
});
