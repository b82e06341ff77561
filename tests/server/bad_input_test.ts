import { assert, assertEquals } from "@std/assert";
import { BODIES, RtmpClient } from "../support/rtmp_client.ts";
import { seededRandom } from "../support/split.ts";
import { TestServer } from "../support/test_server.ts";

/** How far a client goes before it sends garbage. */
const STATES = {
  "handshake": (port: number) => RtmpClient.dial(port),
  "unconnected": async (port: number) => {
    const client = await RtmpClient.dial(port);
    await client.shakeHands();
    return client;
  },
  "connected": (port: number) => RtmpClient.open(port),
  "publishing": async (port: number) => {
    const client = await RtmpClient.publisher(port, `other${port}${Math.trunc(performance.now())}`);
    await client.media("video", 0, BODIES.key(0));
    return client;
  },
  "inside a message": async (port: number) => {
    const client = await RtmpClient.publisher(port, `half${Math.trunc(performance.now() * 1000)}`);
    const message = client.mediaBytes("video", 0, BODIES.key(0, 100_000));
    await client.send(message.subarray(0, 70_000));
    return client;
  },
  "playing": async (port: number) => {
    const client = await RtmpClient.open(port);
    await client.play("cam");
    return client;
  },
} as const;

const ROUNDS = 12;

for (const [state, reach] of Object.entries(STATES)) {
  Deno.test(`garbage while ${state}: one line names state and code, and nobody else suffers`, async () => {
    const seed = 20_261_121 + state.length;
    await using weir = await TestServer.start({
      session: { roleTimeoutMs: 1000, publisherTimeoutMs: 1000 },
      timing: { closeMs: 200 },
    });
    using publisher = await RtmpClient.publisher(weir.port, "cam");
    await publisher.frames(0, 1);
    using player = await RtmpClient.player(weir.port, "cam");
    const random = seededRandom(seed);
    let number = 1;
    for (let round = 0; round < ROUNDS; round++) {
      using client = await reach(weir.port);
      const garbage = new Uint8Array(1 + Math.floor(random() * 5000));
      for (let index = 0; index < garbage.length; index++) garbage[index] = random() * 256;
      await client.send(garbage).catch(() => {});
      client.close();
      await publisher.frames(number++, 1);
    }
    const expected = Array.from({ length: number }, (_, index) => index);
    assertEquals(await player.frameNumbers(number - 1), expected, `seed ${seed}`);
    publisher.close();
    player.close();
    await weir.quiet();
    const ends = weir.log.lines.filter(({ fields }) => "state" in fields);
    assertEquals(ends.length, ROUNDS + 2, `a line for each, seed ${seed}`);
    for (const { fields, message } of ends) {
      assert(fields.state !== "closed" && String(fields.state) !== "", message);
      assert(fields.reason !== "internal", `${Deno.inspect(fields)} seed ${seed}`);
    }
  });
}

Deno.test("a length that changes inside a message, a fresh chunk stream, a huge message: each its code (M012, M013, M020)", async () => {
  await using weir = await TestServer.start({ chunks: { maxMessageBytes: 100_000 } });
  const cases: [string, number[]][] = [
    // A message of 70 000 bytes, of which one chunk came, and then the header of another.
    ["chunk-interrupted-message", [
      ...[4, 0, 0, 0, 0x01, 0x11, 0x70, 9, 1, 0, 0, 0],
      ...new Uint8Array(65_536),
      ...[4, 0, 0, 0, 0, 2, 0, 9, 1, 0, 0, 0],
    ]],
    ["chunk-fresh-stream", [0xc9, 0]],
    ["message-too-large", [4, 0, 0, 0, 0x01, 0x86, 0xa1, 9, 1, 0, 0, 0]],
    ["chunk-size", [2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["malformed-control", [2, 0, 0, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0, 0]],
    ["malformed-command", [3, 0, 0, 0, 0, 0, 1, 20, 0, 0, 0, 0, 0xff]],
  ];
  for (const [code, bytes] of cases) {
    using client = await RtmpClient.open(weir.port);
    await client.send(new Uint8Array(bytes));
    await client.drain();
    const { level, fields } = await weir.log.closed(code);
    assertEquals([level, fields.state], ["warn", "connected"], code);
  }
});

Deno.test("a thousand connections that come and go leave nothing (M085)", async () => {
  await using weir = await TestServer.start({ session: { roleTimeoutMs: 2000 } });
  const random = seededRandom(7);
  const visit = async (): Promise<void> => {
    using client = await RtmpClient.dial(weir.port);
    const how = random();
    if (how < 0.3) return;
    if (how < 0.6) {
      await client.send(new Uint8Array(1 + Math.floor(random() * 3000)).fill(3)).catch(() => {});
      return;
    }
    await client.shakeHands();
    if (how < 0.8) return;
    await client.connect();
    if (how < 0.9) await client.publish(`cam${Math.floor(random() * 20)}`).catch(() => {});
    else await client.command("play", { args: ["nothing"], streamId: await client.createStream() });
  };
  for (let batch = 0; batch < 50; batch++) {
    await Promise.all(Array.from({ length: 20 }, visit));
  }
  await weir.quiet();
  assertEquals(weir.server.streams, []);
});
