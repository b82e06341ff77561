/** Three machines of a cluster, each a real process, and a real NATS server: what takes longer is in cluster_long.ts. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiError } from "../../src/api/mod.ts";
import { RtmpClient as PlayingClient } from "../../src/client/mod.ts";
import { RtmpError, type RtmpUrl } from "../../src/rtmp/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { RtmpClient, statusDescription } from "../support/rtmp_client.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";
import { NatsServer } from "./nats_server.ts";
import { NodeProcess, races } from "./node_process.ts";
import { studio } from "./studio.ts";

const ignore = ignoreWithout("nats-server");

Deno.test({
  name:
    "players of any machine get a stream of any other, which each machine fetches once, and follow its publisher to another machine",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const options = { nats: nats.address };
    const [a, b, c] = await Promise.all([
      NodeProcess.start("a", options),
      NodeProcess.start("b", { ...options, workers: 2 }),
      NodeProcess.start("c", options),
    ]);
    await using _a = a;
    await using _b = b;
    await using _c = c;
    using source = await RtmpClient.publisher(a.port, "cam");
    await source.frames(0, 1);
    const players: RtmpClient[] = [];
    for (const node of [b, b, b, b, c, c, a]) {
      players.push(await RtmpClient.player(node.port, "cam"));
    }
    for (const player of players) assertEquals(await player.frameNumbers(0), [0]);
    await source.frames(1, 3);
    for (const player of players) assertEquals(await player.frameNumbers(3), [1, 2, 3]);
    assertEquals(a.count(/rtmp play started/), 3, "one player here, and one fetch a machine");
    // What is fetched is described as what is published here, with one worker and with two.
    for (const node of [a, b, c]) {
      const shown = (await node.api.streams()).items.map(({ name, via, tracks, health }) => [
        ...[name, via, tracks.map(({ codec }) => codec)],
        health?.tracks.map(({ kind, frames }) => `${kind} ${frames}`),
      ]);
      const via = node === a ? undefined : "a";
      const expected = ["live/cam", via, ["h264", "aac"], ["video 4", "audio 0"]];
      assertEquals(shown, [expected], node.node);
      const publishers = (await node.api.publishers()).items.map(({ protocol }) => protocol);
      assertEquals(publishers, [node === a ? "rtmp" : "cluster"], node.node);
    }
    const flv = await fetch(`http://127.0.0.1:${c.httpPort}/live/cam.flv`);
    const body = flv.body!.getReader();
    assertEquals((await body.read()).value?.subarray(0, 3), FLV);
    await body.cancel();
    assertEquals(c.count(/cluster publish started/), 1);
    // The same publisher comes back to another machine: the first is told, and all players go on.
    using again = await RtmpClient.publisher(c.port, "cam");
    await again.frames(10, 3);
    await a.line(/rtmp publish ended .*reason=replaced/);
    for (const player of players) {
      assertEquals((await player.frameNumbers(12)).slice(-3), [10, 11, 12]);
    }
    for (const player of players) player.close();
  },
});

Deno.test({
  name: "a machine with a wrong secret gets nothing, and that is counted",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    await using a = await NodeProcess.start("a", { nats: nats.address });
    await using b = await NodeProcess.start("b", {
      nats: nats.address,
      secret: "some other secret, quite wrong",
    });
    using source = await RtmpClient.publisher(a.port, "cam");
    await source.frames(0, 1);
    using player = await RtmpClient.open(b.port);
    const streamId = await player.createStream();
    await player.command("play", { args: ["cam"], streamId });
    await a.line(/rtmp play refused .*token is of no machine of this cluster/);
    await b.line(/a stream cannot be fetched from another machine/);
    assertEquals(b.count(/cluster publish started/), 0);
    assert(a.count(/rtmp play started/) === 0);
    assert((await a.api.server()).refused["wrongCredentials"]! > 0);
  },
});

Deno.test({
  name: "of two publishers that race for a name at two machines one has it, each time",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const options = { nats: nats.address, conflict: "reject" };
    await using a = await NodeProcess.start("a", options);
    await using b = await NodeProcess.start("b", options);
    assertEquals(await races([a, b], 20), 20);
  },
});

Deno.test({
  name: "who asks a machine for a time of a stream that another keeps is sent there, or told of it",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    await using folder = new TemporaryFolder();
    const settings = { keep: { time: "60s" }, clips: { folder: folder.path } };
    const options = { nats: nats.address, settings };
    const [a, b, c] = await Promise.all([
      NodeProcess.start("a", options),
      NodeProcess.start("b", { ...options, workers: 2 }),
      NodeProcess.start("c", options),
    ]);
    await using _a = a;
    await using _b = b;
    await using _c = c;
    await using _source = await studio(a);
    const at = (node: NodeProcess, path: string): string =>
      `http://127.0.0.1:${node.httpPort}/live/${path}`;
    const ask = async (url: string) => {
      const answer = await fetch(url, { redirect: "manual" });
      await answer.body?.cancel();
      return answer;
    };
    const untilMs = performance.now() + 10_000;
    while ((await ask(at(a, "cam.flv?from=-1"))).status !== 200) {
      assert(performance.now() < untilMs, "something is kept after a while");
    }
    for (const node of [b, c]) {
      for (const path of ["cam.flv?from=-1", "cam/index.m3u8?from=-1", "cam/clip.mp4?last=5"]) {
        const { status, headers } = await ask(at(node, path));
        assertEquals([status, headers.get("location")], [307, at(a, path)]);
      }
      const followed = await fetch(at(node, "cam.flv?from=-1"));
      await followed.body?.cancel();
      assert(followed.headers.has("x-start"), "it is played there as it was");
      using rtsp = await RtspPeer.dial(node.rtspPort);
      const url = (port: number) => `rtsp://127.0.0.1:${port}/live/cam?from=-1`;
      const described = await rtsp.request("DESCRIBE", { url: url(node.rtspPort) });
      assertEquals([described.status, described.headers.get("Location")], [302, url(a.rtspPort)]);
      using player = await RtmpClient.open(node.port);
      const streamId = await player.createStream();
      await player.command("play", { args: ["cam?from=-1"], streamId });
      const told = statusDescription(await player.status("NetStream.Play.Failed"));
      assertEquals(told, `The stream is at rtmp://127.0.0.1:${a.port}/live`);
      // One that announces it is asked to go there.
      const { promise: moved, resolve: onMove } = Promise.withResolvers<RtmpUrl>();
      const past = `rtmp://127.0.0.1:${node.port}/live/cam?from=-1`;
      await using asked = await PlayingClient.connect(past, { onMove });
      await assertRejects(() => asked.play(), RtmpError, "The stream is at");
      await using there = await PlayingClient.connect(await moved);
      const playback = await there.play();
      await playback.cancel();
      await using far = await TestServer.start({
        rtmp: false,
        relays: [{ mode: "pull", name: "live/past", url: past, retryMs: 20_000 }],
      });
      await far.log.line(({ message }) => message === "relay moved");
      await until(() => far.server.stream("live/past").isLive);
      assertEquals((await ask(at(node, "none.flv?from=-1"))).status, 404);
      await assertRejects(() => node.api.saveClip("live/cam"), ApiError, "publisher is at a");
    }
    assertEquals((await a.api.saveClip("live/cam")).name, "live/cam");
    // Where the publisher is, nobody is sent on.
    assertEquals((await ask(at(a, "none.flv?from=-1"))).status, 404);
  },
});

const FLV = new TextEncoder().encode("FLV");
