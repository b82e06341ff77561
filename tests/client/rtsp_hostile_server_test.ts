/** Servers that mean ill: RtspClient ends with an RtspError, in time, and holds little. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import fc from "../support/fast_check.ts";
import { RtspClient, type RtspClientOptions, RtspError } from "../../src/client/mod.ts";
import { SDP, sound } from "./scripted_camera.ts";
import { encodeInterleavedFrame } from "../../src/rtsp/mod.ts";

const IMPATIENT: RtspClientOptions = {
  timeoutMs: 300,
  mediaTimeoutMs: 200,
  fallbackMs: 100,
  writeStallMs: 300,
};

/** Listens once for each connection, and leaves the rest to the test. */
class Listener implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns: Deno.Conn[] = [];
  readonly #serving: Promise<void>;

  constructor(serve: (conn: Deno.Conn) => Promise<void>) {
    this.#serving = (async () => {
      const served: Promise<void>[] = [];
      for await (const conn of this.#listener) {
        this.#conns.push(conn);
        served.push(serve(conn).catch(() => {}));
      }
      await Promise.all(served);
    })();
  }

  get url(): string {
    return `rtsp://me:x@127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}/x`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It has ended.
      }
    }
    await this.#serving;
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

const utf8 = new TextEncoder();

const heads = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 200, 100, 302, 401, 404, 454, 461, 500, 999),
  cseq: fc.constantFrom("same", "same", "same", "same", "none", "999", "x"),
  headers: fc.array(
    fc.constantFrom(
      "Session: 1",
      "Session: ;timeout=1",
      "Session: 1;timeout=0",
      "Public: GET_PARAMETER",
      "Transport: RTP/AVP/TCP;interleaved=0-1",
      "Transport: RTP/AVP/TCP;interleaved=7-7",
      "Transport: RTP/AVP/TCP;interleaved=2-300",
      "Transport: RTP/AVP;client_port=9-10;server_port=0-0;source=\u0001",
      "Transport: RTP/AVP;server_port=1-1;source=8.8.8.8",
      "Transport: RAW/RAW",
      "Location: rtsp://127.0.0.1:1/x",
      "Location: SELF",
      "Location: rtsp://[::/",
      "Content-Base: rtsp://",
      "Content-Base: rtsp://h/%00%zz",
      'WWW-Authenticate: Digest realm="\\", nonce=""',
      'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth"',
      "Content-Length: 4",
      "Content-Length: -1",
      "Content-Length: 99999999",
      "RTP-Info: url=;seq=x;rtptime=,,,",
      "Range: npt=-",
      `X: ${"y".repeat(3000)}`,
    ),
    { maxLength: 4 },
  ),
  body: fc.constantFrom("", "", SDP, SDP, "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:\0\r\n", "x"),
});

const reactions = fc.oneof(
  { weight: 8, arbitrary: heads.map((head) => ({ kind: "answer", ...head }) as const) },
  { weight: 2, arbitrary: fc.constant({ kind: "good" } as const) },
  fc.constantFrom({ kind: "close" } as const, { kind: "silence" } as const),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ kind: "bytes", bytes }) as const),
  fc.tuple(fc.constantFrom(0, 1, 2, 255), fc.uint8Array({ maxLength: 40 })).map((
    [channel, bytes],
  ) => ({ kind: "frame", channel, bytes }) as const),
  fc.constant({ kind: "question" } as const),
);

type Reaction = typeof reactions extends fc.Arbitrary<infer T> ? T : never;

/** The answer of an honest server. */
function good(request: string, cseq: string): string {
  const method = request.split(" ", 1)[0]!;
  const body = method === "DESCRIBE" ? SDP : "";
  const transport = /Transport: (.*)\r/.exec(request)?.[1];
  return `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n` +
    (method === "SETUP" ? `Session: 1\r\nTransport: ${transport};server_port=4-5\r\n` : "") +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
}

function bytesOf(reaction: Reaction, request: string, url: string): Uint8Array {
  const same = /CSeq: (\d+)/.exec(request)?.[1] ?? "1";
  switch (reaction.kind) {
    case "good":
      return utf8.encode(good(request, same));
    case "bytes":
      return reaction.bytes;
    case "frame":
      return encodeInterleavedFrame(reaction.channel, reaction.bytes);
    case "question":
      return utf8.encode("GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(20));
    case "answer": {
      const { status, cseq, headers, body } = reaction;
      const lines = [
        `RTSP/1.0 ${status} Whatever`,
        ...(cseq === "none" ? [] : [`CSeq: ${cseq === "same" ? same : cseq}`]),
        ...headers.map((header) => header.replace("SELF", url)),
        ...(headers.some((header) => header.startsWith("Content-Length"))
          ? []
          : [`Content-Length: ${body.length}`]),
      ];
      return utf8.encode(`${lines.join("\r\n")}\r\n\r\n${body}`);
    }
    default:
      return new Uint8Array(0);
  }
}

/** Everything that a user does, and how it ended. */
async function use(url: string, options: RtspClientOptions): Promise<unknown> {
  try {
    await using client = await RtspClient.connect(url, options);
    const playback = await client.play();
    await playback.pause();
    await playback.resume();
    for await (const _unit of playback);
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test("whatever a server says, the end is an RtspError, and comes in time", async () => {
  const seed = 20261121;
  const scripts = fc.sample(fc.array(reactions, { minLength: 1, maxLength: 9 }), {
    seed,
    numRuns: 160,
  });
  const ends = new Map<string, number>();
  const runOne = async (script: readonly Reaction[], index: number) => {
    // Good answers first, so that each part of a session gets its share.
    const honest = index % 6;
    await using listener: Listener = new Listener(async (conn) => {
      const buffer = new Uint8Array(16384);
      for (let turn = 0;; turn++) {
        const count = await conn.read(buffer);
        if (count === null) return;
        const request = new TextDecoder().decode(buffer.subarray(0, count));
        const reaction: Reaction = turn < honest
          ? { kind: "good" }
          : script[(turn - honest) % script.length]!;
        if (reaction.kind === "close") return conn.close();
        await writeAll(conn, bytesOf(reaction, request, listener.url));
      }
    });
    const error = await use(listener.url, {
      ...IMPATIENT,
      transport: (["auto", "udp", "tcp"] as const)[index % 3]!,
    });
    if (error !== undefined) {
      assertInstanceOf(error, RtspError, `run ${index}: ${error} ${(error as Error).stack}`);
    }
    const code = error instanceof RtspError ? error.code : "none";
    ends.set(code, (ends.get(code) ?? 0) + 1);
  };
  const startedAt = performance.now();
  for (let at = 0; at < scripts.length; at += 40) {
    await Promise.all(scripts.slice(at, at + 40).map((script, i) => runOne(script, at + i)));
  }
  assert(performance.now() - startedAt < 30_000, "they ended in time");
  assert(ends.size >= 6, `many kinds of ends: ${JSON.stringify([...ends])}`);
});

Deno.test("a server that asks without end, and reads no answer, is left", async () => {
  const questions = utf8.encode("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(2000));
  await using listener = new Listener(async (conn) => {
    await conn.read(new Uint8Array(1000));
    await writeAll(conn, utf8.encode("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"));
    for (;;) await writeAll(conn, questions);
  });
  const client = await RtspClient.connect(listener.url, IMPATIENT);
  const error = await assertRejects(() => client.closed, RtspError);
  assertEquals(error.code, "write-timeout");
});

Deno.test("frames that nobody asked for are counted and dropped", async () => {
  await using listener = new Listener(async (conn) => {
    await conn.read(new Uint8Array(1000));
    await writeAll(conn, utf8.encode("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"));
    for (let number = 0; number < 1000; number++) {
      await writeAll(conn, encodeInterleavedFrame(9, sound(number)));
    }
    conn.close();
  });
  const client = await RtspClient.connect(listener.url, IMPATIENT);
  assertEquals((await assertRejects(() => client.closed, RtspError)).code, "closed");
  assertEquals(client.statistics.strayFrames, 1000);
});

Deno.test("a head, a body or garbage without end is cut off", async () => {
  for (
    const [flood, code] of [
      ["RTSP/1.0 200 OK\r\nX: ", "header-value-too-long"],
      ["RTSP/1.0 200 OK\r\nContent-Length: 131073\r\n\r\n", "body-too-large"],
      ["\0", "too-much-garbage"],
    ] as const
  ) {
    await using listener = new Listener(async (conn) => {
      await conn.read(new Uint8Array(1000));
      await writeAll(conn, utf8.encode(flood));
      const more = new Uint8Array(4096).fill(flood === "\0" ? 0 : 0x61);
      for (;;) await writeAll(conn, more);
    });
    const error = await assertRejects(() => RtspClient.connect(listener.url, IMPATIENT), RtspError);
    assertEquals(error.code, code);
  }
});
