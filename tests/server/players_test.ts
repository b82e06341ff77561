import { assert, assertEquals } from "@std/assert";
import { type ControlMessage, encodeControlMessage } from "../../src/rtmp/mod.ts";
import { BODIES, numberOf, RtmpClient } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

/** What the kernel may hold for a player that does not read, with room to spare. */
const KERNEL_BYTES = 16 * 1024 * 1024;

Deno.test("a player that stops reading skips to a key frame, and nobody else loses a frame (M083)", async () => {
  await using weir = await TestServer.start({
    hub: { maxLagBytes: 1024 * 1024, maxLagMs: 3_600_000 },
  });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using stuck = await RtmpClient.player(weir.port, "cam");
  using player = await RtmpClient.player(weir.port, "cam");
  assertEquals(await player.frameNumbers(0), [0]);
  const bytes = 20_000;
  const batch = 50;
  const batches = Math.ceil(KERNEL_BYTES / (bytes * batch));
  for (let number = 1, sent = 0; sent < batches; sent++, number += batch) {
    await publisher.frames(number, batch, { bytes });
    const last = number + batch - 1;
    const expected = Array.from({ length: batch }, (_, index) => number + index);
    assertEquals(await player.frameNumbers(last), expected, "the other player has all");
  }
  const last = batches * batch;
  // It wakes up: what it gets is whole, and goes on at a key frame after each gap.
  const numbers = await stuck.frameNumbers(last);
  const gaps = numbers.flatMap((number, index) =>
    index > 0 && number !== numbers[index - 1]! + 1 ? [number] : []
  );
  assert(gaps.length > 0, "it never skipped");
  assertEquals(gaps.filter((number) => number % 10 !== 0), [], "a gap ends at a key frame");
  const { readers } = weir.server.hub.get("live/cam")!.statistics;
  assertEquals(readers.map(({ skips }) => skips).sort(), [0, gaps.length]);
});

Deno.test("a player that takes nothing for too long is closed, and it is counted (M083)", async () => {
  await using weir = await TestServer.start({
    hub: { maxLagBytes: 1024 * 1024, maxLagMs: 3_600_000 },
    timing: { writeStallMs: 300, closeMs: 100 },
  });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using _stuck = await RtmpClient.player(weir.port, "cam");
  using player = await RtmpClient.player(weir.port, "cam");
  const stalled = weir.log.closed("write-timeout");
  let isOver = false;
  stalled.then(() => isOver = true);
  let number = 1;
  while (!isOver) {
    await publisher.frames(number, 20, { bytes: 60_000 });
    await player.frameNumbers(number + 19);
    number += 20;
  }
  const { fields } = await stalled;
  assertEquals(fields.state, "playing");
  await until(() => weir.server.connectionCount === 2);
  assertEquals(weir.server.hub.get("live/cam")!.readerCount, 1);
});

Deno.test("a player waits for its stream, then hears that there is none (M056)", async () => {
  await using weir = await TestServer.start({ timing: { playWaitMs: 200 } });
  using player = await RtmpClient.open(weir.port);
  const streamId = await player.createStream();
  await player.command("play", { args: ["nothing"], streamId });
  await player.status("NetStream.Play.StreamNotFound");
  assertEquals(weir.server.streams, []);
});

Deno.test("a player that waits starts when the publisher comes (M058)", async () => {
  await using weir = await TestServer.start();
  using player = await RtmpClient.open(weir.port);
  const streamId = await player.createStream();
  await player.command("play", { args: ["cam"], streamId });
  await weir.log.line(({ message }) => message === "rtmp play waits for a publisher");
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await player.status("NetStream.Play.Start");
  await publisher.frames(0, 3);
  assertEquals(await player.frameNumbers(2), [0, 1, 2]);
});

for (const command of ["deleteStream", "closeStream", "FCUnpublish"]) {
  Deno.test(`${command} ends the publication, and players hear it with the last frame (M058)`, async () => {
    await using weir = await TestServer.start({ hub: { lingerMs: 0 } });
    using publisher = await RtmpClient.publisher(weir.port, "cam");
    await publisher.frames(0, 2);
    using player = await RtmpClient.player(weir.port, "cam");
    await publisher.frames(2, 1);
    switch (command) {
      case "deleteStream":
        await publisher.command(command, { args: [1] });
        break;
      case "closeStream":
        await publisher.command(command, { streamId: 1 });
        break;
      default:
        await publisher.command(command, { args: ["cam"] });
    }
    assertEquals(await player.frameNumbers(2), [0, 1, 2]);
    await player.status("NetStream.Play.UnpublishNotify");
    assertEquals(weir.server.streams, []);
    // The connection lives on, and may publish again.
    await publisher.publish("cam");
  });
}

Deno.test("a publisher whose connection drops has ended its publication (M058)", async () => {
  await using weir = await TestServer.start({ hub: { lingerMs: 0 } });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using player = await RtmpClient.player(weir.port, "cam");
  publisher.close();
  await player.status("NetStream.Play.UnpublishNotify");
  const { fields } = await weir.log.line(({ message }) => message === "rtmp publish ended");
  assertEquals(fields.reason, "closed");
});

Deno.test("what a player sends after Play.Start is read: acknowledgements, pings, close (M059)", async () => {
  await using weir = await TestServer.start();
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using player = await RtmpClient.player(weir.port, "cam");
  const ping = new Uint8Array([0, 6, 0, 0, 0x12, 0x34]);
  await player.send(player.encoder.encode({
    type: 4,
    payload: ping,
    chunkStreamId: 2,
    streamId: 0,
    timestampMs: 0,
  }));
  const answer = await player.until((
    message,
  ): message is typeof message & { kind: "user-control" } =>
    message.kind === "user-control" && message.event === 7
  );
  assertEquals(answer.value, 0x1234);
  player.close();
  await weir.log.line(({ message }) => message === "rtmp play ended");
  await until(() => weir.server.connectionCount === 1);
});

Deno.test("pause stops the media, and playing on starts at a key frame (M057)", async () => {
  await using weir = await TestServer.start();
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using player = await RtmpClient.player(weir.port, "cam");
  assertEquals(await player.frameNumbers(0), [0]);
  await player.command("pause", { args: [true, 0], streamId: 1, answered: false });
  await player.status("NetStream.Pause.Notify");
  await publisher.frames(1, 14);
  await until(() => weir.server.hub.get("live/cam")!.lastDtsUs === 14 * 40_000);
  await player.command("pause", { args: [false, 0], streamId: 1, answered: false });
  await player.status("NetStream.Unpause.Notify");
  assertEquals(await player.frameNumbers(14), [10, 11, 12, 13, 14]);
});

Deno.test("a player on its second NetStream without audio gets just its video (M052, M057)", async () => {
  await using weir = await TestServer.start();
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using player = await RtmpClient.open(weir.port);
  await player.createStream();
  const streamId = await player.createStream();
  assertEquals(streamId, 2);
  await player.command("play", { args: ["cam"], streamId });
  await player.status("NetStream.Play.Start");
  assertEquals(await player.frameNumbers(0), [0]);
  await player.command("receiveAudio", { args: [false], streamId, answered: false });
  // The answer to this comes after that was acted upon.
  await player.answer(await player.command("_checkbw"));
  await publisher.media("audio", 20, BODIES.audio(1));
  await publisher.frames(1, 2);
  for (const expected of [1, 2]) {
    const message = await player.message();
    assert(message?.kind === "video", `${message?.kind} came`);
    assertEquals([message.streamId, message.body[8]], [2, expected]);
  }
});

Deno.test("what a player does not want to receive, said before its play, is never sent (M057)", async () => {
  await using weir = await TestServer.start();
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  await publisher.media("audio", 10, BODIES.audio(1));
  using player = await RtmpClient.open(weir.port);
  const streamId = await player.createStream();
  await player.command("receiveAudio", { args: [false], streamId, answered: false });
  await player.command("play", { args: ["cam"], streamId });
  await player.status("NetStream.Play.Start");
  await publisher.media("audio", 20, BODIES.audio(2));
  await publisher.frames(1, 1);
  for (const expected of [0, 1]) {
    const message = await player.until((
      message,
    ): message is typeof message & { body: Uint8Array } =>
      (message.kind === "video" || message.kind === "audio") && message.body[1] === 1
    );
    assertEquals([message.kind, numberOf(message.body)], ["video", expected]);
  }
  // It may change its mind.
  await player.command("receiveAudio", { args: [true], streamId, answered: false });
  await player.status("NetStream.Seek.Notify");
  await publisher.media("audio", 60, BODIES.audio(3));
  const audio = await player.until((message): message is typeof message & { body: Uint8Array } =>
    message.kind === "audio"
  );
  assertEquals(numberOf(audio.body), 3);
});

async function control(client: RtmpClient, message: ControlMessage): Promise<void> {
  const { type, body: payload } = encodeControlMessage(message);
  await client.send(
    client.encoder.encode({ type, payload, chunkStreamId: 2, streamId: 0, timestampMs: 0 }),
  );
}

Deno.test("a player that bounds what it is sent is held to that, between messages, as long as it acknowledges (M030, M059)", async () => {
  await using weir = await TestServer.start();
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  await publisher.frames(0, 1);
  using silent = await RtmpClient.player(weir.port, "cam");
  using player = await RtmpClient.player(weir.port, "cam");
  for (const client of [silent, player]) {
    assertEquals(await client.frameNumbers(0), [0]);
    await control(client, { kind: "set-peer-bandwidth", size: 100_000, limit: "hard" });
    await client.until((message): message is ControlMessage =>
      message.kind === "window-acknowledgement-size" && message.size === 100_000
    );
  }
  await control(player, { kind: "acknowledgement", sequenceNumber: 0 });
  await player.answer(await player.command("_checkbw"));
  await publisher.frames(1, 99, { bytes: 10_000 });
  // Who never acknowledges anything is not bounded.
  assertEquals((await silent.frameNumbers(99)).length, 99);
  // What the server has to say goes out all the same, behind the message that is under way.
  const id = await player.command("_checkbw");
  const numbers: number[] = [];
  for (;;) {
    const message = await player.message();
    if (message?.kind === "command" && message.transactionId === id) break;
    if (message?.kind === "video") numbers.push(message.body[8]!);
  }
  assertEquals(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await control(player, { kind: "acknowledgement", sequenceNumber: 100_000 });
  assertEquals(await player.frameNumbers(19), [11, 12, 13, 14, 15, 16, 17, 18, 19]);
  // It acknowledges no more: the limit is given up before the player starves.
  assertEquals((await player.frameNumbers(99)).length, 80);
});

Deno.test("a publisher of the same address takes over; its player stays, and time goes on (M080)", async () => {
  await using weir = await TestServer.start();
  using first = await RtmpClient.publisher(weir.port, "cam");
  await first.frames(0, 12);
  // They have come when what is asked behind them is answered.
  await first.answer(await first.command("_checkbw"));
  using player = await RtmpClient.player(weir.port, "cam");
  assertEquals(await player.frameNumbers(11), [10, 11]);
  using second = await RtmpClient.publisher(weir.port, "cam");
  await first.status("NetStream.Publish.BadName");
  await second.frames(0, 2);
  const times: number[] = [];
  for (let frames = 0; frames < 2;) {
    const message = await player.message();
    assert(message !== undefined);
    if (message.kind !== "video") continue;
    times.push(message.timestampMs);
    if (message.body[1] === 1) frames++;
  }
  assert(times.every((time) => time > 11 * 40), `${times}`);
  assertEquals(times.toSorted((a, b) => a - b), times);
});

Deno.test("a second publisher is refused where the policy is reject, and changes nothing (M054, M080)", async () => {
  await using weir = await TestServer.start({ hub: { conflict: "reject" } });
  using first = await RtmpClient.publisher(weir.port, "cam");
  await first.frames(0, 1);
  using player = await RtmpClient.player(weir.port, "cam");
  using second = await RtmpClient.open(weir.port);
  const streamId = await second.createStream();
  await second.command("publish", { args: ["cam", "live"], streamId });
  await second.media("video", 0, BODIES.key(999));
  await second.status("NetStream.Publish.BadName");
  // Media that came all the same reaches nobody (M055).
  await second.media("video", 40, BODIES.key(999));
  await second.answer(await second.command("_checkbw"));
  await first.frames(1, 1);
  assertEquals(await player.frameNumbers(1), [0, 1]);
});
