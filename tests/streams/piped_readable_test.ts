import { assertEquals, assertRejects } from "@std/assert";
import { PipedReadable, SynchronousTransform } from "../../src/streams/mod.ts";

/** A source of some numbers, and what has become of it. */
function numbers(upTo: number) {
  const seen = { asked: 0, cancelled: [] as unknown[] };
  const source = {
    next: () => Promise.resolve(seen.asked < upTo ? ++seen.asked : undefined),
    cancel: (reason: unknown) => Promise.resolve(void seen.cancelled.push(reason)),
  };
  return { source, seen };
}

/** A readable of the platform over the same source: what a {@linkcode PipedReadable} must not differ from. */
function platformReadable(source: ReturnType<typeof numbers>["source"]): ReadableStream<number> {
  return new ReadableStream<number>({
    async pull(controller) {
      const piece = await source.next();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
    cancel: (reason) => source.cancel(reason),
  }, { highWaterMark: 0 });
}

const KINDS = {
  piped: (source: ReturnType<typeof numbers>["source"]) => new PipedReadable<number>(source),
  platform: platformReadable,
};

/** Joins pairs, says what it began and ended with, and fails at 13. */
const pairs = () => {
  const held: number[] = [];
  return new SynchronousTransform<number, string>({
    start: (emit) => emit("start"),
    transform(piece, emit) {
      if (piece === 13) {
        emit("last words");
        throw new RangeError("13");
      }
      held.push(piece);
      if (held.length === 2) emit(held.splice(0).join("+"));
    },
    flush: (emit) => emit(`rest ${held}`),
  });
};

const shout = () =>
  new SynchronousTransform<string, string>({ transform: (piece, emit) => emit(`${piece}!`) });

for (const [kind, readableOf] of Object.entries(KINDS)) {
  Deno.test(`Synchronous hops give the same behind a ${kind} readable`, async () => {
    const { source, seen } = numbers(5);
    const out: string[] = [];
    await readableOf(source).pipeThrough(pairs()).pipeThrough(shout()).pipeTo(
      new WritableStream({ write: (piece) => void out.push(piece) }),
    );
    assertEquals(out, ["start!", "1+2!", "3+4!", "rest 5!"]);
    assertEquals(seen.cancelled, []);
  });

  Deno.test(`A hop that fails behind a ${kind} readable ends both sides with its error`, async () => {
    const { source, seen } = numbers(20);
    const out: string[] = [];
    let aborted: unknown;
    const sink = new WritableStream<string>({
      write: (piece) => void out.push(piece),
      abort: (reason) => void (aborted = reason),
    });
    const error = await assertRejects(
      () => readableOf(source).pipeThrough(pairs()).pipeThrough(shout()).pipeTo(sink),
      RangeError,
      "13",
    );
    assertEquals(out.slice(-2), ["11+12!", "last words!"]);
    assertEquals([aborted, seen.cancelled], [error, [error]]);
  });

  Deno.test(`A signal, a sink that fails, and one that is slow reach the source of a ${kind} readable`, async () => {
    const { source, seen } = numbers(1000);
    const stop = new AbortController();
    const reason = new Error("stop");
    const stopped = new WritableStream<string>({ write: () => stop.abort(reason) });
    await assertRejects(
      () => readableOf(source).pipeThrough(pairs()).pipeTo(stopped, { signal: stop.signal }),
      Error,
      "stop",
    );
    assertEquals(seen.cancelled, [reason]);
    const failing = numbers(1000);
    const full = new WritableStream<string>({ write: () => Promise.reject(new Error("full")) });
    await assertRejects(
      () => readableOf(failing.source).pipeThrough(pairs()).pipeTo(full),
      Error,
      "full",
    );
    assertEquals(failing.seen.cancelled.map(String), ["Error: full"]);
    const slow = numbers(1000);
    const { promise, resolve } = Promise.withResolvers<void>();
    const writing = Promise.withResolvers<void>();
    const waiting = new WritableStream<string>({
      write() {
        writing.resolve();
        return promise;
      },
    });
    const end = new AbortController();
    const piping = readableOf(slow.source).pipeThrough(pairs()).pipeTo(waiting, end);
    await writing.promise;
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    // What is not taken is not asked for, but for a few pieces that wait between the hops of the platform.
    assertEquals(slow.seen.asked <= 8, true);
    end.abort(reason);
    resolve();
    await assertRejects(() => piping, Error, "stop");
  });
}

Deno.test("A PipedReadable is locked by a hop, and leaves hops that are in use elsewhere to the platform", async () => {
  const { source } = numbers(2);
  const readable = new PipedReadable<number>(source);
  const behind = readable.pipeThrough(pairs());
  assertEquals([readable.locked, behind.locked], [true, false]);
  await assertRejects(async () => await readable.pipeThrough(pairs()).cancel(), TypeError);
  const used = pairs();
  const written = new PipedReadable<number>(numbers(2).source).pipeTo(used.writable);
  assertEquals(await Array.fromAsync(used.readable), ["start", "1+2", "rest "]);
  await written;
  await behind.cancel();
});
