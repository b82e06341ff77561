import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ConnectionEnd, Server, ServerError } from "../../mod.ts";
import { ffmpeg } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { RtmpClient, statusCode, statusDescription } from "../support/rtmp_client.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer } from "../support/test_server.ts";

Deno.test("a refused connect is told why before the connection closes (M051)", async () => {
  const ends: ConnectionEnd[] = [];
  await using weir = await TestServer.start({
    hooks: {
      onConnect: ({ app }) => app === "live" ? undefined : { refuse: `No app ${app} here` },
      onDisconnect: (_, end) => void ends.push(end),
    },
  });
  using client = await RtmpClient.dial(weir.port);
  await client.shakeHands();
  const answer = await client.answer(
    await client.command("connect", { object: { app: "secret" } }),
  );
  assertEquals(answer.name, "_error");
  assertEquals(statusCode(answer), "NetConnection.Connect.Rejected");
  assertEquals(statusDescription(answer), "No app secret here");
  assertEquals(await client.drain(), []);
  client.close();
  await weir.quiet();
  assertEquals(ends.map(({ reason }) => reason), ["rejected"]);
});

Deno.test("hooks refuse a publish and a play, later, with a reason that the client sees (M054)", async () => {
  await using weir = await TestServer.start({
    hooks: {
      async onPublish({ query }) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        return query.get("key") === "right" ? undefined : { refuse: "Wrong key" };
      },
      onPlay: ({ name }) => Promise.resolve(name === "live/cam" ? undefined : { refuse: "No" }),
    },
  });
  using client = await RtmpClient.open(weir.port);
  const streamId = await client.createStream();
  await client.command("publish", { args: ["cam?key=wrong"], streamId });
  const refused = await client.status("NetStream.");
  assertEquals(statusCode(refused), "NetStream.Publish.Denied");
  assertEquals(statusDescription(refused), "Wrong key");
  assertEquals(weir.server.streams, []);
  await client.command("publish", { args: ["cam?key=right"], streamId });
  assertEquals(statusCode(await client.status("NetStream.")), "NetStream.Publish.Start");
  using player = await RtmpClient.open(weir.port);
  await player.command("play", { args: ["other"], streamId: await player.createStream() });
  const notPlayed = await player.status("NetStream.");
  assertEquals([statusCode(notPlayed), statusDescription(notPlayed)], [
    "NetStream.Play.Failed",
    "No",
  ]);
  const secrets = weir.log.lines.filter((line) => JSON.stringify(line).includes("right"));
  assertEquals(secrets, [], "keys are not logged");
});

Deno.test({
  name: "ffmpeg tells its user why an RTSP publish or play is refused",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({
      rtmp: false,
      rtsp: { hostname: "127.0.0.1", port: 0 },
      hooks: {
        onPublish: () => ({ refuse: "Not before noon" }),
        onPlay: () => ({ refuse: "The concert is over" }),
      },
    });
    const url = `rtsp://127.0.0.1:${weir.port}/live/cam`;
    await using publisher = ffmpeg([
      ...["-f", "lavfi", "-i", "sine", "-c:a", "aac", "-f", "rtsp", url],
    ]);
    await publisher.line(/403 Forbidden: Not before noon/);
    await using player = ffmpeg(["-i", url, "-f", "null", "-"]);
    await player.line(/403 Forbidden: The concert is over/);
  },
});

Deno.test("a hook of plain JavaScript that answers null allows", async () => {
  const nothing = () => null as unknown as undefined;
  await using weir = await TestServer.start({
    hooks: { onConnect: nothing, onPublish: nothing, onPlay: nothing },
  });
  using _publisher = await RtmpClient.publisher(weir.port, "cam");
  using player = await RtmpClient.open(weir.port);
  const streamId = await player.createStream();
  await player.command("play", { args: ["cam"], streamId });
  await player.status("NetStream.Play.Start");
});

Deno.test("a hook that throws refuses, and the server goes on", async () => {
  const weir = await TestServer.start({
    hooks: {
      onPublish: () => {
        throw new Error("the data base is gone");
      },
      onPlayStart: () => {
        throw new Error("counts nothing");
      },
    },
  });
  await using server = weir.server;
  using client = await RtmpClient.open(weir.port);
  await client.command("publish", { args: ["cam"], streamId: await client.createStream() });
  const refused = await client.status("NetStream.");
  assertEquals(statusCode(refused), "NetStream.Publish.Denied");
  assertEquals(statusDescription(refused), "Internal error");
  assertEquals(server.connectionCount, 1);
});

Deno.test("hooks hear of each start and end once, with counts", async () => {
  const heard: string[] = [];
  await using weir = await TestServer.start({
    hub: { lingerMs: 0 },
    hooks: {
      onConnect: ({ app, protocol }) => void heard.push(`connect ${protocol} ${app}`),
      onPublishStart: ({ name }) => void heard.push(`publish ${name}`),
      onPublishEnd: ({ name, units }, { reason, clean }) =>
        void heard.push(`unpublish ${name} ${units} ${reason} ${clean}`),
      onPlayStart: ({ name }) => void heard.push(`play ${name}`),
      onPlayEnd: ({ name }) => void heard.push(`stop ${name}`),
      onDisconnect: ({ id }, { reason }) => void heard.push(`disconnect ${id} ${reason}`),
    },
  });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 3);
  using player = await RtmpClient.player(weir.port, "cam");
  await player.frameNumbers(2);
  publisher.close();
  await player.status("NetStream.Play.UnpublishNotify");
  player.close();
  await weir.quiet();
  assertEquals(heard, [
    "connect rtmp live",
    "publish live/cam",
    "connect rtmp live",
    "play live/cam",
    "unpublish live/cam 5 closed false",
    "disconnect 1 closed",
    "stop live/cam",
    "disconnect 2 closed",
  ]);
});

Deno.test("publishers over RTSP are replaced and stopped by the names that RTMP has for that", async () => {
  const reasons: string[] = [];
  await using weir = await TestServer.start({
    rtmp: false,
    rtsp: { hostname: "127.0.0.1", port: 0 },
    hooks: { onPublishEnd: (_publisher, { reason }) => void reasons.push(reason) },
  });
  using first = await RtspPeer.dial(weir.port);
  await first.record();
  using second = await RtspPeer.dial(weir.port);
  await second.record();
  await weir.server.stop();
  assertEquals(reasons, ["replaced", "stopped"]);
});

Deno.test("the server serves a pair of web streams as it does a socket", async () => {
  await using weir = await TestServer.start({ rtmp: false, hub: { lingerMs: 0 } });
  const [publisher, publisherEnd] = piped(weir.server);
  await publisher.shakeHands();
  await publisher.connect();
  await publisher.publish("cam");
  await publisher.frames(0, 3);
  const [player, playerEnd] = piped(weir.server);
  await player.shakeHands();
  await player.connect();
  await player.play("cam");
  assertEquals(await player.frameNumbers(2), [0, 1, 2]);
  publisher.close();
  assertEquals((await publisherEnd).reason, "closed");
  await player.status("NetStream.Play.UnpublishNotify");
  player.close();
  assertEquals((await playerEnd).clean, true);
});

Deno.test("a server can be used once: listen, stop, dispose, serve", async () => {
  const server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 }, rtsp: false });
  assertEquals(server.addresses, []);
  await server.listen();
  const [address] = server.addresses;
  assertEquals([address?.protocol, address?.hostname], ["rtmp", "127.0.0.1"]);
  assert(address!.port > 0);
  await assertRejects(() => server.listen(), ServerError, "Cannot listen");
  await Promise.all([server.stop(), server.stop(), server[Symbol.asyncDispose]()]);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port: address!.port }));
  await assertRejects(() => server.listen(), ServerError);
  await assertRejects(() => server.serveRtmp({ ...pipeEnds()[1], remoteAddress: "" }), ServerError);
});

Deno.test("a server that is stopped while it starts does not listen", async () => {
  const server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 }, rtsp: false });
  const listening = server.listen();
  await server.stop();
  await assertRejects(() => listening, ServerError, "stopped");
  assertEquals(server.addresses, []);
});

Deno.test("a port in use, and an address of another machine, have their own codes", async () => {
  await using weir = await TestServer.start();
  const taken = new Server({ rtmp: { hostname: "127.0.0.1", port: weir.port }, rtsp: false });
  assertEquals((await assertRejects(() => taken.listen(), ServerError)).code, "address-in-use");
  const foreign = new Server({ rtmp: { hostname: "192.0.2.1", port: 0 }, rtsp: false });
  assertEquals(
    (await assertRejects(() => foreign.listen(), ServerError)).code,
    "address-not-available",
  );
});

Deno.test("connections over the bounds are closed at once, and counted", async () => {
  await using weir = await TestServer.start({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  using one = await RtmpClient.open(weir.port);
  using _two = await RtmpClient.open(weir.port);
  using three = await RtmpClient.dial(weir.port);
  assertEquals(await three.drain(), []);
  assertEquals((await weir.server.freshSnapshot()).refused.connections, 1);
  one.close();
  await weir.connections(1);
  using _four = await RtmpClient.open(weir.port);
});

Deno.test("an address gets its connections back as they end, one by one", async () => {
  await using weir = await TestServer.start({ maxConnectionsPerAddress: 2 });
  using staying = await RtmpClient.open(weir.port);
  for (let times = 0; times < 3; times++) {
    const passing = await RtmpClient.open(weir.port);
    using refused = await RtmpClient.dial(weir.port);
    assertEquals(await refused.drain(), []);
    passing.close();
    await weir.connections(1);
  }
  staying.close();
  await weir.connections(0);
  for (let times = 0; times < 3; times++) {
    using _first = await RtmpClient.open(weir.port);
    using _second = await RtmpClient.open(weir.port);
    _first.close();
    _second.close();
    await weir.connections(0);
  }
  assertEquals((await weir.server.freshSnapshot()).refused.connections, 3);
});

/** A client, and how its connection to `server` ends. */
function piped(server: Server): [RtmpClient, Promise<ConnectionEnd>] {
  const [near, far] = pipeEnds();
  const end = server.serveRtmp({ ...far, remoteAddress: "a test" });
  const reader = near.readable.getReader();
  const writer = near.writable.getWriter();
  let rest: Uint8Array = new Uint8Array(0);
  const client = new RtmpClient({
    async read(target) {
      if (rest.length === 0) {
        const { value, done } = await reader.read();
        if (done) return null;
        rest = value;
      }
      const count = Math.min(rest.length, target.length);
      target.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    async write(bytes) {
      await writer.write(bytes.slice());
      return bytes.length;
    },
    close: () => void writer.close().catch(() => {}),
  });
  return [client, end];
}

/** Two pairs of streams: what is written to one is read from the other. */
function pipeEnds() {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ] as const;
}
