/** Deadlines of connections to an RTSP port, by a clock that the test turns. */
import { assert, assertEquals } from "@std/assert";
import { Hub } from "../../../src/hub/mod.ts";
import { Balancers, type StreamPair, streamPairTransport } from "../../../src/transport/mod.ts";
import type { Shell } from "../../../src/doors/mod.ts";
import { Gate, type Guest } from "../../../src/gate/mod.ts";
import { PeerLog } from "../../../src/log/peer_log.ts";
import { RtspFront, RtspTunnels } from "../../../src/doors/rtsp/rtsp_front.ts";
import { RtspService } from "../../../src/doors/rtsp/rtsp_service.ts";
import type { RtspTransportPolicy } from "../../../src/rtsp/mod.ts";
import { LogBook } from "../../support/test_server.ts";
import { TurnedClock } from "../../support/turned_clock.ts";

class Bench {
  readonly clock = new TurnedClock();
  readonly log = new LogBook();
  readonly tunnels = new RtspTunnels();
  readonly hub = new Hub({ clock: this.clock });
  readonly #peers = new PeerLog(this.log, this.clock);
  readonly #shell: Shell = {
    hub: this.hub,
    gate: new Gate({ hub: this.hub, log: this.log, peers: this.#peers, clock: this.clock }),
    log: this.log,
    peers: this.#peers,
    clock: this.clock,
    tls: undefined,
    balancers: new Balancers({ ranges: undefined, clock: this.clock, onFailure: () => {} }),
    listen: () => Promise.reject(new Error("nothing is listened for")),
    keep: (_, serve) => serve().finished,
    sharesPorts: false,
    timing: {
      playWaitMs: 100,
      describeWaitMs: 100,
      writeStallMs: 10_000,
      closeMs: 1000,
      hookMs: 30_000,
    },
  };
  readonly #service = new RtspService(this.#shell, {
    datagrams: { sockets: undefined, multicast: undefined },
  });

  #guest(remoteAddress: string): Guest {
    const arrival = this.#shell.gate.arrive({ protocol: "rtsp", remoteAddress });
    assert("granted" in arrival);
    return arrival.granted;
  }

  /** Serves a connection as it is. */
  serve(pair: Pick<StreamPair, "readable" | "writable">): RtspFront {
    return new RtspFront(
      this.#shell,
      streamPairTransport({ ...pair, remoteAddress: "192.0.2.1" }),
      {
        guest: this.#guest("192.0.2.1"),
        service: this.#service,
        policy: {},
        tunnels: this.tunnels,
      },
    );
  }

  /** A connection; `send` gives bytes to the server, `received` what it has written. */
  open(address = "192.0.2.1", policy: RtspTransportPolicy = {}) {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
      highWaterMark: 100,
    });
    const front = new RtspFront(
      this.#shell,
      streamPairTransport({
        readable: up.readable,
        writable: down.writable,
        remoteAddress: address,
      }),
      { guest: this.#guest(address), service: this.#service, policy, tunnels: this.tunnels },
    );
    const writer = up.writable.getWriter();
    writer.closed.catch(() => {});
    const reader = down.readable.getReader();
    const text = async (): Promise<string> => {
      const { value } = await reader.read().catch(() => ({ value: undefined }));
      return new TextDecoder().decode(value);
    };
    return {
      front,
      send: async (text: string): Promise<void> => {
        await writer.write(new TextEncoder().encode(text));
      },
      /** What comes next; empty at the end. */
      text,
      /** Its first line. */
      line: async (): Promise<string> => (await text()).split("\r\n")[0]!,
    };
  }

  /** Turns the clock; as a server does, looks at deadlines then. */
  turn(ms: number, ...fronts: RtspFront[]): void {
    this.clock.turn(ms);
    for (const front of fronts) front.tick();
  }
}

const GET = (cookie: string) => `GET /s HTTP/1.0\r\nx-sessioncookie: ${cookie}\r\n\r\n`;
const POST = (cookie: string) => `POST /s HTTP/1.0\r\nx-sessioncookie: ${cookie}\r\n\r\n`;

Deno.test("a connection that sends nothing ends after ten seconds", async () => {
  const bench = new Bench();
  const { front, line } = bench.open();
  bench.turn(9_999, front);
  assertEquals(bench.log.lines, []);
  bench.turn(1, front);
  assertEquals((await front.finished).reason, "idle-timeout");
  assertEquals(await line(), "");
});

Deno.test("a first request that trickles in ends ten seconds after the connection began, cut at any byte", async () => {
  for (const request of [GET("a"), "OPTIONS rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\n\r\n"]) {
    for (const length of [1, 3, 4, 5, 20, request.length - 1]) {
      const bench = new Bench();
      const { front, send } = bench.open();
      bench.turn(6000, front);
      await send(request.slice(0, length));
      bench.turn(3999, front);
      assertEquals(bench.log.lines, []);
      bench.turn(1, front);
      // RTSP that is being served gets a moment to close.
      bench.turn(1000, front);
      bench.turn(1000, front);
      assertEquals((await front.finished).reason, "idle-timeout", `cut at ${length}`);
      assertEquals(bench.log.lines.length, 1);
    }
  }
});

Deno.test("a GET without its POST ends after ten seconds, and its cookie is free", async () => {
  const bench = new Bench();
  const get = bench.open();
  bench.turn(5000, get.front);
  await get.send(GET("a"));
  assertEquals(await get.line(), "HTTP/1.1 200 OK");
  bench.turn(9_999, get.front);
  assertEquals(bench.log.lines, []);
  bench.turn(1, get.front);
  assertEquals((await get.front.finished).reason, "idle-timeout");
  const post = bench.open();
  await post.send(POST("a"));
  assertEquals(await post.line(), "HTTP/1.1 400 Bad Request");
  const again = bench.open();
  await again.send(GET("a"));
  assertEquals(await again.line(), "HTTP/1.1 200 OK");
});

Deno.test("a tunnel belongs to one address (R131)", async () => {
  const bench = new Bench();
  const get = bench.open("192.0.2.1");
  await get.send(GET("a"));
  assertEquals(await get.line(), "HTTP/1.1 200 OK");
  const stranger = bench.open("192.0.2.2");
  await stranger.send(POST("a"));
  assertEquals(await stranger.line(), "HTTP/1.1 400 Bad Request");
  const post = bench.open("192.0.2.1");
  await post.send(POST("a"));
  assertEquals(await post.line(), "HTTP/1.1 200 OK");
  await post.send(btoa("OPTIONS rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
  assertEquals(await get.line(), "RTSP/1.0 200 OK");
});

Deno.test("a tunnel without a request ends by the deadline of its GET", async () => {
  const bench = new Bench();
  const get = bench.open();
  await get.send(GET("a"));
  await get.line();
  const post = bench.open();
  await post.send(POST("a"));
  await post.line();
  const fronts = [get.front, post.front];
  // Served since the POST came.
  while (bench.clock.now() < 12_000) {
    await Promise.resolve();
    bench.turn(1000, ...fronts);
  }
  assertEquals((await get.front.finished).reason, "idle-timeout");
  assertEquals((await post.front.finished).reason, "closed");
});

Deno.test("a client that asks on and reads no answer is not listened to meanwhile", async () => {
  const bench = new Bench();
  const question = (number: number) =>
    `GET_PARAMETER rtsp://h/s RTSP/1.0\r\nCSeq: ${number}\r\nContent-Length: 1\r\n\r\na`;
  const PIECES = 2000;
  let asked = 0;
  const reads = Promise.withResolvers<void>();
  let answers = "";
  const decoder = new TextDecoder();
  const front = bench.serve({
    readable: new ReadableStream({
      pull(controller) {
        if (asked === PIECES) return controller.close();
        const text = Array.from({ length: 30 }, (_, index) => question(asked * 30 + index)).join(
          "",
        );
        asked++;
        controller.enqueue(new TextEncoder().encode(text));
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream({
      write(bytes) {
        answers += decoder.decode(bytes, { stream: true });
        return reads.promise;
      },
    }),
  });
  // Until it reads no further.
  for (let before = -1; before !== asked;) {
    before = asked;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  // 1 MiB of answers of about 50 bytes.
  assert(asked < PIECES / 2, `${asked} of ${PIECES} pieces were read`);
  reads.resolve();
  await front.finished;
  assertEquals(answers.match(/RTSP\/1\.0 200 OK/g)?.length, PIECES * 30);
});

Deno.test("a session that another connection ends while its RECORD is answered frees the name", async () => {
  const udp = { udpPorts: [8000, 8001] } as const;
  const SDP = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n";
  for (let turns = 0; turns < 40; turns++) {
    const bench = new Bench();
    const publisher = bench.open("192.0.2.1", udp);
    const other = bench.open("192.0.2.1", udp);
    let cseq = 0;
    const request = (method: string, path: string, more = "", body = "") =>
      `${method} rtsp://h/live/cam${path} RTSP/1.0\r\nCSeq: ${++cseq}\r\n${more}` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    await publisher.send(request("ANNOUNCE", "", "Content-Type: application/sdp\r\n", SDP));
    const session = /Session: \w+\r\n/.exec(
      (await publisher.text()).replace(/;timeout=\d+/, ""),
    )![0];
    const ports = "Transport: RTP/AVP;client_port=5000-5001;mode=record\r\n";
    await publisher.send(request("SETUP", "/a", session + ports));
    assertEquals(await publisher.line(), "RTSP/1.0 200 OK");
    await other.send(request("OPTIONS", ""));
    await other.line();
    // The answer to the first brings the second up, some turns later.
    const sent = publisher.send(
      request("GET_PARAMETER", "", session, "a") + request("RECORD", "", session),
    );
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await other.send(request("TEARDOWN", "", session));
    assertEquals(await other.line(), "RTSP/1.0 200 OK");
    await sent;
    await publisher.line();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(bench.hub.get("live/cam"), undefined, `after ${turns} turns`);
    publisher.front.stop();
    other.front.stop();
    bench.turn(1000);
    await Promise.all([publisher.front.finished, other.front.finished]);
  }
});
