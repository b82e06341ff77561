/** What doors, files and memory go by is changed while a server runs, by one thread or by workers alike. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LiveOptions } from "../../src/server/mod.ts";
import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { RtspPeer, SDP } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
/** Who asks for a stream that nobody publishes is answered at once. */
const timing = { playWaitMs: 0 };
/** It is media, of a name that no stream has: nobody waits for one. */
const MEDIA = "/live//cam.flv";
const PAGE = { accept: "text/html", origin: "https://player.example" };

/** A condition that may be true of one worker before it is of the other: it must be so some times in a row. */
async function becomes(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  for (let inRow = 0; inRow < 6; inRow = await condition() ? inRow + 1 : 0) {
    if (performance.now() > end) throw new Error(`Never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const workers of [1, 2]) {
  Deno.test(`origins, hosts, balancers, pages and open metrics change without a restart, of ${workers} threads`, async () => {
    await using weir = await TestServer.start({ rtmp: false, http: LOCAL, workers, timing });
    const { server } = weir;
    const { port } = server.addresses[0]!;
    // Of its own connection each, so that all workers are asked.
    const ask = async (path: string, headers: Record<string, string> = {}) => {
      using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0, allowHost: true });
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers, client });
      await answer.body?.cancel();
      return answer;
    };
    assertEquals((await ask("/", PAGE)).status, 200);
    assertEquals((await ask("/metrics")).status, 401);
    await server.configure({
      timing,
      httpOrigins: { media: ["https://player.example"] },
      httpHosts: ["live.example"],
      console: false,
      api: { openMetrics: true },
      addresses: { deny: ["203.0.113.9"] },
      proxies: { forwardedFor: ["127.0.0.1"] },
    });
    const shared = async () =>
      (await ask(MEDIA, { ...PAGE, host: "live.example" }))
        .headers.get("access-control-allow-origin");
    await becomes(async () => await shared() === PAGE.origin);
    await becomes(async () => (await ask("/", PAGE)).status === 404);
    await becomes(async () => (await ask("/metrics")).status === 200);
    await becomes(async () => (await ask("/healthz", { host: "other.example" })).status === 421);
    const forwarded = { "x-forwarded-for": "203.0.113.9" };
    await becomes(async () => (await ask(MEDIA, forwarded)).status === 403);
    // What is left out has its default again.
    await server.configure({ timing });
    await becomes(async () => await shared() === "*");
    await becomes(async () => (await ask("/", PAGE)).status === 200);
    await becomes(async () => (await ask(MEDIA, forwarded)).status !== 403);
  });

  Deno.test({
    name: `files that are published change without a restart, of ${workers} threads`,
    ignore: ignoreWithout("ffmpeg"),
    async fn() {
      await using folder = new TemporaryFolder();
      const files = [`${folder.path}/a.flv`];
      await makeRecording(files[0]!, { seconds: 1 });
      const source = (name: string) => ({ name, files });
      await using weir = await TestServer.start({ workers, sources: [source("live/a")] });
      const { server, log } = weir;
      const names = async () => (await server.freshSnapshot()).streams.map(({ name }) => name);
      await becomes(async () => (await names()).join() === "live/a");
      const publisher = () =>
        [...server.tickets.values()].find(({ info }) => info.stream === "live/a")?.info.id;
      await server.review();
      const first = publisher();
      await server.configure({
        sources: [source("live/a"), source("live/b")],
        hub: { lingerMs: 0 },
      });
      await becomes(async () => (await names()).toSorted().join() === "live/a,live/b");
      assertEquals(publisher(), first, "what is as before goes on");
      if (workers === 1) {
        const wrong = { sources: [{ name: "live/c", files: ["/no/such.flv"] }] };
        await assertRejects(() => server.configure(wrong), Error, "/no/such.flv");
        assertEquals((await names()).length, 2);
      }
      await server.configure({ sources: [source("live/b")], hub: { lingerMs: 0 } });
      await becomes(async () => (await names()).join() === "live/b");
      await server.configure({ hub: { lingerMs: 0 } });
      await becomes(async () => (await names()).length === 0);
      assertEquals(log.lines.filter(({ level }) => level === "error"), []);
    },
  });
}

Deno.test("streams that begin to be played as HLS go by the segments and sessions of now", async () => {
  await using weir = await TestServer.start({ rtmp: false });
  const { server } = weir;
  const get = async (path: string) =>
    await (await server.fetch(new Request(`http://localhost/${path}`))).text();
  /** What a player of a stream is told: the target of its parts, and the address of its playlist. */
  const played = async (name: string) => {
    const multivariant = await get(`${name}/index.m3u8`);
    const [address] = /hls\/\S+/.exec(multivariant)!;
    const playlist = await get(`${name}/${address}`);
    return { address, part: Number(/PART-TARGET=([\d.]+)/.exec(playlist)![1]) };
  };
  await using _first = new LoopedPublisher(server, "live/first", ["h264"]);
  const before = await played("live/first");
  const change: LiveOptions = { hls: { partMs: 400, sessions: "shared" } };
  await server.configure(change);
  await using _second = new LoopedPublisher(server, "live/second", ["h264"]);
  const [again, after] = [await played("live/first"), await played("live/second")];
  assertEquals(again.part, before.part, "what is packaged goes on as it began");
  assert(after.part > before.part, `${after.part} after ${before.part}`);
  assertEquals((await played("live/second")).address, after.address);
});

Deno.test("sessions of RTMP and RTSP that come later go by the bounds of now", async () => {
  await using weir = await TestServer.start({ rtsp: LOCAL });
  const { server } = weir;
  const rtspPort = server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
  const timeout = async () => {
    using peer = await RtspPeer.dial(rtspPort);
    const announced = await peer.request("ANNOUNCE", {
      headers: { "Content-Type": "application/sdp" },
      body: SDP,
    });
    return announced.headers.get("Session")!.split(";")[1];
  };
  assertEquals(await timeout(), "timeout=55");
  await server.configure({
    session: { maxNetStreams: 1 },
    rtspSession: { idleTimeoutMs: 30_000 },
  });
  assertEquals(await timeout(), "timeout=25");
  using client = await RtmpClient.open(weir.port);
  await client.createStream();
  await assertRejects(() => client.createStream());
  // A client that may be silent for ever is told no time, which has no word for that.
  await server.configure({ rtspSession: { idleTimeoutMs: Infinity } });
  assertEquals(await timeout(), undefined);
});

Deno.test("streams are kept for clips from when it is asked for, until it is no more", async () => {
  await using weir = await TestServer.start({ rtmp: false, timing });
  const { server, log } = weir;
  const clip = async () => {
    const answer = await server.fetch(new Request("http://localhost/live/cam/clip.mp4?last=60"));
    return { status: answer.status, bytes: (await answer.bytes()).length };
  };
  await using _publisher = new LoopedPublisher(server, "live/cam", ["h264"]);
  assertEquals((await clip()).status, 404);
  await server.configure({ timing, keep: { ms: 60_000 } });
  await log.line(({ message }) => message === "recording started");
  await becomes(async () => (await clip()).status === 200);
  const { bytes } = await clip();
  // Another time and size keep what there is.
  await server.configure({ timing, keep: { ms: 30_000, bytes: 100_000_000 } });
  assert((await clip()).bytes >= bytes);
  await server.configure({ timing });
  assertEquals((await clip()).status, 404);
  // What was kept is let go, and begins anew.
  await server.configure({ timing, keep: { ms: 60_000 } });
  assert((await clip()).bytes < bytes);
});
