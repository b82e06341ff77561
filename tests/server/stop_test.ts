import { assert, assertEquals } from "@std/assert";
import { BODIES, RtmpClient } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

Deno.test("a stop tells publishers and players, and ends all within three seconds (M085)", async () => {
  await using weir = await TestServer.start();
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using player = await RtmpClient.player(weir.port, "cam");
  using stuck = await RtmpClient.player(weir.port, "cam");
  using half = await RtmpClient.dial(weir.port);
  await half.send(new Uint8Array([3, 1, 2, 3]));
  using waiting = await RtmpClient.open(weir.port);
  await waiting.command("play", { args: ["nothing"], streamId: await waiting.createStream() });
  await weir.log.line(({ message }) => message === "rtmp play waits for a publisher");
  await publisher.frames(1, 1);
  await until(() => weir.server.hub.get("live/cam")!.lastDtsUs === 40_000);
  const before = performance.now();
  const stopped = weir.server.stop();
  assertEquals(await player.frameNumbers(1), [0, 1], "the last frame is not lost");
  await player.status("NetStream.Play.UnpublishNotify");
  await publisher.status("NetStream.Publish.BadName");
  await stopped;
  assert(performance.now() - before < 3000);
  assertEquals(weir.server.connectionCount, 0);
  assertEquals(weir.server.streams, []);
  for (const client of [publisher, player, stuck, half, waiting]) await client.drain();
});

Deno.test("a player that takes nothing does not hold the stop up (M085)", async () => {
  await using weir = await TestServer.start({ hub: { maxLagMs: 3_600_000 } });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.media("video", 0, BODIES.key(0));
  using _stuck = await RtmpClient.player(weir.port, "cam");
  for (let number = 0; number < 200; number += 20) {
    await publisher.frames(number, 20, { bytes: 60_000 });
  }
  await publisher.answer(await publisher.command("_checkbw"));
  const before = performance.now();
  await weir.server.stop();
  assert(performance.now() - before < 3000);
  assertEquals(weir.server.connectionCount, 0);
});

Deno.test("a server that stops while connections arrive serves none of them (M085)", async () => {
  for (let round = 0; round < 6; round++) {
    await using weir = await TestServer.start({ timing: { closeMs: 100 } });
    const clients = Array.from(
      { length: 5 },
      () => RtmpClient.dial(weir.port).catch(() => undefined),
    );
    if (round % 2 === 0) await clients[0];
    await weir.server.stop();
    assertEquals(weir.server.connectionCount, 0);
    for (const client of await Promise.all(clients)) client?.close();
  }
});
