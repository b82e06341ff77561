import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RtmpClient, RtspClient } from "../../src/client/mod.ts";
import { RtmpError } from "../../src/rtmp/mod.ts";
import type { ServerHooks } from "../../mod.ts";
import { frame, headers, readUntil, writeAll } from "../client/rtmp_media.ts";
import { TestCamera } from "../client/rtsp_media.ts";
import { ignoreWithout } from "../support/process.ts";
import { assertFfmpegPlays } from "../support/real_clients.ts";
import { RtmpClient as RtmpPeer, statusCode, statusDescription } from "../support/rtmp_client.ts";
import { RtspPeer, SDP } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

function rtspServer(hooks: ServerHooks = {}): Promise<TestServer> {
  return TestServer.start({ rtmp: false, rtsp: LOCAL, hooks });
}

const ANNOUNCE = { headers: { "Content-Type": "application/sdp" }, body: SDP };
const SETUP = { Transport: "RTP/AVP/TCP;unicast;interleaved=0-1" };

Deno.test("hooks redirect RTSP players and publishers: 302 with Location (R047, R097)", async () => {
  await using weir = await rtspServer({
    onPlay: ({ query }) => ({
      redirect: query.has("local")
        ? "/live/other?token=1"
        : "rtsp://me:word@192.0.2.1:9554/live/cam?token=secret",
    }),
    onPublish: ({ name }) => ({ redirect: `rtsps://ingest.example/${name}` }),
  });
  using peer = await RtspPeer.dial(weir.port);
  const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
  const elsewhere = "rtsp://me:word@192.0.2.1:9554/live/cam?token=secret";
  for (
    const [method, options, location] of [
      ["DESCRIBE", {}, elsewhere],
      ["SETUP", { url: `${url}/trackID=0`, headers: SETUP }, elsewhere],
      [
        "DESCRIBE",
        { url: `${url}?local` },
        `rtsp://127.0.0.1:${weir.port}/live/other?token=1`,
      ],
      ["ANNOUNCE", ANNOUNCE, "rtsps://ingest.example/live/cam"],
    ] as const
  ) {
    const { status, headers } = await peer.request(method, options);
    assertEquals([method, status, headers.get("Location")], [method, 302, location]);
  }
  // The client may as well stay.
  assertEquals((await peer.request("OPTIONS")).status, 200);
  assertEquals(weir.server.rtspSessionCount, 0);
  assertEquals(weir.server.streams, []);
  const lines = JSON.stringify(weir.log.lines);
  assertStringIncludes(lines, "Redirected to rtsp://192.0.2.1:9554/live/cam");
  for (const secret of ["word", "secret"]) assert(!lines.includes(secret), secret);
});

Deno.test("a connection that is redirected gets a 302, and is closed (R047)", async () => {
  await using weir = await rtspServer({ onConnect: () => ({ redirect: "rtsp://192.0.2.1/x" }) });
  using peer = await RtspPeer.dial(weir.port);
  const { status, headers } = await peer.request("DESCRIBE");
  assertEquals([status, headers.get("Location")], [302, "rtsp://192.0.2.1/x"]);
  assertEquals(await peer.message(), undefined);
  peer.close();
  await weir.quiet();
  // That is no failure of anybody.
  assertEquals(weir.log.lines.filter(({ level }) => level === "warn"), []);
});

Deno.test("a redirection to what is no URL of the protocol refuses, and is logged", async () => {
  const weir = await TestServer.start({
    rtsp: LOCAL,
    hooks: {
      onPlay: () => ({ redirect: "rtmp://192.0.2.1/live" }),
      onPublish: () => ({ redirect: "rtsp://host/x\r\nSession: 1" }),
      onConnect: ({ protocol }) =>
        protocol === "rtmp" ? { redirect: "rtsp://192.0.2.1/live" } : undefined,
    },
  });
  await using server = weir.server;
  using peer = await RtspPeer.dial(server.addresses[1]!.port);
  assertEquals((await peer.request("DESCRIBE")).status, 403);
  const announced = await peer.request("ANNOUNCE", ANNOUNCE);
  assertEquals([announced.status, announced.headers.get("Session")], [403, undefined]);
  using rtmp = await RtmpPeer.dial(weir.port);
  await rtmp.shakeHands();
  const answer = await rtmp.answer(await rtmp.command("connect", { object: { app: "live" } }));
  assertEquals(statusDescription(answer), "Internal error");
  assertEquals(weir.log.lines.filter(({ level }) => level === "error").length, 3);
});

Deno.test("weir's RTSP client publishes and plays where the hooks send it (R047)", async () => {
  await using origin = await rtspServer();
  const url = `rtsp://127.0.0.1:${origin.port}/live/cam`;
  await using edge = await rtspServer({
    onPlay: () => ({ redirect: url }),
    onPublish: () => ({ redirect: url }),
  });
  const asked = `rtsp://127.0.0.1:${edge.port}/live/cam`;
  await using camera = await TestCamera.publish(asked);
  await camera.send(0);
  await using client = await RtspClient.connect(asked);
  const playback = await client.play();
  await readUntil(playback, ({ kind }) => kind === "video");
  assertEquals([edge.server.streams.length, origin.server.streams.length], [0, 1]);
});

Deno.test({
  name: "ffmpeg plays where the hooks send it (R047)",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using origin = await rtspServer();
    await using edge = await rtspServer({
      onPlay: ({ name }) => ({ redirect: `rtsp://127.0.0.1:${origin.port}/${name}` }),
    });
    using publisher = await RtspPeer.dial(origin.port);
    await publisher.record();
    const url = `rtsp://127.0.0.1:${edge.port}/live/cam`;
    await assertFfmpegPlays(url, { transport: "tcp", publisher });
  },
});

Deno.test("RTMP clients are redirected at connect, and weir's follows", async () => {
  await using origin = await TestServer.start();
  const redirect = `${origin.url}/live`;
  await using edge = await TestServer.start({ hooks: { onConnect: () => ({ redirect }) } });
  using peer = await RtmpPeer.dial(edge.port);
  await peer.shakeHands();
  const answer = await peer.answer(await peer.command("connect", { object: { app: "live" } }));
  assertEquals([answer.name, statusCode(answer)], ["_error", "NetConnection.Connect.Rejected"]);
  const [information] = answer.args as [{ ex: unknown }];
  assertEquals(information.ex, { code: 302, redirect });
  await using client = await RtmpClient.connect(`${edge.url}/live/cam`);
  const publication = await client.publish();
  await writeAll(publication, [...headers(), ...frame(0)]);
  assertEquals([edge.server.streams.length, origin.server.streams.length], [0, 1]);
  peer.close();
  await edge.quiet();
  assertEquals(edge.log.lines.filter(({ level }) => level === "warn"), []);
});

Deno.test("an RTMP publish or play cannot be redirected: it is refused, and told where to go", async () => {
  const redirect = "rtmp://me:word@192.0.2.1/live/cam?token=secret";
  await using weir = await TestServer.start({
    hooks: { onPublish: () => ({ redirect }), onPlay: () => ({ redirect }) },
  });
  await using client = await RtmpClient.connect(`${weir.url}/live/cam`);
  for (
    const [ask, status] of [
      [() => client.publish(), "NetStream.Publish.Denied"],
      [() => client.play(), "NetStream.Play.Failed"],
    ] as const
  ) {
    const error = await assertRejects(ask, RtmpError);
    assertEquals([error.status, error.description], [
      status,
      "The stream is at rtmp://192.0.2.1/live/cam",
    ]);
  }
});
