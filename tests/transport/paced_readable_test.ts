import { assert, assertEquals } from "@std/assert";
import { connTransport, ReadingTurn, streamPairTransport } from "../../src/transport/mod.ts";
import { pacedReadable } from "../../src/transport/paced_readable.ts";

/** A peer that always has more to give; remembers how much it was asked for. */
class EndlessSource {
  readonly asked: number[] = [];
  read(target: Uint8Array): Promise<number> {
    this.asked.push(target.length);
    target.fill(this.asked.length % 256);
    return Promise.resolve(target.length);
  }
}

/** Reads `count` times, in simulated time: each byte takes `msPerByte` to handle. */
async function readAll(
  source: { read(target: Uint8Array): Promise<number> },
  { count, msPerByte }: { readonly count: number; readonly msPerByte: (read: number) => number },
): Promise<{ turns: number; longestMs: number }> {
  let nowMs = 0;
  let turns = 0;
  let turnAtMs = 0;
  let longestMs = 0;
  const turn = new ReadingTurn((callback) => {
    longestMs = Math.max(longestMs, nowMs - turnAtMs);
    if (nowMs > turnAtMs) turns++;
    turnAtMs = nowMs;
    queueMicrotask(callback);
  });
  const reader = pacedReadable(source, { now: () => nowMs, turn }).getReader();
  for (let read = 0; read < count; read++) {
    const { value } = await reader.read();
    nowMs += value!.length * msPerByte(read);
  }
  return { turns, longestMs };
}

Deno.test("pacedReadable reads more at once while reads come back full and a byte is cheap", async () => {
  const source = new EndlessSource();
  await readAll(source, { count: 100, msPerByte: () => 1e-6 });
  assertEquals(source.asked[0], 4096);
  assertEquals(Math.max(...source.asked), 256 * 1024);
  assert(source.asked.slice(0, 84).includes(256 * 1024), String(source.asked));
  // Who stops here leaves this side with a buffer of at most an eighth of what it has sent.
  let total = 0;
  for (const length of source.asked) {
    assert(length <= Math.max(4096, total / 8), `${length} after ${total}`);
    total += length;
  }
});

Deno.test("pacedReadable reads little at once when a byte is dear, and more when it is cheap again", async () => {
  const source = new EndlessSource();
  const msPerByte = (read: number) => read < 100 || read >= 130 ? 1e-6 : 1e-3;
  await readAll(source, { count: 170, msPerByte });
  // The first dear one could not be known.
  assert(source.asked.slice(102, 130).every((bytes) => bytes <= 2048), String(source.asked));
  assert(source.asked.slice(160).includes(256 * 1024), String(source.asked));
});

Deno.test("pacedReadable does not read less than a kilobyte at once", async () => {
  const source = new EndlessSource();
  await readAll(source, { count: 50, msPerByte: () => 1 });
  assertEquals(source.asked.at(-1), 1024);
});

Deno.test("pacedReadable does not grow what comes in small pieces", async () => {
  const asked: number[] = [];
  const source = {
    read(target: Uint8Array): Promise<number> {
      asked.push(target.length);
      return Promise.resolve(Math.min(100, target.length));
    },
  };
  await readAll(source, { count: 200, msPerByte: () => 1e-6 });
  // What most players are read into, behind the handshake.
  assertEquals([Math.max(...asked), Math.max(...asked.slice(50))], [4096, 1024]);
});

Deno.test("pacedReadable gives way after about 5 ms of work, however the bytes are", async () => {
  for (const perByte of [1e-6, 1e-5, 1e-4, 1e-3]) {
    const { turns, longestMs } = await readAll(new EndlessSource(), {
      count: 500,
      msPerByte: () => perByte,
    });
    assert(longestMs <= 5 + 4.1, `${longestMs} ms at ${perByte} ms a byte`);
    assert(turns > 0 || perByte === 1e-6, `${turns} turns at ${perByte} ms a byte`);
  }
});

Deno.test("pacedReadable never gives bytes that a later read changes", async () => {
  const source = new EndlessSource();
  const turn = new ReadingTurn((callback) => queueMicrotask(callback));
  const reader = pacedReadable(source, { now: () => 0, turn }).getReader();
  const pieces: Uint8Array[] = [];
  for (let read = 0; read < 40; read++) pieces.push((await reader.read()).value!);
  for (const [at, piece] of pieces.entries()) {
    assert(piece.every((byte) => byte === (at + 1) % 256), `piece ${at}`);
  }
});

/** How often timers ran while as many reads were handled, each of which takes 5 ms. */
async function timersWhile(readable: ReadableStream<Uint8Array>, reads: number): Promise<number> {
  let timers = 0;
  const ticking = setInterval(() => timers++, 1);
  let left = reads;
  for await (const _ of readable) {
    const endMs = performance.now() + 5;
    while (performance.now() < endMs);
    if (--left === 0) break;
  }
  clearInterval(ticking);
  return timers;
}

/** Reads 60 times from a peer over TCP that runs the Python lines with a socket `s`; returns how often timers ran. */
async function timersBeside(lines: string): Promise<number> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const script = `
import socket, time
s = socket.create_connection(("127.0.0.1", ${port}))
try:
    while True: ${lines}
except OSError: pass`;
  const child = new Deno.Command("python3", { args: ["-c", script] }).spawn();
  const transport = connTransport(await listener.accept());
  const timers = await timersWhile(transport.readable, 60);
  transport.close();
  await child.status;
  return timers;
}

Deno.test("a TCP peer that sends faster than it is handled leaves timers their turn", async () => {
  const timers = await timersBeside("s.sendall(bytes(1 << 20))");
  assert(timers >= 30, `${timers} timers in 60 turns`);
});

Deno.test("a TCP peer that has always sent a little leaves timers their turn", async () => {
  const timers = await timersBeside("s.sendall(bytes(100)); time.sleep(0.001)");
  assert(timers >= 30, `${timers} timers in 60 turns`);
});

Deno.test("pacedReadable has nobody wait whose short reads have taken all", async () => {
  for (const shortIsAll of [true, false]) {
    let reads = 0;
    let waits = 0;
    const source = {
      shortIsAll,
      // Each third read is full.
      read: (target: Uint8Array) => Promise.resolve(++reads % 3 === 0 ? target.length : 1),
    };
    const turn = new ReadingTurn((callback) => queueMicrotask(callback));
    const { spend } = turn;
    turn.spend = (workMs) => {
      waits++;
      return spend.call(turn, workMs);
    };
    const reader = pacedReadable(source, { now: () => 0, turn }).getReader();
    while (reads < 30) await reader.read();
    assertEquals(waits, shortIsAll ? 9 : 29);
  }
});

Deno.test("an embedder's stream that never ends leaves timers their turn", async () => {
  const transport = streamPairTransport({
    readable: new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(4096)),
    }),
    writable: new WritableStream(),
    remoteAddress: "a pipe",
  });
  const timers = await timersWhile(transport.readable, 60);
  transport.close();
  assert(timers >= 30, `${timers} timers in 60 turns`);
});

Deno.test("a pair of streams gives copies, whole and in order, however long the chunks are", async () => {
  const chunk = new Uint8Array(100_000);
  const sent: number[] = [];
  let chunks = 0;
  const transport = streamPairTransport({
    readable: new ReadableStream({
      pull(controller) {
        if (chunks === 5) return controller.close();
        // The same buffer each time, as a byte stream may.
        chunk.fill(++chunks);
        sent.push(...chunk);
        controller.enqueue(chunk);
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream(),
    remoteAddress: "a pipe",
  });
  const got: number[] = [];
  for await (const piece of transport.readable) {
    got.push(...piece);
    if (chunks < 5) chunk.fill(99);
  }
  assertEquals(got.length, sent.length);
  assert(got.every((byte, at) => byte === sent[at]));
});
