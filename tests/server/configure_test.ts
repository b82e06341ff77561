import { assertEquals, assertRejects } from "@std/assert";
import { RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { TestServer } from "../support/test_server.ts";

async function publishStatus(port: number, name: string): Promise<string | undefined> {
  const client = await RtmpClient.open(port);
  await client.command("publish", { args: [name], streamId: await client.createStream() });
  const status = statusCode(await client.status("NetStream.Publish."));
  client.close();
  return status;
}

Deno.test("a server that is configured anew asks newcomers by its new rules, and disconnects nobody", async () => {
  await using weir = await TestServer.start({ paths: [{ pattern: "live/a", conflict: "reject" }] });
  using publisher = await RtmpClient.publisher(weir.port, "a");
  using player = await RtmpClient.player(weir.port, "a");
  await publisher.frames(0, 1);
  await player.frameNumbers(0);
  assertEquals(await publishStatus(weir.port, "a"), "NetStream.Publish.BadName");
  // There is no room for a single one now: who is there stays.
  await weir.server.configure({
    maxConnections: 0,
    hub: { maxStreams: 0 },
    paths: [{ pattern: "live/*", maxPlayers: 0, lingerMs: 1 }],
  });
  await publisher.frames(1, 5);
  assertEquals((await player.frameNumbers(5)).at(-1), 5);
  assertEquals(weir.server.hub.get("live/a")?.settings.lingerMs, 1);
  using refused = await RtmpClient.dial(weir.port);
  assertEquals(await refused.drain(), []);
  await weir.server.configure({ maxConnections: 4, paths: [{ pattern: "live/*", maxPlayers: 1 }] });
  using second = await RtmpClient.open(weir.port);
  await second.command("play", { args: ["a"], streamId: await second.createStream() });
  assertEquals(statusCode(await second.status("NetStream.Play.")), "NetStream.Play.Failed");
  await publisher.frames(6, 1);
  assertEquals((await player.frameNumbers(6)).at(-1), 6);
});

Deno.test("options that cannot be change nothing, whatever stands beside them", async () => {
  await using weir = await TestServer.start({ maxConnections: 7, hub: { lingerMs: 5 } });
  const { server } = weir;
  const fine = { maxConnections: 1, hub: { lingerMs: 1 } };
  await assertRejects(() => server.configure({ ...fine, maxConnections: -1 }), RangeError);
  await assertRejects(() => server.configure({ ...fine, paths: [{ pattern: "a//b" }] }), TypeError);
  await assertRejects(
    () => server.configure({ ...fine, addresses: { deny: ["nowhere"] } }),
    TypeError,
  );
  await assertRejects(
    () => server.configure({ hub: { lingerMs: 1, flush: -1 }, maxConnections: 1 }),
    RangeError,
  );
  await assertRejects(() => server.configure({ ...fine, access: {} }), TypeError);
  assertEquals(server.hub.settings.lingerMs, 5);
  using _first = await RtmpClient.open(weir.port);
  using second = await RtmpClient.open(weir.port);
  assertEquals((await second.createStream()) > 0, true);
});
