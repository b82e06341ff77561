import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import {
  type ConnectionEnd,
  type RelayEntry,
  type RelayOptions,
  Relays,
} from "../../src/server/mod.ts";
import { systemClock } from "../../src/transport/system_clock.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "../client/rtmp_media.ts";
import { relayStory } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";

/** Publishes some pictures; the publisher stays until it is closed. */
async function publish(weir: TestServer, name: string): Promise<RtmpClient> {
  const publisher = await RtmpClient.connect(`${weir.url}/${name}`);
  await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
  return publisher;
}

function isLive(weir: TestServer, name: string): boolean {
  return weir.server.hub.get(name)?.isLive === true;
}

function relayOf(weir: TestServer, id: number): RelayEntry {
  return weir.server.relays.find((relay) => relay.id === id)!;
}

/** Plays until the first picture, and leaves. */
async function playOnce(weir: TestServer, name: string): Promise<void> {
  await using player = await RtmpClient.connect(`${weir.url}/${name}`);
  await readUntil(await player.play(), (unit) => frameNumber(unit) === 0);
}

Deno.test("relays are added and removed while the server runs, and the remote server is told", async () => {
  const ends: ConnectionEnd[] = [];
  await using far = await TestServer.start({
    hub: { lingerMs: 0 },
    hooks: { onPublishEnd: (_, end) => void ends.push(end) },
  });
  await using near = await TestServer.start({ hub: { lingerMs: 0 } });
  await using _publisher = await publish(near, "live/cam");
  const push: RelayOptions = { mode: "push", name: "live/cam", url: `${far.url}/copies/cam` };
  const id = await near.server.addRelay(push);
  await until(() => isLive(far, "copies/cam"));
  await until(() => relayOf(near, id).units > 3);
  await assertRejects(() => near.server.addRelay(push), TypeError, "named once");
  assertEquals(near.server.relays.map((relay) => [relay.id, relay.mode, relay.state]), [
    [id, "push", "running"],
  ]);

  assert(await near.server.removeRelay(id));
  assertEquals(near.server.relays, []);
  // Unpublished in words, and not by a connection that was lost.
  assertEquals(ends.map(({ clean, reason }) => [clean, reason]), [[true, "unpublished"]]);
  assertEquals(isLive(far, "copies/cam"), false);
  assertEquals(await near.server.removeRelay(id), false);
  assertEquals(await near.server.changeRelay(id, push), false);
  assertEquals(relayStory(near.log), ["started", "ended: removed"]);
  // The target is free again.
  const again = await near.server.addRelay(push);
  assert(again !== id);
  await until(() => isLive(far, "copies/cam"));
});

Deno.test("a changed relay goes to its new target when the old one is left, and its counts go on", async () => {
  await using far = await TestServer.start({ hub: { lingerMs: 0 } });
  await using near = await TestServer.start({ hub: { lingerMs: 0 } });
  await using _publisher = await publish(near, "live/cam");
  const push: RelayOptions = { mode: "push", name: "live/cam", url: `${far.url}/copies/one` };
  const id = await near.server.addRelay(push);
  const other = await near.server.addRelay({ ...push, url: `${far.url}/copies/other` });
  await until(() => relayOf(near, id).units > 3 && relayOf(near, other).units > 3);
  const { units, bytes } = relayOf(near, id);

  // Wrong options change nothing.
  await assertRejects(
    () => near.server.changeRelay(id, { ...push, url: `${far.url}/copies/other` }),
    TypeError,
    "named once",
  );
  await assertRejects(() => near.server.changeRelay(id, { ...push, retryMs: 0 }), RangeError);
  assertEquals([relayOf(near, id).state, isLive(far, "copies/one")], ["running", true]);

  // Other times alone leave what runs alone.
  assert(await near.server.changeRelay(id, { ...push, maxRetryMs: 100 }));
  assertEquals([relayOf(near, id).state, relayOf(near, id).attempts], ["running", 1]);

  assert(await near.server.changeRelay(id, { ...push, url: `${far.url}/copies/two` }));
  assertEquals(isLive(far, "copies/one"), false);
  await until(() => isLive(far, "copies/two"));
  await until(() => relayOf(near, id).units > units);
  assert(relayOf(near, id).bytes > bytes);
  assertEquals(relayOf(near, id).attempts, 2);
  assertEquals(near.server.relays.map((relay) => relay.id), [id, other]);
  const ends = near.log.lines.filter(({ message }) => message === "relay ended");
  assertEquals(ends.map(({ fields }) => fields.reason), ["changed"]);
});

Deno.test("changes and removals of one relay at one time happen one after the other", async () => {
  await using far = await TestServer.start({ hub: { lingerMs: 0 } });
  await using near = await TestServer.start({ hub: { lingerMs: 0 } });
  await using _publisher = await publish(near, "live/cam");
  const push: RelayOptions = { mode: "push", name: "live/cam", url: `${far.url}/copies/one` };
  const { server } = near;
  const id = await server.addRelay(push);
  const done = await Promise.all([
    server.changeRelay(id, { ...push, url: `${far.url}/copies/two` }),
    server.changeRelay(id, { ...push, url: `${far.url}/copies/three` }),
    server.removeRelay(id),
    server.changeRelay(id, push),
  ]);
  assertEquals(done, [true, true, true, false]);
  assertEquals(server.relays, []);
  await far.quiet();
  // All its targets are free.
  for (const name of ["one", "two", "three"]) {
    await server.addRelay({ ...push, url: `${far.url}/copies/${name}` });
  }
});

Deno.test("a relay that is added to relays that are stopped is refused", async () => {
  await using weir = await TestServer.start();
  const context = { hub: weir.server.hub, log: weir.log, clock: systemClock, random: () => 1 };
  const relays = new Relays(context, []);
  await relays.stop();
  const pull = { mode: "pull", name: "live/cam", url: "rtmp://127.0.0.1:1/live/cam" } as const;
  await assertRejects(() => relays.add(pull), TypeError, "stopped");
});

Deno.test("a pull by pattern fetches any name that someone wants, and ends when nobody watches it", async () => {
  await using origin = await TestServer.start();
  await using edge = await TestServer.start({ hub: { lingerMs: 0 } });
  const id = await edge.server.addRelay({
    mode: "pull",
    name: "live/*",
    url: `${origin.url}/live/*`,
    idleMs: 50,
  });
  // That it waits is told: a pattern that never matches would do nothing in silence.
  const { fields } = await edge.log.line(({ message }) => message === "relay by pattern is ready");
  assertEquals([fields.stream, fields.on], ["live/*", "a player's demand"]);
  await using _one = await publish(origin, "live/one");
  await using _two = await publish(origin, "live/deep/two");
  await using other = await RtmpClient.connect(`${edge.url}/live/one`);
  const playback = await other.play();
  await readUntil(playback, (unit) => frameNumber(unit) === 0);
  await playOnce(edge, "live/deep/two");
  const { streams, name, state } = relayOf(edge, id);
  assertEquals([name, state], ["live/*", "running"]);
  assert(streams!.some((stream) => stream.name === "live/one" && stream.state === "running"));
  await other.close();
  await until(() => relayOf(edge, id).streams!.length === 0);
  assertEquals([relayOf(edge, id).state, relayOf(edge, id).attempts], ["idle", 2]);
  assert(relayOf(edge, id).units >= 8, "what ended relays have done counts");
  await until(() => origin.server.hub.get("live/one")!.readerCount === 0);
  // And once more, for the next who comes.
  await playOnce(edge, "live/one");
  // A name of no pattern is left alone.
  edge.server.hub.stream("other/x").watch(() => {});
  await edge.server.stop();
  assertEquals(relayOf(edge, id).state, "stopped");
  assertEquals(relayOf(edge, id).attempts, 3);
});

Deno.test("a pull by pattern starts for who waited before it came, and for no more names than it may", async () => {
  await using origin = await TestServer.start();
  await using edge = await TestServer.start();
  const { hub } = edge.server;
  const leave = hub.stream("live/a").watch(() => {});
  const id = await edge.server.addRelay({
    mode: "pull",
    name: "live/*",
    url: `${origin.url}/live/*`,
    maxStreams: 2,
    idleMs: 50,
    retryMs: 5,
    maxRetryMs: 5,
  });
  hub.stream("live/b").watch(() => {});
  hub.stream("live/c").watch(() => {});
  hub.stream("live/d").watch(() => {});
  const names = () => relayOf(edge, id).streams!.map(({ name }) => name);
  assertEquals(names(), ["live/a", "live/b"]);
  const full = edge.log.lines.filter(({ message }) => message.includes("is full"));
  assertEquals(full.map(({ level, fields }) => [level, fields.maxStreams]), [["warn", 2]]);
  // Who waits gets the place of who has left.
  leave();
  await using _publisher = await publish(origin, "live/b");
  await until(() => names().join() === "live/b,live/c");
});

Deno.test("a push by pattern forwards each stream that is published", async () => {
  await using far = await TestServer.start({ hub: { lingerMs: 0 } });
  await using near = await TestServer.start({ hub: { lingerMs: 0 } });
  await using _early = await publish(near, "live/early");
  const id = await near.server.addRelay({
    mode: "push",
    name: "live/*",
    url: `${far.url}/copies/near/*`,
  });
  const late = await publish(near, "live/late");
  await using _other = await publish(near, "other/x");
  await until(() => isLive(far, "copies/near/early") && isLive(far, "copies/near/late"));
  await playOnce(far, "copies/near/late");
  await late.close();
  await until(() => relayOf(near, id).streams!.length === 1);
  await until(() => !isLive(far, "copies/near/late"));
  assertEquals(far.server.hub.streams.map(({ name }) => name), ["copies/near/early"]);
});

Deno.test("a relay that names a stream goes before a pattern, which has it again when that is removed", async () => {
  await using origin = await TestServer.start();
  await using edge = await TestServer.start();
  await using _publisher = await publish(origin, "live/cam");
  await using _special = await publish(origin, "special/cam");
  const byPattern = await edge.server.addRelay({
    mode: "pull",
    name: "live/*",
    url: `${origin.url}/live/*`,
  });
  const stream = edge.server.hub.stream("live/cam");
  stream.watch(() => {});
  await until(() => relayOf(edge, byPattern).streams?.[0]?.state === "running");
  const own = await edge.server.addRelay({
    mode: "pull",
    name: "live/cam",
    url: `${origin.url}/special/cam`,
    on: "demand",
  });
  assertEquals(relayOf(edge, byPattern).streams, []);
  await until(() => relayOf(edge, own).state === "running");
  assertEquals(relayOf(edge, byPattern).streams, []);
  await edge.server.removeRelay(own);
  await until(() => relayOf(edge, byPattern).streams?.[0]?.state === "running");
});
