import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { RtmpClient as WeirClient } from "../../src/client/mod.ts";
import type { ServerOptions } from "../../mod.ts";
import { ApiClient } from "../../src/api/mod.ts";
import type { RtmpMessage } from "../../src/rtmp/mod.ts";
import { PartDrain } from "../../src/server/part_drain.ts";
import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";
import { offerOf } from "../support/webrtc_client.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

const ALL = {
  rtsp: LOCAL,
  http: LOCAL,
  webrtc: LOCAL,
  hls: { segmentMs: 400 },
} as const satisfies ServerOptions;

/** Another machine, as this one hears of it. */
const OTHER = {
  node: "b",
  region: "",
  connections: 0,
  maxConnections: 1000,
  clients: {
    rtmp: "rtmp://192.0.2.1:1935",
    rtsp: "rtsp://192.0.2.1:8554/",
    http: "http://192.0.2.1:8080",
  },
};

function portOf(weir: TestServer, protocol: string): number {
  return weir.server.addresses.find((one) => one.protocol === protocol)!.port;
}

async function ask(weir: TestServer, path: string, init: RequestInit = {}) {
  const url = `http://127.0.0.1:${portOf(weir, "http")}${path}`;
  const answer = await fetch(url, { ...init, redirect: "manual" });
  const text = init.method === "HEAD" ? "" : await answer.text();
  return { status: answer.status, location: answer.headers.get("location"), text };
}

async function refusedConnect(port: number, app = "live") {
  using peer = await RtmpClient.dial(port);
  await peer.shakeHands();
  const tcUrl = `rtmp://127.0.0.1:${port}/${app}`;
  const answer = await peer.answer(await peer.command("connect", { object: { app, tcUrl } }));
  assertEquals([answer.name, statusCode(answer)], ["_error", "NetConnection.Connect.Rejected"]);
  return answer.args[0] as { readonly description: string; readonly ex?: unknown };
}

Deno.test("a server that is drained alone refuses newcomers, and ends those who are there when the time is over", async () => {
  await using weir = await TestServer.start(ALL);
  using source = await RtmpClient.publisher(weir.port, "cam");
  await source.frames(0, 1);
  using player = await RtmpClient.player(weir.port, "cam");
  assertEquals(await player.frameNumbers(0), [0]);
  const drained = weir.server.drain({ timeoutMs: Infinity });
  await until(() => weir.server.drainState.left === 2);
  const { description, ex } = await refusedConnect(weir.port);
  assertStringIncludes(description, "takes nobody new");
  assertEquals(ex, undefined);
  using rtsp = await RtspPeer.dial(portOf(weir, "rtsp"));
  assertEquals((await rtsp.request("DESCRIBE")).status, 503);
  const flv = await ask(weir, "/live/cam.flv");
  assertEquals([flv.status, JSON.parse(flv.text).code], [503, "leaving"]);
  assertEquals((await ask(weir, "/readyz")).status, 503);
  assertEquals((await ask(weir, "/healthz")).status, 200);
  const token = weir.server.apiToken!;
  const url = `http://127.0.0.1:${portOf(weir, "http")}/`;
  const state = await new ApiClient({ url, token }).drainState();
  assertEquals(state, { isDraining: true, isOver: false, left: 2 });
  assertEquals((await weir.server.freshSnapshot()).refused.leaving, 3);
  // Those who are there go on, until the time that is given now is over.
  await source.frames(1, 2);
  assertEquals(await player.frameNumbers(2), [1, 2]);
  void weir.server.drain({ timeoutMs: 0 });
  await drained;
  await player.status("NetStream.Play.Failed");
  await until(() => weir.server.tickets.size === 0);
  assert(weir.server.drainState.isOver);
  assert(weir.server.undrain());
  using again = await RtmpClient.publisher(weir.port, "cam");
  await again.frames(0, 1);
});

Deno.test("newcomers are sent to another machine in the words of their protocols, with all that they asked for", async () => {
  await using weir = await TestServer.start(ALL);
  PartDrain.of(weir.server).step({ totalMs: 60_000, leftMs: 30_000, region: "", nodes: [OTHER] });
  const { ex } = await refusedConnect(weir.port, "live?token=a");
  assertEquals(ex, { code: 302, redirect: "rtmp://192.0.2.1:1935/live?token=a" });
  using rtsp = await RtspPeer.dial(portOf(weir, "rtsp"));
  const url = `rtsp://127.0.0.1:${portOf(weir, "rtsp")}/live/a%20b?token=1`;
  const { status, headers } = await rtsp.request("DESCRIBE", { url });
  assertEquals(
    [status, headers.get("Location")],
    [302, "rtsp://192.0.2.1:8554/live/a%20b?token=1"],
  );
  for (
    const [method, path] of [
      ["GET", "/live/a%20b.flv?x=1"],
      ["GET", "/live/cam/index.m3u8"],
      ["POST", "/live/cam.flv"],
    ] as const
  ) {
    const body = method === "POST" ? { body: new Uint8Array(1) } : {};
    const answer = await ask(weir, path, { method, ...body });
    assertEquals([answer.status, answer.location], [307, `http://192.0.2.1:8080${path}`]);
  }
  const whep = await ask(weir, "/live/cam/whep", {
    method: "POST",
    body: offerOf("recvonly"),
    headers: { "content-type": "application/sdp" },
  });
  assertEquals(whep.location ?? whep.text, "http://192.0.2.1:8080/live/cam/whep");
  assertEquals(weir.server.snapshot().refused.redirected, 6);
});

Deno.test("those who are there are told to move: a reconnect request, REDIRECT, and a 307 for the next playlist", async () => {
  await using weir = await TestServer.start(ALL);
  await using _source = new LoopedPublisher(weir.server, "live/cam", ["h264"]);
  const said: string[] = [];
  await using player = await WeirClient.connect(`${weir.url}/live/cam?token=1`, {
    onStatus: ({ code, information }) =>
      void (code?.includes("Reconnect") && said.push(String(information["tcUrl"]))),
  });
  const media = (await player.play()).getReader();
  await media.read();
  using plain = await RtmpClient.player(weir.port, "cam");
  await plain.until((message): message is RtmpMessage => message.kind === "video");
  using rtsp = await RtspPeer.dial(portOf(weir, "rtsp"));
  const url = `rtsp://127.0.0.1:${portOf(weir, "rtsp")}/live/cam`;
  await rtsp.request("DESCRIBE", { url });
  const { headers } = await rtsp.request("SETUP", {
    url: `${url}/trackID=0`,
    headers: { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" },
  });
  const session = headers.get("Session")!.split(";")[0]!;
  await rtsp.request("PLAY", { url, headers: { Session: session } });
  const [, playlist] = /^(hls\/\w+\/main\.m3u8)$/m.exec(
    (await ask(weir, "/live/cam/index.m3u8")).text,
  )!;
  assertEquals((await ask(weir, `/live/cam/${playlist}`)).status, 200);
  PartDrain.of(weir.server).step({ totalMs: 60_000, leftMs: 30_000, region: "", nodes: [OTHER] });
  while (said.length === 0) await media.read();
  assertEquals(said, ["rtmp://192.0.2.1:1935/live"]);
  let told;
  do told = await rtsp.message(); while (told !== undefined && told.kind !== "request");
  assertEquals([told?.method, told?.headers.get("Location")], [
    "REDIRECT",
    "rtsp://192.0.2.1:8554/live/cam",
  ]);
  assertEquals(told?.headers.get("Session"), session);
  // It knows no such request, and plays on.
  await rtsp.send(`RTSP/1.0 501 Not Implemented\r\nCSeq: ${told?.headers.get("CSeq")}\r\n\r\n`);
  await rtsp.nextFrame();
  const next = await ask(weir, `/live/cam/${playlist}`);
  assertEquals([next.status, next.location], [307, `http://192.0.2.1:8080/live/cam/${playlist}`]);
  // What has no words for it is served on, and ended at last.
  await plain.until((message): message is RtmpMessage => message.kind === "video");
  assert(
    PartDrain.of(weir.server).step({ totalMs: 60_000, leftMs: 0, region: "", nodes: [OTHER] }) < 4,
  );
  await plain.status("NetStream.Play.Failed");
});

Deno.test("a drain has those go first who publish, and spreads the ends over the second half of its time", async () => {
  await using weir = await TestServer.start();
  using source = await RtmpClient.publisher(weir.port, "cam");
  await source.frames(0, 1);
  const players = await Promise.all(
    Array.from({ length: 10 }, () => RtmpClient.player(weir.port, "cam")),
  );
  const partDrain = PartDrain.of(weir.server);
  const step = (leftMs: number) =>
    partDrain.step({ totalMs: 100_000, leftMs, region: "", nodes: [OTHER] });
  assertEquals(step(100_000), 11);
  assertEquals(step(60_000), 11);
  assertEquals(step(40_000), 10);
  assertEquals([...weir.server.tickets.values()].every(({ info }) => info.action === "play"), true);
  await until(() => step(100) < 10);
  assertEquals(step(0), 0);
  for (const player of players) player.close();
});
