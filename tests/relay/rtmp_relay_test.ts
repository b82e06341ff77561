import { assert, assertEquals, assertThrows } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import { Relay, Relays } from "../../src/server/mod.ts";
import { silentLog } from "../../src/log/server_log.ts";
import { systemClock } from "../../src/transport/system_clock.ts";
import { TurnedClock } from "../support/turned_clock.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "../client/rtmp_media.ts";
import { ScriptedServer } from "../client/scripted_server.ts";
import { BODIES } from "../support/rtmp_client.ts";
import { HastyClock, relayStory, TestRelay } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";

Deno.test("origin, edge and player: a player's request starts the pull, in less than a second", async () => {
  await using origin = await TestServer.start();
  await using edge = await TestServer.start({ hub: { lingerMs: 0 } });
  await using relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${origin.url}/live/cam`,
    on: "demand",
    idleMs: 100,
  });
  await using publisher = await RtmpClient.connect(`${origin.url}/live/cam`);
  const publication = await publisher.publish();
  await writeAll(publication, [...headers(), ...frame(0), ...frame(1)]);
  assertEquals([relay.state, origin.server.hub.get("live/cam")!.readerCount], ["idle", 0]);

  const started = performance.now();
  const player = await RtmpClient.connect(`${edge.url}/live/cam`);
  const playback = await player.play();
  const units = await readUntil(playback, (unit) => frameNumber(unit) === 0);
  const tookMs = performance.now() - started;
  assert(tookMs < 1000, `${tookMs} ms`);
  assertEquals(units.map(({ kind, role }) => `${kind} ${role}`), [
    "data metadata",
    "video config",
    "audio config",
    "video media",
  ]);
  assertEquals(relay.state, "running");
  // A second player shares the pull.
  await using second = await RtmpClient.connect(`${edge.url}/live/cam`);
  const other = await second.play();
  await readUntil(other, (unit) => frameNumber(unit) === 1);
  assertEquals(origin.server.hub.get("live/cam")!.readerCount, 1);

  // Nobody watches any more: the pull ends, and starts again for the next who does.
  await player.close();
  await other.cancel();
  await until(() => origin.server.hub.get("live/cam")!.readerCount === 0);
  await until(() => relay.state === "idle");
  await writeAll(publication, frame(10));
  const again = await second.play();
  await readUntil(again, (unit) => frameNumber(unit) === 10);
  assertEquals(relay.statistics.attempts, 2);
  assertEquals(relay.statistics.failures, 0);
  await relay.relay.stop();
  assertEquals(relayStory(edge.log), ["started", "ended: unwatched", "started", "ended: stopped"]);
});

Deno.test("a push forwards a stream as long as it is published", async () => {
  await using far = await TestServer.start();
  await using near = await TestServer.start({ hub: { lingerMs: 0 } });
  await using relay = new TestRelay(near, {
    mode: "push",
    name: "live/cam",
    url: `${far.url}/copies/cam`,
  });
  await using publisher = await RtmpClient.connect(`${near.url}/live/cam`);
  assertEquals(relay.state, "idle");
  const publication = await publisher.publish();
  await writeAll(publication, [...headers(), ...frame(0)]);
  await using player = await RtmpClient.connect(`${far.url}/copies/cam`);
  const playback = await player.play();
  await writeAll(publication, [...frame(1), ...frame(2)]);
  const units = await readUntil(playback, (unit) => frameNumber(unit) === 2);
  assertEquals(units.map(frameNumber).filter((number) => number !== undefined), [0, 1, 2]);
  assertEquals(units[0]?.role, "metadata");
  await publication.close();
  await until(() => far.server.hub.get("copies/cam")?.isLive !== true);
  await until(() => relay.state === "idle");
  // And again, when it is published again.
  await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
  await until(() => far.server.hub.get("copies/cam")?.isLive === true);
  assertEquals(relay.statistics.attempts, 2);
  await until(() => relay.state === "running");
  await relay.relay.stop();
  assertEquals(relayStory(near.log), [
    "started",
    "ended: unpublished",
    "started",
    "ended: stopped",
  ]);
  const ends = near.log.lines.filter(({ message }) => message === "relay ended");
  assertEquals(ends[0]!.fields.units, 9);
  assertEquals(Object.keys(ends[0]!.fields), [
    "mode",
    "stream",
    "target",
    "reason",
    "bytes",
    "units",
  ]);
});

Deno.test("a push whose server goes has failed, and starts again when the server is back", async () => {
  const first = await TestServer.start();
  const { port } = first;
  await using near = await TestServer.start();
  await using relay = new TestRelay(near, {
    mode: "push",
    name: "live/cam",
    url: `${first.url}/copies/cam`,
  });
  await using publisher = await RtmpClient.connect(`${near.url}/live/cam`);
  const publication = await publisher.publish();
  await writeAll(publication, [...headers(), ...frame(0)]);
  await until(() => relay.statistics.units > 3);
  await first[Symbol.asyncDispose]();
  await until(() => relay.statistics.failures > 1);
  await using second = await TestServer.start({ rtmp: { hostname: "127.0.0.1", port } });
  await until(() => second.server.hub.get("copies/cam")?.isLive === true);
  await until(() => relay.state === "running");
  await relay.relay.stop();
  assertEquals(relayStory(near.log), [
    "started",
    "failed, again later",
    "started",
    "ended: stopped",
  ]);
});

Deno.test("a player that comes while a pull waits has it tried early, once a second at most, one at a time", async () => {
  let open = 0;
  let most = 0;
  await using server = new ScriptedServer(async (peer) => {
    most = Math.max(most, ++open);
    await peer.shakeHands();
    await peer.answer(await peer.command("connect"), "_error", {
      code: "NetConnection.Connect.Rejected",
    });
    try {
      await peer.command("never");
    } finally {
      open--;
    }
  });
  await using weir = await TestServer.start();
  const clock = new TurnedClock();
  await using relay = new TestRelay(weir, {
    mode: "pull",
    name: "live/cam",
    url: `${server.url}/live/cam`,
    on: "demand",
    retryMs: 60_000,
    maxRetryMs: 600_000,
  }, clock);
  const stream = weir.server.hub.stream("live/cam");
  const arrive = (): void => void stream.watch(() => {});
  const failed = (count: number): Promise<void> =>
    until(() => relay.state === "waiting" && relay.statistics.failures === count);
  arrive();
  await failed(1);
  for (let player = 0; player < 100; player++) arrive();
  clock.turn(999);
  assertEquals(relay.state, "waiting");
  clock.turn(1);
  await failed(2);
  // All of them had that attempt: nobody has come since.
  clock.turn(119_999);
  assertEquals(relay.state, "waiting");
  arrive();
  await failed(3);
  // Nor does who comes now wait for the end of the long wait.
  clock.turn(500);
  arrive();
  clock.turn(499);
  assertEquals([relay.state, relay.statistics.attempts], ["waiting", 3]);
  clock.turn(1);
  await failed(4);
  assertEquals([most, server.connections], [1, 4]);
});

Deno.test("a player that comes when the origin is back is served, however long the pull would have waited", async () => {
  const gone = await TestServer.start();
  const { port, url } = gone;
  await gone[Symbol.asyncDispose]();
  await using edge = await TestServer.start();
  await using relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${url}/live/cam`,
    on: "demand",
    retryMs: 600_000,
    maxRetryMs: 600_000,
  });
  const early = await RtmpClient.connect(`${edge.url}/live/cam`);
  const nothing = early.play().catch((error) => error);
  await until(() => relay.statistics.failures === 1);
  await early.close();
  assert(await nothing instanceof Error);

  await using origin = await TestServer.start({ rtmp: { hostname: "127.0.0.1", port } });
  await using publisher = await RtmpClient.connect(`${origin.url}/live/cam`);
  await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
  await using late = await RtmpClient.connect(`${edge.url}/live/cam`);
  await readUntil(await late.play(), (unit) => frameNumber(unit) === 0);
  assertEquals(relay.statistics.attempts, 2);
  await relay.relay.stop();
  assertEquals(relayStory(edge.log), ["failed, again later", "started", "ended: stopped"]);
});

Deno.test("a pull that always runs comes back when its origin does", async () => {
  await using edge = await TestServer.start();
  const first = await TestServer.start();
  const { port } = first;
  await using relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${first.url}/live/cam`,
  });
  const publish = async (url: string): Promise<RtmpClient> => {
    const publisher = await RtmpClient.connect(url);
    await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
    return publisher;
  };
  const early = await publish(`${first.url}/live/cam`);
  await until(() => edge.server.hub.get("live/cam")?.isLive === true);
  await until(() => relay.statistics.units > 3);
  await first[Symbol.asyncDispose]();
  await early.close();
  await until(() => relay.statistics.failures > 1);
  assertEquals(edge.server.hub.get("live/cam")?.isLive ?? false, false);
  await using _second = await TestServer.start({ rtmp: { hostname: "127.0.0.1", port } });
  await using _late = await publish(`rtmp://127.0.0.1:${port}/live/cam`);
  await until(() => edge.server.hub.get("live/cam")?.isLive === true);
  await until(() => relay.statistics.failures === 0);
  // A failure is one line in the log, not one an attempt.
  assertEquals(
    edge.log.lines.filter(({ message, level }) => message === "relay failed" && level === "warn")
      .length <= 2,
    true,
  );
});

Deno.test("a relay tries again with waits that grow up to a bound, one connection at a time", async () => {
  let open = 0;
  let most = 0;
  await using server = new ScriptedServer(async (peer) => {
    most = Math.max(most, ++open);
    await peer.shakeHands();
    const connect = await peer.command("connect");
    await peer.answer(connect, "_error", { code: "NetConnection.Connect.Rejected" });
    try {
      await peer.command("never");
    } finally {
      open--;
    }
  });
  await using weir = await TestServer.start();
  const clock = new HastyClock();
  await using relay = new TestRelay(weir, {
    mode: "pull",
    name: "live/cam",
    url: `${server.url}/live/cam`,
    retryMs: 100,
    maxRetryMs: 1500,
  }, clock);
  await until(() => clock.waits.length >= 6);
  assertEquals(clock.waits.slice(0, 6), [100, 200, 400, 800, 1500, 1500]);
  assertEquals(most, 1);
  const { lastError, failures, target } = relay.statistics;
  assert(failures >= 6 && lastError!.includes("NetConnection.Connect.Rejected"));
  assert(target.endsWith("/live") && !target.includes("cam"));
});

Deno.test("a pull that always runs looks for its source at most 5 s after the last time, a push in 30 s", async () => {
  for (const [mode, mostMs] of [["pull", 5000], ["push", 30_000]] as const) {
    await using weir = await TestServer.start();
    if (mode === "push") weir.server.hub.acquire("live/cam");
    const clock = new HastyClock();
    // Nothing listens there.
    await using _ = new TestRelay(weir, {
      mode,
      name: "live/cam",
      url: "rtmp://127.0.0.1:1/live/cam",
      retryMs: 500,
    }, clock);
    await until(() => clock.waits.length >= 9);
    const waits = [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000];
    assertEquals(clock.waits.slice(0, 9), waits.map((ms) => Math.min(ms, mostMs)));
  }
});

Deno.test("the waits of relays vary by half, so that many do not come back at once", async () => {
  await using weir = await TestServer.start();
  const clock = new HastyClock();
  let next = 0;
  const relay = new Relay({
    hub: weir.server.hub,
    log: silentLog,
    clock,
    random: () => [0, 0.5, 1][next++ % 3]!,
  }, { mode: "pull", name: "live/cam", url: "rtmp://127.0.0.1:1/live/cam", maxRetryMs: 500 });
  relay.start();
  await until(() => clock.waits.length >= 3);
  assertEquals(clock.waits.slice(0, 3), [250, 375, 500]);
  await relay.stop();
});

Deno.test("a pull leaves a local publisher alone", async () => {
  await using origin = await TestServer.start();
  await using edge = await TestServer.start();
  await using publisher = await RtmpClient.connect(`${edge.url}/live/cam`);
  await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
  await using relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${origin.url}/live/cam`,
  });
  await using player = await RtmpClient.connect(`${edge.url}/live/cam`);
  await readUntil(await player.play(), (unit) => frameNumber(unit) === 0);
  assertEquals([relay.state, relay.statistics.attempts], ["idle", 0]);
});

Deno.test("a pull takes no name before media has come, nor that of who publishes by then", async () => {
  const { promise: mayPlay, resolve: play } = Promise.withResolvers<void>();
  await using source = new ScriptedServer(async (peer) => {
    await peer.grant("play");
    await mayPlay;
    await peer.send({ type: 9, body: BODIES.videoConfig }, 1);
    await peer.command("never");
  });
  await using edge = await TestServer.start({ hub: { conflict: "takeover" } });
  await using relay = new TestRelay(edge, {
    mode: "pull",
    name: "live/cam",
    url: `${source.url}/live/cam`,
  }, new TurnedClock());
  await until(() => source.connections === 1);
  await using publisher = await RtmpClient.connect(`${edge.url}/live/cam`);
  await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
  play();
  await until(() => relay.state === "idle");
  const { publisher: local } = edge.server.hub.get("live/cam")!;
  assertEquals([local?.isActive, relay.statistics.attempts], [true, 1]);
  assertEquals(relayStory(edge.log), []);
});

Deno.test("relays refuse two for one target, and URLs that are none", async () => {
  await using weir = await TestServer.start();
  const { hub } = weir.server;
  const context = { hub, log: silentLog, clock: systemClock, random: () => 0 };
  const pull = { mode: "pull", name: "live/cam", url: "rtmp://a/live/cam" } as const;
  assertThrows(
    () => new Relays(context, [pull, { ...pull, url: "rtmp://b/live/cam" }]),
    TypeError,
    "each target must be named once",
  );
  assertThrows(() => new Relays(context, [{ ...pull, url: "http://a" }]), TypeError, "scheme");
  assertThrows(() => new Relays(context, [{ ...pull, retryMs: 0 }]), RangeError, "retryMs");
  const relays = new Relays(context, [{ ...pull, on: "demand" }]);
  assertEquals(relays.statistics.map(({ state }) => state), ["idle"]);
  relays.start();
  await relays.stop();
});
