import { assert, assertEquals } from "@std/assert";
import { Acceptor, type ConnectionSource, ReadingTurn } from "../../src/transport/mod.ts";

/** A connection that was only accepted. */
class FakeConn {
  isClosed = false;
  close(): void {
    this.isClosed = true;
  }
}

/** Gives what a test says, as an accept would, and then waits. */
class FakeListener implements ConnectionSource<FakeConn> {
  calls = 0;
  readonly #results: (FakeConn | Error)[];
  readonly #idle = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<FakeConn>();

  constructor(results: (FakeConn | Error)[]) {
    this.#results = results;
    this.#closed.promise.catch(() => {});
  }

  /** Resolves when all was given. */
  get idle(): Promise<void> {
    return this.#idle.promise;
  }

  accept(): Promise<FakeConn> {
    this.calls++;
    const next = this.#results.shift();
    if (next === undefined) {
      this.#idle.resolve();
      return this.#closed.promise;
    }
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  }

  close(): void {
    this.#closed.reject(new Deno.errors.BadResource("closed"));
  }

  /** Gives a connection to the call that waits. */
  give(conn: FakeConn): void {
    this.#closed.resolve(conn);
  }
}

/** Time that stands still until a test moves it; timers are fired by hand. */
class TurnedClock {
  nowMs = 0;
  readonly timers: { readonly callback: () => void; readonly delayMs: number }[] = [];
  readonly #onTimer = Promise.withResolvers<void>();
  readonly timerSet = this.#onTimer.promise;
  now(): number {
    return this.nowMs;
  }
  setTimer(callback: () => void, delayMs: number): { cancel(): void } {
    const timer = { callback, delayMs };
    this.timers.push(timer);
    this.#onTimer.resolve();
    return { cancel: () => void this.timers.splice(this.timers.indexOf(timer), 1) };
  }
}

function started(source: FakeListener, onConnection: (conn: FakeConn) => void = () => {}) {
  const clock = new TurnedClock();
  const failures: [string, number][] = [];
  const gone: number[] = [];
  const acceptor = new Acceptor(source, {
    clock,
    onConnection,
    onFailure: (error, count) => failures.push([String(error), count]),
    onPeerGone: (_, count) => gone.push(count),
    turn: new ReadingTurn((callback) => queueMicrotask(callback)),
  });
  return { acceptor, clock, failures, gone };
}

const reset = () => new Deno.errors.NotConnected("Transport endpoint is not connected");

Deno.test("Acceptor does not wait for a peer that was gone before it was accepted", async () => {
  const honest = new FakeConn();
  const source = new FakeListener([
    ...Array.from({ length: 500 }, reset),
    Object.assign(new Error("Protocol error"), { code: "EPROTO" }),
    honest,
  ]);
  const taken: FakeConn[] = [];
  const { acceptor, clock, failures, gone } = started(source, (conn) => taken.push(conn));
  await source.idle;
  assertEquals(taken, [honest]);
  assertEquals(clock.timers, []);
  assertEquals([failures, gone], [[], [1]]);
  acceptor.close();
  await acceptor.finished;
});

Deno.test("Acceptor tells of failures once a second, with their number", async () => {
  const source = new FakeListener(Array.from({ length: 30 }, reset));
  const { acceptor, clock, gone } = started(source);
  let reads = 0;
  // Each look at the clock is 50 ms later than the one before.
  clock.now = () => 50 * reads++;
  await source.idle;
  assert(gone.length >= 2, `told ${gone.length} times`);
  assert(
    gone.length <= Math.ceil(50 * reads / 1000),
    `told ${gone.length} times in ${reads} looks`,
  );
  assert(gone[1]! > 1);
  acceptor.close();
  await acceptor.finished;
});

for (const code of ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", undefined]) {
  Deno.test(`Acceptor waits when accepting fails by ${code ?? "what it does not know"}`, async () => {
    const honest = new FakeConn();
    const error = Object.assign(new Error("out of it"), { code });
    const source = new FakeListener([error, honest]);
    const taken: FakeConn[] = [];
    const { acceptor, clock, failures } = started(source, (conn) => taken.push(conn));
    await clock.timerSet;
    assertEquals([source.calls, taken], [1, []]);
    assertEquals(failures, [["Error: out of it", 1]]);
    clock.timers[0]!.callback();
    await source.idle;
    assertEquals(taken, [honest]);
    acceptor.close();
    await acceptor.finished;
  });
}

Deno.test("Acceptor that is closed while it waits ends at once", async () => {
  const source = new FakeListener([Object.assign(new Error("out of it"), { code: "EMFILE" })]);
  const { acceptor, clock } = started(source);
  await clock.timerSet;
  acceptor.close();
  await acceptor.finished;
  assertEquals([source.calls, clock.timers], [1, []]);
});

Deno.test("Acceptor closes a connection that comes as it is closed", async () => {
  const source = new FakeListener([]);
  const { acceptor } = started(source);
  await source.idle;
  const late = new FakeConn();
  source.give(late);
  acceptor.close();
  await acceptor.finished;
  assert(late.isClosed);
});

Deno.test("Acceptor goes on when a connection cannot be served, and closes it", async () => {
  const [bad, good] = [new FakeConn(), new FakeConn()];
  const source = new FakeListener([bad, good]);
  const taken: FakeConn[] = [];
  const { acceptor, failures } = started(source, (conn) => {
    if (conn === bad) throw new Error("a mistake");
    taken.push(conn);
  });
  await source.idle;
  assertEquals([bad.isClosed, taken, failures.length], [true, [good], 1]);
  acceptor.close();
  await acceptor.finished;
});

Deno.test("A listener of the system goes on behind 200 connections that were reset at once", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const script = `
import socket, struct
for _ in range(200):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.connect(("127.0.0.1", ${port}))
    s.close()`;
  const { success } = await new Deno.Command("python3", { args: ["-c", script] }).output();
  assert(success);
  const { promise: served, resolve } = Promise.withResolvers<void>();
  const clock = new TurnedClock();
  const acceptor = new Acceptor(
    { accept: () => listener.accept(), close: () => listener.close() },
    {
      clock,
      onConnection(conn) {
        const { port } = conn.remoteAddr as Deno.NetAddr;
        conn.close();
        if (port === (honest.localAddr as Deno.NetAddr).port) resolve();
      },
      onFailure: (error) => assert(false, String(error)),
      onPeerGone: () => {},
    },
  );
  using honest = await Deno.connect({ hostname: "127.0.0.1", port });
  await served;
  assertEquals(clock.timers, []);
  acceptor.close();
  await acceptor.finished;
});
