/** Behind a balancer, limits, rules, hooks and the log are about the client. */
import { assert, assertEquals } from "@std/assert";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

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
