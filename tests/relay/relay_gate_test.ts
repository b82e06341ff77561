import { assert, assertEquals } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import type { ServerHooks } from "../../src/server/mod.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "../client/rtmp_media.ts";
import { relayStory } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";

/** Notes what hooks are told. */
function toldHooks(told: string[]): ServerHooks {
  return {
    onPublishStart: ({ connection, name }) =>
      void told.push(`${connection.protocol} ${connection.userAgent} publishes ${name}`),
    onPublishEnd: ({ name, units }, { reason }) =>
      void told.push(`${name} ends: ${reason}, ${units > 3 ? "with media" : "without media"}`),
    onPlayStart: ({ connection, name }) =>
      void told.push(`${connection.protocol} ${connection.userAgent} plays ${name}`),
    onPlayEnd: ({ name }) => void told.push(`${name} is played no longer`),
    onUnit: ({ name }, { role }) => {
      if (role === "media") told.push(`unit of ${name}`);
    },
  };
}

async function publish(weir: TestServer, name: string): Promise<RtmpClient> {
  const publisher = await RtmpClient.connect(`${weir.url}/${name}`);
  await writeAll(await publisher.publish(), [...headers(), ...frame(0)]);
  return publisher;
}

Deno.test("hooks hear of a stream that a relay pulls, of each of its units, and of its end", async () => {
  const told: string[] = [];
  await using origin = await TestServer.start();
  await using edge = await TestServer.start({ hooks: toldHooks(told) });
  await using _publisher = await publish(origin, "live/cam");
  const id = await edge.server.addRelay({
    mode: "pull",
    name: "live/cam",
    url: `${origin.url}/live/cam`,
  });
  await until(() => told.length >= 2);
  assertEquals(told.slice(0, 2), ["rtmp relay publishes live/cam", "unit of live/cam"]);
  const [ticket] = edge.server.tickets.values();
  const { action, protocol, stream, state } = ticket!.info;
  assertEquals([action, protocol, stream, state], ["publish", "rtmp", "live/cam", "live"]);
  await edge.server.removeRelay(id);
  assertEquals(told.at(-1), "live/cam ends: removed, with media");
  assertEquals(edge.server.tickets.size, 0);
});

Deno.test("hooks hear that a relay pushes a stream, over either protocol", async () => {
  const told: string[] = [];
  const hooks = toldHooks(told);
  await using far = await TestServer.start({ rtsp: { hostname: "127.0.0.1", port: 0 } });
  await using near = await TestServer.start({ hooks: { ...hooks, onUnit: () => {} } });
  const { port } = far.server.addresses.find(({ protocol }) => protocol === "rtsp")!;
  await using _publisher = await publish(near, "live/cam");
  told.length = 0;
  for (const url of [`${far.url}/copies/cam`, `rtsp://127.0.0.1:${port}/others/cam`]) {
    const id = await near.server.addRelay({ mode: "push", name: "live/cam", url });
    await until(() => near.server.relays[0]!.state === "running");
    await near.server.removeRelay(id);
    assertEquals(told.splice(0), [
      `${url.slice(0, 4)} relay plays live/cam`,
      "live/cam is played no longer",
    ]);
  }
});

Deno.test("a relay whose publication is kicked ends in words, and comes back after its longest wait", async () => {
  const told: string[] = [];
  await using origin = await TestServer.start({ hub: { lingerMs: 0 } });
  await using edge = await TestServer.start({ hooks: toldHooks(told), hub: { lingerMs: 0 } });
  await using _publisher = await publish(origin, "live/cam");
  await edge.server.addRelay({
    mode: "pull",
    name: "live/cam",
    url: `${origin.url}/live/cam`,
    retryMs: 1,
    maxRetryMs: 200,
  });
  await until(() => edge.server.relays[0]!.units > 3);
  const [ticket] = edge.server.tickets.values();
  ticket!.kick("maintenance");
  await until(() => edge.server.relays[0]!.state === "waiting");
  assertEquals(edge.server.relays[0]!.failures, 0);
  assertEquals(told.at(-1), "live/cam ends: kicked, with media");
  const { fields } = await edge.log.line(({ message }) => message === "relay ended");
  assertEquals(fields.reason, "kicked");
  assert(fields.retryMs as number >= 100, `${fields.retryMs} ms`);
  await until(() => edge.server.relays[0]!.state === "running");
  assertEquals(relayStory(edge.log), ["started", "ended: kicked, again later", "started"]);
});

Deno.test("a push that is kicked as a player ends the remote stream, and comes back", async () => {
  await using far = await TestServer.start({ hub: { lingerMs: 0 } });
  await using near = await TestServer.start();
  await using _publisher = await publish(near, "live/cam");
  await near.server.addRelay({
    mode: "push",
    name: "live/cam",
    url: `${far.url}/copies/cam`,
    maxRetryMs: 100,
  });
  await until(() => near.server.relays[0]!.units > 3);
  const ticket = near.server.tickets.values().find(({ info }) => info.action === "play");
  ticket!.kick("not now");
  await near.log.line(({ message, fields }) =>
    message === "relay ended" && fields.reason === "kicked"
  );
  await until(() => far.server.hub.get("copies/cam") === undefined);
  await until(() => near.server.relays[0]!.attempts === 2);
  await until(() => far.server.hub.get("copies/cam")?.isLive === true);
});

Deno.test("a relay that a publisher here replaces is not back as long as that publishes", async () => {
  await using origin = await TestServer.start();
  await using edge = await TestServer.start({ hub: { conflict: "takeover" } });
  await using _publisher = await publish(origin, "live/cam");
  await edge.server.addRelay({
    mode: "pull",
    name: "live/cam",
    url: `${origin.url}/live/cam`,
  });
  await until(() => edge.server.relays[0]!.state === "running");
  await using _local = await publish(edge, "live/cam");
  await until(() => edge.server.relays[0]!.state === "idle");
  await using player = await RtmpClient.connect(`${edge.url}/live/cam`);
  await readUntil(await player.play(), (unit) => frameNumber(unit) === 0);
  assertEquals(relayStory(edge.log), ["started", "ended: replaced"]);
});
