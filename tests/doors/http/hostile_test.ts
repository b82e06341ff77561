import { assert, assertEquals, assertLess } from "@std/assert";
import { patiently } from "../../support/patience.ts";
import { RtmpClient } from "../../support/rtmp_client.ts";
import { TestServer, until } from "../../support/test_server.ts";
import { FlvPlayer } from "./flv_player.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A server whose RTMP and HTTP ports are known, with a stream. */
async function start() {
  const weir = await TestServer.start({ http: LOCAL });
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  const publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 3);
  await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === 5);
  return { weir, port, publisher };
}

/** What a server answers to bytes as they are; its status, or that it has closed. */
async function answerTo(port: number, text: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text)).catch(() => 0);
  const target = new Uint8Array(256);
  const count = await patiently(conn.read(target)).catch(() => null);
  if (count === null) return "closed";
  return new TextDecoder().decode(target.subarray(9, 12));
}

Deno.test("requests that are none, or too large, get a clear status, and the players go on", async () => {
  const { weir, port, publisher } = await start();
  await using _ = weir;
  using _publisher = publisher;
  const player = FlvPlayer.ofAnswer(await fetch(`http://127.0.0.1:${port}/live/cam.flv`));
  await player.frameNumbers(2);
  const head = "GET /live/cam.flv HTTP/1.1\r\nHost: x\r\n";
  const handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const cases: readonly [string, readonly string[]][] = [
    ["nonsense\r\n\r\n", ["400", "closed"]],
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", ["400", "closed"]],
    [`GET /${"a".repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`, ["400", "414", "431", "closed"]],
    [`${head}X: ${"a".repeat(1_000_000)}\r\n\r\n`, ["400", "431", "closed"]],
    [`${head}${"A: b\r\n".repeat(2000)}\r\n`, ["400", "431", "closed"]],
    [`${head}Content-Length: -1\r\n\r\n`, ["400", "closed"]],
    ["GET /live/..%2f..%2fetc/passwd.flv HTTP/1.1\r\nHost: x\r\n\r\n", ["400"]],
    ["GET /live/cam%00.flv HTTP/1.1\r\nHost: x\r\n\r\n", ["400"]],
    ["BREW /live/cam.flv HTTP/1.1\r\nHost: x\r\n\r\n", ["405"]],
    [`${head}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`, ["400"]],
    // Its body would be read as frames.
    [`${head}${handshake}Content-Length: 2\r\n\r\n\x88\x80`, ["400"]],
    [`${head}${handshake}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, ["400"]],
    [`HEAD${head.slice(3)}${handshake}\r\n`, ["400"]],
  ];
  for (const [request, statuses] of cases) {
    const status = await answerTo(port, request);
    assert(statuses.includes(status), `${status} to ${request.slice(0, 60)}`);
  }
  await publisher.frames(3, 1);
  assertEquals(await player.frameNumbers(3), [3]);
  await player.leave();
});

Deno.test("two thousand requests that never end hold nothing of the server's, and nobody up", async () => {
  const { weir, port, publisher } = await start();
  await using _ = weir;
  using _publisher = publisher;
  const halves: Deno.TcpConn[] = [];
  try {
    for (let at = 0; at < 2000; at += 100) {
      halves.push(
        ...await Promise.all(
          Array.from({ length: 100 }, () => Deno.connect({ hostname: "127.0.0.1", port })),
        ),
      );
    }
    const half = new TextEncoder().encode("GET /live/cam.flv HTTP/1.1\r\nHo");
    await Promise.all(halves.map((conn) => conn.write(half)));
    const player = FlvPlayer.ofAnswer(await fetch(`http://127.0.0.1:${port}/live/cam.flv`));
    assertEquals(await player.frameNumbers(2), [0, 1, 2]);
    await publisher.frames(3, 1);
    assertEquals(await player.frameNumbers(3), [3]);
    await player.leave();
    // A request counts from when its headers are whole.
    assertLess(weir.server.connectionCount, 5);
    // A thousand of them are kept, and for 10 s: the oldest have gone for the others.
    const ends = halves.slice(0, 900).map((conn) => conn.read(new Uint8Array(1)).catch(() => null));
    assertEquals(await patiently(Promise.all(ends)), Array(900).fill(null));
  } finally {
    for (const conn of halves) conn.close();
  }
});

/** A WebSocket on a connection that says what it likes. */
async function openSocket(port: number, what: string) {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = [
    "GET /live/cam.flv HTTP/1.1",
    "Host: x",
    "Upgrade: WebSocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await conn.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  let text = "";
  const target = new Uint8Array(64 * 1024);
  return {
    conn,
    /** Reads until bytes, each as a character, are what is waited for. */
    async until(isThere: (text: string) => boolean): Promise<void> {
      while (!isThere(text)) {
        const count = await patiently(conn.read(target));
        if (count === null) throw new Error(`The connection has ended: ${what}`);
        text += String.fromCharCode(...target.subarray(0, count));
      }
    },
    /** Sends a frame whose mask is zero. */
    async send(
      first: number,
      payload: Uint8Array = new Uint8Array(0),
      maskBit = 0x80,
    ): Promise<void> {
      const length = payload.length < 126
        ? [payload.length]
        : [126, payload.length >> 8, payload.length & 255];
      length[0]! |= maskBit;
      await conn.write(Uint8Array.of(first, ...length, ...[0, 0, 0, 0], ...payload));
    },
  };
}

Deno.test("a WebSocket keeps to its protocol, whatever its client sends", async () => {
  const { weir, port, publisher } = await start();
  await using _ = weir;
  using _publisher = publisher;
  const accepted =
    /^HTTP\/1\.1 101 [^]*\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/;
  const about = new TextEncoder().encode("about");
  /** Frames, and what the server says to them at last: 1000 to an end, 1002 to what is no frame (RFC 6455, 7.4.1). */
  const cases: readonly (readonly [string, number, readonly [number, Uint8Array?, number?][]])[] = [
    ["a ping, and an end", 1000, [[0x89, about], [0x88]]],
    ["a message in pieces, with a ping between", 1000, [[0x01], [0x89, about], [0x80], [0x88]]],
    ["an unknown kind", 1002, [[0x83]]],
    ["an extension", 1002, [[0xc2]]],
    ["a frame without mask", 1002, [[0x82, about, 0]]],
    ["a ping in pieces", 1002, [[0x09]]],
    ["a ping that is too long", 1002, [[0x89, new Uint8Array(126)]]],
    ["the continuation of nothing", 1002, [[0x80]]],
  ];
  for (const [what, code, frames] of cases) {
    const { conn, until, send } = await openSocket(port, what);
    using _conn = conn;
    await until((text) => accepted.test(text));
    for (const frame of frames) await send(...frame);
    if (frames.some(([first]) => first === 0x89) && code === 1000) {
      await until((text) => text.includes(`${String.fromCharCode(0x8a, 5)}about`));
    }
    await until((text) => text.endsWith(String.fromCharCode(0x88, 2, code >> 8, code & 255)));
  }
  await until(() => weir.server.connectionCount === 1);
});

Deno.test("a server stops although a client reads nothing of its answer", async () => {
  const { weir, port, publisher } = await start();
  using _publisher = publisher;
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("GET /live/cam.flv HTTP/1.1\r\nHost: x\r\n\r\n"));
  for (let from = 3; from < 1003; from += 100) await publisher.frames(from, 100, { bytes: 50_000 });
  await until(() => weir.server.stream("live/cam").statistics?.publisher?.units === 1005);
  const since = performance.now();
  await weir[Symbol.asyncDispose]();
  assertLess(performance.now() - since, 5000);
});
