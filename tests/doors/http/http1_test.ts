import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { BodyDecoder } from "../../../src/doors/http/http1/body_decoder.ts";
import { Http1Connection } from "../../../src/doors/http/http1/http1_connection.ts";
import { RequestFault, RequestHeadDecoder } from "../../../src/doors/http/http1/request_head.ts";
import { writeAnswer } from "../../../src/doors/http/http1/answer_writer.ts";
import { type HttpAnswer, WholeAnswer } from "../../../src/doors/http/mod.ts";
import { patiently } from "../../support/patience.ts";
import { assertSplitInvariant } from "../../support/split.ts";
import { settled, TurnedClock } from "../../support/turned_clock.ts";

const TIMING = { writeStallMs: 10_000, closeMs: 1000 };
const encode = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** The client of a connection, and the time that passes for it. */
class Client {
  readonly clock = new TurnedClock();
  readonly connection: Http1Connection;
  readonly finished: Promise<unknown>;
  readonly requests: Request[] = [];
  /** Whether it reads what it is sent. */
  reads = true;
  readonly #up: WritableStreamDefaultWriter<Uint8Array>;
  #text = "";
  #hasEnded = false;
  #wake = (): void => {};

  constructor(answer: (request: Request) => HttpAnswer | Promise<HttpAnswer>) {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    this.#up = up.writable.getWriter();
    this.#up.closed.catch(() => {});
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => {});
    const end = (): Promise<void> => {
      this.#hasEnded = true;
      this.#wake();
      return Promise.resolve();
    };
    this.connection = new Http1Connection({
      transport: {
        readable: up.readable,
        write: async (bytes) => {
          if (!this.reads) await closed.promise;
          this.#text += new TextDecoder("latin1").decode(bytes);
          this.#wake();
          return bytes.length;
        },
        closeWrite: end,
        close: () => {
          closed.reject(new Deno.errors.BadResource());
          this.#up.close().catch(() => {});
          void end();
        },
        remoteAddress: "192.0.2.1",
        remoteName: "192.0.2.1:1",
      },
      isTls: false,
      clock: this.clock,
      timing: () => TIMING,
      answer: async ({ request }) => {
        this.requests.push(request);
        return await answer(request);
      },
    });
    this.finished = this.connection.run();
  }

  send(text: string): void {
    this.#up.write(encode(text)).catch(() => {});
  }

  /** Reads until what has come matches; what has matched is taken. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        return found[0];
      }
      if (this.#hasEnded) throw new Error(`The connection has ended behind ${this.#text}`);
      await this.#more();
    }
  }

  /** Resolves with all that comes until the server closes. */
  async rest(): Promise<string> {
    while (!this.#hasEnded) await this.#more();
    return this.#text;
  }

  #more(): Promise<void> {
    return patiently(new Promise<void>((resolve) => this.#wake = resolve));
  }

  /** Passes time on, as the server does. */
  async pass(ms: number): Promise<void> {
    await this.clock.turnSlowly(ms);
    this.connection.tick(this.clock.now());
  }

  /** Ends its side, and waits for the server's end. */
  async leave(): Promise<void> {
    await this.#up.close().catch(() => {});
    await patiently(this.finished);
  }
}

const GET = "GET /a?b=c HTTP/1.1\r\nHost: weir.test\r\n\r\n";
const WHOLE = /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*content-length: 2\r\n(?:.+\r\n)*\r\nhi/;

Deno.test("a connection answers one request after the other, also those sent ahead", async () => {
  const client = new Client(() => new Response("hi"));
  client.send(GET + GET);
  await client.until(WHOLE);
  await client.until(WHOLE);
  client.send(`\r\n${GET}`);
  await client.until(WHOLE);
  assertEquals(client.requests.map(({ url }) => url), Array(3).fill("http://weir.test/a?b=c"));
  await client.leave();
});

Deno.test("what is not there at once ends with the connection, and begins before its end", async () => {
  let give: ReadableStreamDefaultController<Uint8Array>;
  const client = new Client(() =>
    new Response(new ReadableStream({ start: (controller) => void (give = controller) }))
  );
  client.send(GET);
  const head = await client.until(/^(?:.+\r\n)+\r\n/);
  assertMatch(head, /\r\nconnection: close\r\n/);
  assert(!/content-length|transfer-encoding/.test(head));
  give!.enqueue(encode("one"));
  await client.until(/^one/);
  give!.enqueue(encode("two"));
  give!.close();
  assertEquals(await client.rest(), "two");
  await client.leave();
});

Deno.test("a client that leaves has what it was sent ended", async () => {
  const cancelled = Promise.withResolvers<void>();
  const client = new Client(() => new Response(new ReadableStream({ cancel: cancelled.resolve })));
  client.send(GET);
  await client.until(/\r\n\r\n/);
  await client.leave();
  await patiently(cancelled.promise);
});

Deno.test("a client that has asked on and leaves has what it was sent ended too", async () => {
  for (const more of [GET, "x".repeat(10_000)]) {
    const cancelled = Promise.withResolvers<void>();
    const client = new Client(() =>
      new Response(new ReadableStream({ cancel: cancelled.resolve }))
    );
    // Some at once, some later: neither hides that the client goes.
    client.send(GET + more.slice(0, 20));
    await client.until(/\r\n\r\n/);
    client.send(more.slice(20));
    await client.leave();
    await patiently(cancelled.promise);
  }
});

Deno.test("a client that sends on and on behind an answer that lasts is left after 10 s", async () => {
  const cancelled = Promise.withResolvers<void>();
  const client = new Client(() => new Response(new ReadableStream({ cancel: cancelled.resolve })));
  client.send(GET);
  await client.until(/\r\n\r\n/);
  for (let count = 0; count < 20; count++) client.send("x".repeat(1024));
  for (let turns = 0; turns < 20; turns++) await client.pass(0);
  await client.pass(9000);
  assertEquals(await Promise.race([client.finished, "goes on"]), "goes on");
  await client.pass(2000);
  await patiently(cancelled.promise);
  await patiently(client.finished);
});

Deno.test("requests sent together are all answered, though the client has said that these are all", async () => {
  let answered = 0;
  const client = new Client(async () => {
    await settled();
    return new WholeAnswer(`${++answered}`);
  });
  client.send(GET + GET + GET);
  void client.leave();
  const all = await client.rest();
  assertEquals([...all.matchAll(/\r\n\r\n(\d)/g)].map(([, body]) => body), ["1", "2", "3"]);
});

Deno.test("the first head must come within 10 s, however slowly it does, and is answered 408", async () => {
  const client = new Client(() => new Response("hi"));
  for (const piece of ["GET / ", "HTTP/1.1", "\r\n"]) {
    client.send(piece);
    await client.pass(3000);
  }
  await client.pass(1000);
  assertMatch(await client.rest(), /^HTTP\/1\.1 408 [^]*"code":"late"/);
  await patiently(client.finished);
  assertEquals(client.requests, []);
  const silent = new Client(() => new Response("hi"));
  await silent.pass(10_000);
  assertEquals(await silent.rest(), "", "who has not asked is not answered");
});

Deno.test("a connection without a request is kept for a minute, and one that has begun for 10 s", async () => {
  for (const next of ["", "GET / HT"]) {
    const client = new Client(() => new Response("hi"));
    client.send(GET);
    await client.until(WHOLE);
    await client.pass(50_000);
    if (next !== "") client.send(next);
    await client.pass(9000);
    assert(client.connection.isWaiting);
    await client.pass(1000);
    assertMatch(await client.rest(), next === "" ? /^$/ : /^HTTP\/1\.1 408 /);
    await patiently(client.finished);
  }
});

Deno.test("a body that does not come is waited for 20 s, and then answered 408", async () => {
  const client = new Client(async (request) => new Response(await request.text()));
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  await client.pass(0);
  await client.pass(19_000);
  assertEquals(client.requests.length, 1);
  await client.pass(2000);
  assertMatch(await client.until(/^.+\r\n/), /408/);
  await client.pass(TIMING.closeMs);
  await patiently(client.finished);
});

Deno.test("a client that takes nothing of its answer is left after a while", async () => {
  let given = 0;
  const client = new Client(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => {
          given++;
          controller.enqueue(new Uint8Array(100_000));
        },
      }, { highWaterMark: 0 }),
    )
  );
  client.reads = false;
  client.send(GET);
  await client.pass(1);
  await client.pass(TIMING.writeStallMs - 1);
  assertEquals(given, 2, "one that is written, and the one behind it");
  await client.pass(1);
  await patiently(client.finished);
  assertEquals(given, 2);
});

Deno.test("bodies come whole by their length or in chunks, and leave is given when they are asked for", async () => {
  const client = new Client(async (request) => new Response(await request.text()));
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  client.send("abc");
  await client.until(/\r\n\r\nabc/);
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n");
  client.send(`1;x=y\r\nf\r\n0\r\nTrailer: t\r\n\r\n${GET}`);
  await client.until(/\r\n\r\ndef/);
  await client.until(/\r\n\r\n/);
  await client.leave();
});

Deno.test("a body that nobody reads ends the connection with its answer", async () => {
  const client = new Client(() => new Response("no", { status: 403 }));
  client.send(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n${GET}`);
  assertMatch(await client.until(/^[^]*\r\n\r\nno/), /^HTTP\/1\.1 403 [^]*\r\nconnection: close/);
  await client.leave();
  assertEquals(client.requests.length, 1, "what looks like a request is part of the body");
});

Deno.test("HEAD, 204 and 304 have no body, and HTTP/1.0 closes unless it is asked not to", async () => {
  const client = new Client(({ url }) => {
    const status = Number(new URL(url).pathname.slice(1));
    return new Response(status === 200 ? "text" : null, { status });
  });
  client.send("HEAD /200 HTTP/1.1\r\nHost: x\r\n\r\n");
  assert(!/content-length/.test(await client.until(/^(?:.+\r\n)+\r\n/)));
  for (const status of [204, 304]) {
    client.send(`GET /${status} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert(!/content-length/.test(await client.until(/^(?:.+\r\n)+\r\n/)));
  }
  client.send("GET /200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assertMatch(await client.until(/^(?:.+\r\n)+\r\ntext/), /\r\nconnection: keep-alive\r\n/);
  client.send("GET /200 HTTP/1.0\r\n\r\n");
  assertMatch(await client.rest(), /\r\nconnection: close\r\n[^]*text$/);
  await client.leave();
});

Deno.test("a head is the same however it is cut", () => {
  const bytes = encode(
    "\r\nPOST /live/cam?a=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nA: \t b c \r\n\r\nrest",
  );
  assertSplitInvariant(bytes, (pieces) => {
    const decoder = new RequestHeadDecoder();
    let head: unknown;
    let rest = "";
    for (const piece of pieces) {
      if (head !== undefined) rest += new TextDecoder().decode(piece);
      else {
        const found = decoder.push(piece);
        if (found === undefined) continue;
        head = found.head;
        rest = new TextDecoder().decode(found.rest);
      }
    }
    return { head, rest };
  });
});

Deno.test("a target that its client has not encoded is what its bytes are", () => {
  const found = new RequestHeadDecoder().push(encode("GET /live/été.flv HTTP/1.0\r\nA: é\r\n\r\n"));
  assertEquals(found?.head.target, "/live/%C3%A9t%C3%A9.flv");
  assertEquals(found?.head.headers, [["a", "\xc3\xa9"]]);
});

Deno.test("a head that two servers could read differently is none", () => {
  const cases: readonly [string, number][] = [
    ["GET / HTTP/1.1\nHost: x\n\n", 400],
    ["GET / HTTP/1.1\r\nHost: x\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400],
    ["GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400],
    ["GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505],
    ["GET / HTTP/1.1\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400],
    ["PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400],
    ["PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400],
    ["PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", 400],
    ["PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
    ["PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501],
    ["PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
    // A blank of other alphabets is no blank.
    ["PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\xa0\r\n\r\n", 501],
    ["PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 501],
    ["PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ,\r\nContent-Length: 1\r\n\r\n", 400],
    ["GET /a\\..\\v1/streams HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["GET /a?b#c HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    [`GET / HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(200)}\r\n`, 431],
    [`GET /${"a".repeat(70_000)}`, 431],
  ];
  for (const [text, status] of cases) {
    const error = assertThrows(() => new RequestHeadDecoder().push(latin1(text)), RequestFault);
    assertEquals(error.status, status, JSON.stringify(text.slice(0, 80)));
  }
});

Deno.test("HTTP/1.0 has no other protocol to go on with", () => {
  const of = (version: string) =>
    new RequestHeadDecoder().push(
      encode(`GET / ${version}\r\nHost: x\r\nUpgrade: websocket\r\n\r\n`),
    );
  assertEquals(of("HTTP/1.0")?.head.headers, [["host", "x"]]);
  assertEquals(of("HTTP/1.1")?.head.headers.length, 2);
});

Deno.test("a body in chunks is the same however it is cut, and ends where its chunks say", () => {
  const bytes = encode("3\r\nabc\r\n00a ;n=v\r\n0123456789\r\n0\r\nX: y\r\n\r\nnext");
  assertSplitInvariant(bytes, (pieces) => {
    const decoder = new BodyDecoder("chunked");
    let body = "";
    let rest: string | undefined;
    for (const piece of pieces) {
      if (rest !== undefined) rest += new TextDecoder().decode(piece);
      else {
        const made = decoder.push(piece);
        for (const one of made.pieces) body += new TextDecoder().decode(one);
        if (made.rest !== undefined) rest = new TextDecoder().decode(made.rest);
      }
    }
    assertEquals([body, rest], ["abc0123456789", "next"]);
    return [body, rest];
  });
  for (const text of ["x\r\n", "1\nab", "1\r\nabc\r\n", "-1\r\n", `${"0".repeat(5000)}`, "\r\n"]) {
    assertThrows(() => new BodyDecoder("chunked").push(encode(text)), RequestFault);
  }
});

Deno.test("an answer that is all there goes out as it is, short or long, and HEAD is told its length", async () => {
  const long = "0123456789".repeat(5000);
  const client = new Client(({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/304") return new WholeAnswer("not this", { status: 304 });
    return new WholeAnswer(pathname === "/long" ? long : "hi", {
      headers: { "x-name": "gr\xfcn" },
    });
  });
  client.send(GET);
  assertMatch(await client.until(WHOLE), /\r\nx-name: gr\xfcn\r\n/);
  client.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.until(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*content-length: 50000\r\n(?:.+\r\n)*\r\n/);
  assert((await client.until(/^\d{50000}/)) === long);
  client.send("HEAD /long HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.until(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*content-length: 50000\r\n(?:.+\r\n)*\r\n/);
  client.send(`GET /304 HTTP/1.1\r\nHost: x\r\n\r\n${GET}`);
  const head = await client.until(/^HTTP\/1\.1 304 (?:.+\r\n)+\r\n/);
  assert(!head.includes("content-length"));
  await client.until(WHOLE);
  await client.leave();
});

Deno.test("answers that are written at the same time do not write over each other", async () => {
  const written: { readonly bytes: Uint8Array; readonly done: () => void }[] = [];
  const slow = (bytes: Uint8Array) =>
    new Promise<void>((resolve) => written.push({ bytes, done: resolve }));
  const texts = ["one", "two", "three"];
  const all = texts.map((text) => writeAnswer(`${text}\r\n`, encode(text), slow));
  const seen = written.map(({ bytes }) => new TextDecoder().decode(bytes));
  assertEquals(seen, texts.map((text) => `${text}\r\n${text}`));
  for (const { done } of written) done();
  await Promise.all(all);
  const next = writeAnswer("four\r\n", encode("four"), slow);
  written.at(-1)!.done();
  await next;
});

Deno.test("a client that sends its requests all at once leaves everybody else their turn", async () => {
  const REQUESTS = 4000;
  const client = new Client(() => new WholeAnswer(encode("hi")));
  client.send(GET.repeat(REQUESTS));
  // What is due waits for the answers that are given before it has its turn.
  const turn = Promise.withResolvers<number>();
  setTimeout(() => turn.resolve(client.requests.length), 0);
  const before = await turn.promise;
  for (let n = 0; n < REQUESTS; n++) await client.until(WHOLE);
  assert(before < REQUESTS / 2, `${before} of ${REQUESTS} were answered at once`);
  await client.leave();
});
