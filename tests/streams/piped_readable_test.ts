import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  giveAll,
  pieceReader,
  PipedReadable,
  SynchronousSink,
  SynchronousTransform,
} from "../../src/streams/mod.ts";

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

/** What both kinds of a pipe are to show alike: into a sink by calls, and into the same by the platform. */
const SINKS = {
  calls: (take: (piece: string) => Promise<void> | undefined) => new SynchronousSink<string>(take),
  platform: (take: (piece: string) => Promise<void> | undefined) =>
    new WritableStream<string>({ write: take }),
};

for (const [kind, sinkOf] of Object.entries(SINKS)) {
  Deno.test(`A sink by ${kind} takes each piece behind the one before, though several come of one`, async () => {
    const { source } = numbers(3);
    const seen: string[] = [];
    let busy = 0;
    const each = new SynchronousTransform<number, string>({
      transform(piece, emit) {
        for (const part of ["a", "b", "c"]) emit(`${piece}${part}`);
      },
      flush: (emit) => emit("end"),
    });
    const sink = sinkOf(async (piece) => {
      busy++;
      await Promise.resolve();
      seen.push(`${piece}${busy}`);
      busy--;
    });
    await new PipedReadable<number>(source).pipeThrough(each).pipeTo(sink);
    assertEquals(seen.join(" "), "1a1 1b1 1c1 2a1 2b1 2c1 3a1 3b1 3c1 end1");
    assertEquals(await sink.getWriter().closed, undefined);
  });

  Deno.test(`A hop that fails before a sink by ${kind} is told behind what came out before`, async () => {
    const { source, seen } = numbers(20);
    const out: string[] = [];
    const sink = sinkOf(async (piece) => {
      await Promise.resolve();
      out.push(piece);
    });
    const error = await assertRejects(
      () => new PipedReadable<number>(source).pipeThrough(pairs()).pipeTo(sink),
      RangeError,
      "13",
    );
    assertEquals(out.slice(-2), ["11+12", "last words"]);
    assertEquals(seen.cancelled, [error]);
    await assertRejects(() => sink.getWriter().closed, RangeError, "13");
  });

  Deno.test(`A source that fails before a sink by ${kind} is not told of it, but who pipes it`, async () => {
    const cancelled: unknown[] = [];
    const source = {
      next: () => Promise.reject(new Error("lost")),
      cancel: (reason: unknown) => Promise.resolve(void cancelled.push(reason)),
    };
    const sink = sinkOf(() => undefined);
    await assertRejects(() => new PipedReadable<string>(source).pipeTo(sink), Error, "lost");
    assertEquals(cancelled, []);
    await assertRejects(() => sink.getWriter().closed, Error, "lost");
  });

  Deno.test(`A sink by ${kind} that fails, and a signal while the source gives nothing, end the source`, async () => {
    const failing = numbers(10);
    await assertRejects(
      () =>
        new PipedReadable<number>(failing.source).pipeThrough(pairs())
          .pipeTo(sinkOf(() => Promise.reject(new Error("full")))),
      Error,
      "full",
    );
    assertEquals(failing.seen.cancelled.map(String), ["Error: full"]);
    const cancelled: unknown[] = [];
    const silent = {
      next: () => new Promise<undefined>(() => {}),
      cancel: (reason: unknown) => Promise.resolve(void cancelled.push(reason)),
    };
    const stop = new AbortController();
    const { signal } = stop;
    const readable = new PipedReadable<string>(silent);
    const piping = readable.pipeTo(sinkOf(() => undefined), { signal });
    assertEquals(readable.locked, true);
    await assertRejects(async () => await readable.cancel(), TypeError);
    stop.abort(new Error("stop"));
    await assertRejects(() => piping, Error, "stop");
    assertEquals(cancelled.map(String), ["Error: stop"]);
    const late = new PipedReadable<string>(silent).pipeTo(sinkOf(() => undefined), { signal });
    await assertRejects(() => late, Error, "stop");
  });
}

Deno.test("what reads a piece at a time reads any stream, and lets another read the rest", async () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    const readable = make(numbers(5).source);
    const reader = pieceReader(readable);
    assertEquals(readable.locked, true, kind);
    assertEquals([await reader.next(), await reader.next()], [1, 2], kind);
    reader.release();
    assertEquals(readable.locked, false, kind);
    assertEquals(await Array.fromAsync(readable), [3, 4, 5], kind);
  }
});

Deno.test("what goes through hops is read a piece at a time too", async () => {
  const doubled = new SynchronousTransform<number, number>({
    transform: (piece, emit) => emit(piece * 2),
  });
  const reader = pieceReader(new PipedReadable(numbers(2).source).pipeThrough(doubled));
  assertEquals([await reader.next(), await reader.next(), await reader.next()], [2, 4, undefined]);
});

for (const [kind, readableOf] of Object.entries(KINDS)) {
  Deno.test(`giveAll gives what comes out of a ${kind} readable by calls, and waits where it is told to`, async () => {
    const { source } = numbers(5);
    const out: string[] = [];
    let isWaiting = false;
    await giveAll(readableOf(source).pipeThrough(pairs()).pipeThrough(shout()), {
      async take(piece: string) {
        assert(!isWaiting, `${piece} did not wait`);
        isWaiting = true;
        await Promise.resolve();
        isWaiting = false;
        out.push(piece);
      },
    });
    assertEquals(out, ["start!", "1+2!", "3+4!", "rest 5!"]);
  });

  Deno.test(`giveAll ends a ${kind} readable where a call fails`, async () => {
    const { source, seen } = numbers(20);
    const take = (piece: number): void => {
      if (piece === 3) throw new RangeError("3");
    };
    await assertRejects(() => giveAll(readableOf(source), { take }), RangeError, "3");
    assertEquals(seen.cancelled.length, 1);
  });
}
