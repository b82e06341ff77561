import { assert, assertEquals } from "@std/assert";
import { CarriedConnection } from "../../../src/doors/http/http1/carried_connection.ts";
import { limitWaiting } from "../../../src/doors/http/http1/waits.ts";
import { patiently } from "../../support/patience.ts";
import { TestServer } from "../../support/test_server.ts";
import { settled, TurnedClock } from "../../support/turned_clock.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
/** What a client of HTTP/2 begins with (RFC 9113, 3.4): the preface, and settings without any. */
const HTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/** A connection of HTTP/2 that is carried, between a client and a server that say nothing by themselves. */
class Carrying {
  readonly clock = new TurnedClock();
  readonly carried: CarriedConnection;
  readonly over: Promise<void>;
  isOver = false;
  readonly #client: WritableStreamDefaultWriter<Uint8Array>;

  constructor() {
    const fromClient = new TransformStream<Uint8Array, Uint8Array>();
    this.#client = fromClient.writable.getWriter();
    this.#client.closed.catch(() => {});
    const ended = Promise.withResolvers<null>();
    this.carried = new CarriedConnection({
      readable: fromClient.readable,
      write: ({ length }) => Promise.resolve(length),
      closeWrite: () => Promise.resolve(),
      close: () => void this.#client.close().catch(() => {}),
      remoteAddress: "192.0.2.1",
      remoteName: "192.0.2.1:1",
    }, {
      conn: {
        read: () => ended.promise,
        write: ({ length }) => Promise.resolve(length),
        closeWrite: () => Promise.resolve(),
        close: () => ended.resolve(null),
      },
      clock: this.clock,
    });
    const other = { first: new TextEncoder().encode(HTTP2), readable: fromClient.readable };
    this.over = this.carried.run(other).then(() => void (this.isOver = true));
  }

  /** The client sends something that is no request: a ping, or a piece of a head. */
  send(): void {
    this.#client.write(new Uint8Array(9)).catch(() => {});
  }

  /** Passes time on, as the server does; whether it goes on. */
  async goesOn(ms: number): Promise<boolean> {
    await this.clock.turnSlowly(ms);
    this.carried.tick(this.clock.now());
    await settled();
    return !this.isOver;
  }
}

Deno.test("by HTTP/2 too the first request must come within 10 s, whatever else does", async () => {
  const carrying = new Carrying();
  for (let seconds = 1; seconds < 10; seconds++) {
    carrying.send();
    assert(await carrying.goesOn(1000), `${seconds} s`);
  }
  carrying.send();
  assert(!await carrying.goesOn(1000));
  await patiently(carrying.over);
});

Deno.test("a connection of HTTP/2 is kept for a minute behind its last request, and as long as one is answered", async () => {
  const carrying = new Carrying();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  assert(carrying.carried.isWaiting);
  carrying.carried.answering(first.promise);
  carrying.carried.answering(second.promise);
  for (let turn = 0; turn < 4; turn++) {
    carrying.send();
    assert(await carrying.goesOn(50_000), "an answer may last");
  }
  first.resolve();
  assert(await carrying.goesOn(50_000));
  assert(!carrying.carried.isWaiting, "there is another");
  carrying.send();
  await settled();
  second.reject(new Deno.errors.Interrupted());
  await settled();
  assert(carrying.carried.isWaiting);
  carrying.send();
  assert(await carrying.goesOn(59_000));
  carrying.send();
  assert(!await carrying.goesOn(1000));
  await patiently(carrying.over);
});

Deno.test("of connections that wait the oldest go, and none that has a request", () => {
  const closed: number[] = [];
  const connections = Array.from({ length: 10 }, (_, number) => ({
    isWaiting: number % 2 === 0,
    close: () => void closed.push(number),
  }));
  limitWaiting(connections, 5);
  assertEquals(closed, []);
  limitWaiting(connections, 3);
  assertEquals(closed, [0, 2]);
});

/** Whether a server has closed a connection, or is about to. */
async function isClosed(conn: Deno.TcpConn): Promise<boolean> {
  const buffer = new Uint8Array(1024);
  for (;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) return true;
  }
}

Deno.test("half-open connections of HTTP/2 are bounded in number, and hold nobody up", async () => {
  await using weir = await TestServer.start({ rtmp: false, http: LOCAL });
  const { port } = weir;
  const conns: Deno.TcpConn[] = [];
  try {
    const closed: number[] = [];
    for (let at = 0; at < 1200; at++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      conns.push(conn);
      await conn.write(new TextEncoder().encode(HTTP2));
      // What the server says first: it is carried on.
      assert((await patiently(conn.read(new Uint8Array(256)))) !== null);
      void isClosed(conn).then(() => closed.push(at));
    }
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    assertEquals([answer.status, await answer.json()], [200, { status: "ok" }]);
    const seen = closed.toSorted((a, b) => a - b);
    assert(seen.length >= 150, `${seen.length} of 1200 were closed`);
    assertEquals(seen, seen.map((_, number) => number), "the oldest");
  } finally {
    for (const conn of conns) conn.close();
  }
});

/** Opens a connection and asks once; the status, or that it was closed. */
async function ask(conn: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(1024);
  await conn.write(new TextEncoder().encode(GET)).catch(() => 0);
  const count = await patiently(conn.read(buffer)).catch(() => null);
  return count === null ? "closed" : new TextDecoder().decode(buffer.subarray(9, 12));
}

Deno.test("an address opens so many connections of HTTP a second, and asks on each as often as it may", async () => {
  await using weir = await TestServer.start({
    rtmp: false,
    http: LOCAL,
    maxHandshakesPerSecond: 3,
  });
  const conns: Deno.TcpConn[] = [];
  try {
    const answers: string[] = [];
    for (let at = 0; at < 5; at++) {
      conns.push(await Deno.connect({ hostname: "127.0.0.1", port: weir.port }));
      answers.push(await ask(conns[at]!));
    }
    assertEquals(answers.slice(0, 4), ["200", "200", "200", "closed"]);
    for (let at = 0; at < 20; at++) assertEquals(await ask(conns[0]!), "200");
    assertEquals(weir.server.snapshot().refused.connections >= 1, true);
  } finally {
    for (const conn of conns) conn.close();
  }
});

Deno.test("a balancer that says whose each request is opens as many connections as it likes", async () => {
  await using weir = await TestServer.start({
    rtmp: false,
    http: LOCAL,
    maxHandshakesPerSecond: 1,
    proxies: { forwardedFor: ["127.0.0.0/8"] },
  });
  for (let at = 0; at < 5; at++) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: weir.port });
    assertEquals(await ask(conn), "200");
  }
});
