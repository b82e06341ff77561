/** Behind a balancer, limits, rules, hooks and the log are about the client. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  RtmpClient as RtmpPlayer,
  RtspClient,
  type RtspClientOptions,
} from "../../src/client/mod.ts";
import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { makeCertificate } from "../support/certificate.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** Headers of both versions for 203.0.113.9, port 4660. */
const HEADERS = {
  "version 1": new TextEncoder().encode("PROXY TCP4 203.0.113.9 10.0.0.1 4660 443\r\n"),
  "version 2": Uint8Array.fromHex(
    "0d0a0d0a000d0a515549540a" + "2111000c" + "cb007109" + "0a000001" + "1234" + "01bb",
  ),
} as const;

/** A balancer that sends a header before what its clients send, in the pieces that it is told. */
class Balancer implements AsyncDisposable {
  readonly port: number;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #running: Promise<void>;

  constructor(to: number, header: Uint8Array, { bytewise = false } = {}) {
    this.port = this.#listener.addr.port;
    this.#running = this.#run(to, header, bytewise);
  }

  async #run(to: number, header: Uint8Array, bytewise: boolean): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: to });
      this.#open.add(client).add(server);
      const first = new Uint8Array(4096);
      const count = await client.read(first) ?? 0;
      const bytes = new Uint8Array([...header, ...first.subarray(0, count)]);
      // The header in pieces, or together with what follows.
      if (bytewise) { for (const byte of header) await server.write(Uint8Array.of(byte)); }
      await server.write(bytewise ? first.subarray(0, count) : bytes);
      client.readable.pipeTo(server.writable).catch(() => {});
      server.readable.pipeTo(client.writable).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#running.catch(() => {});
    for (const conn of this.#open) {
      try {
        conn.close();
      } catch {
        // It is closed already.
      }
    }
  }
}

for (const [version, header] of Object.entries(HEADERS)) {
  Deno.test(`a PROXY header of ${version} is read on every port, before TLS too, in one piece and byte by byte`, async () => {
    const tls = await makeCertificate();
    const seen: string[] = [];
    await using weir = await TestServer.start({
      ...{ rtmp: LOCAL, rtmps: LOCAL, rtsp: LOCAL, rtsps: LOCAL, http: LOCAL, https: LOCAL },
      tls,
      hooks: {
        onPlay: ({ connection: { protocol, remoteAddress } }) =>
          void seen.push(`${protocol} ${remoteAddress}`),
      },
    });
    // Who has a balancer put in front does not stop the server for it.
    await weir.server.configure({
      proxies: { proxyProtocol: ["127.0.0.1"] },
      timing: { playWaitMs: 0, describeWaitMs: 0 },
    });
    const caCerts = [tls.cert];
    using client = Deno.createHttpClient({ caCerts });
    const ask: Record<string, (port: number) => Promise<unknown>> = {
      rtmp: (port) => RtmpPlayer.connect(`rtmp://localhost:${port}/live/cam`).then(refusedPlay),
      rtmps: (port) =>
        RtmpPlayer.connect(`rtmps://localhost:${port}/live/cam`, { caCerts }).then(refusedPlay),
      rtsp: (port) => described(`rtsp://localhost:${port}/live/cam`),
      rtsps: (port) => described(`rtsps://localhost:${port}/live/cam`, { caCerts }),
      http: (port) => fetched(`http://localhost:${port}/live/cam.flv`),
      https: (port) => fetched(`https://localhost:${port}/live/cam.flv`, client),
    };
    for (const bytewise of [false, true]) {
      for (const [protocol, asks] of Object.entries(ask)) {
        const { port } = weir.server.addresses.find((one) => one.protocol === protocol)!;
        await using balancer = new Balancer(port, header, { bytewise });
        await asks(balancer.port);
        await asks(balancer.port);
      }
    }
    const each = ["rtmp", "rtmps", "rtsp", "rtsps", "http-flv", "http-flv"]
      .flatMap((protocol) => [`${protocol} 203.0.113.9`, `${protocol} 203.0.113.9`]);
    assertEquals(seen, [...each, ...each]);
  });
}

async function refusedPlay(client: RtmpPlayer): Promise<void> {
  await assertRejects(() => client.play());
  client.close();
}

async function described(url: string, options: RtspClientOptions = {}): Promise<void> {
  const client = await RtspClient.connect(url, options);
  await assertRejects(() => client.describe());
  client.close();
}

async function fetched(url: string, client?: Deno.HttpClient): Promise<void> {
  const answer = await fetch(url, client === undefined ? {} : { client });
  await answer.body?.cancel();
  assertEquals(answer.status, 404);
}

Deno.test("ports that read PROXY headers serve WebSockets, large answers, and clients that come directly", async () => {
  await using weir = await TestServer.start({
    rtmp: false,
    http: LOCAL,
    proxies: { proxyProtocol: ["127.0.0.1", "10.0.0.0/8"] },
    httpRoutes: [{
      protocol: "test",
      place: "before-outputs",
      has: (path) => path === "/large",
      serve: () => Promise.resolve(new Response(new Uint8Array(5_000_000).fill(7))),
    }],
  });
  const { port } = weir.server.addresses[0]!;
  await using balancer = new Balancer(port, HEADERS["version 2"]);
  const large = await (await fetch(`http://127.0.0.1:${balancer.port}/large`)).bytes();
  assert(large.length === 5_000_000 && large.every((byte) => byte === 7));
  await using _publisher = new LoopedPublisher(weir.server, "live/cam", ["h264"]);
  const socket = new WebSocket(`ws://127.0.0.1:${balancer.port}/live/cam.flv`);
  await new Promise((resolve) => socket.onmessage = resolve);
  const [ticket] = [...weir.server.tickets.values()].filter(({ info }) => info.action === "play");
  assertEquals(ticket!.info.remoteAddress, "203.0.113.9");
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  ticket!.kick("Enough");
  assertEquals((await closed).reason, "Enough");
  // One that says nothing of whose it is gets no answer.
  await assertRejects(() => fetch(`http://127.0.0.1:${port}/large`));
  const line = await weir.log.line(({ message }) => message.startsWith("a balancer does not say"));
  assert(String(line.fields["reason"]).includes("does not begin with a PROXY header"));
});

/** Asks an RTSP port, as a balancer that sends `header` first, and resolves with what it answers. */
async function ask(port: number, header: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = "DESCRIBE rtsp://h/live/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n";
  await conn.write(new TextEncoder().encode(header + request));
  const buffer = new Uint8Array(4096);
  const count = await conn.read(buffer).catch(() => null);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0)).slice(0, 12);
}

Deno.test("the client of a balancer is known by what the PROXY header says", async () => {
  const seen: string[] = [];
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    proxies: { proxyProtocol: ["127.0.0.1"] },
    addresses: { deny: ["198.51.100.0/24"] },
    timing: { describeWaitMs: 0 },
    hooks: { onPlay: ({ connection }) => void seen.push(connection.remoteAddress) },
  });
  assertEquals(
    await ask(weir.port, "PROXY TCP4 203.0.113.9 10.0.0.1 4660 554\r\n"),
    "RTSP/1.0 404",
  );
  assertEquals(await ask(weir.port, "PROXY TCP4 198.51.100.7 10.0.0.1 4660 554\r\n"), "");
  assertEquals(await ask(weir.port, ""), "");
  assertEquals(seen, ["203.0.113.9"]);
  await until(() => weir.server.snapshot().refused.addresses === 1);
  const line = await weir.log.line(({ message }) => message.startsWith("a balancer does not say"));
  assert(String(line.fields["reason"]).includes("does not begin with a PROXY header"));
  await weir.log.line(({ message }) => message === "rtsp connect from 203.0.113.9:4660");
});

Deno.test("from elsewhere a PROXY header is no header, but what the client says", async () => {
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: LOCAL,
    proxies: { proxyProtocol: ["10.0.0.0/8"] },
  });
  assert(
    await ask(weir.port, "PROXY TCP4 203.0.113.9 10.0.0.1 4660 554\r\n") !==
      "RTSP/1.0 404",
  );
  assertEquals(
    weir.server.connections.filter(({ remoteAddress }) => remoteAddress !== "127.0.0.1"),
    [],
  );
});

Deno.test("requests of HTTP are their client's, where a balancer says so", async () => {
  const seen: string[] = [];
  await using weir = await TestServer.start({
    rtmp: false,
    http: LOCAL,
    proxies: { forwardedFor: ["127.0.0.1"] },
    timing: { playWaitMs: 0 },
    hooks: { onPlay: ({ connection }) => void seen.push(connection.remoteAddress) },
  });
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  const headers = { "X-Forwarded-For": "1.1.1.1, 203.0.113.9" };
  const response = await fetch(`http://127.0.0.1:${port}/live/cam.flv`, { headers });
  await response.body?.cancel();
  assertEquals([response.status, seen], [404, ["203.0.113.9"]]);
});
