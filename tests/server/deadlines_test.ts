import { assert, assertEquals, assertMatch } from "@std/assert";
import { RtmpClientHandshake } from "../../src/rtmp/mod.ts";
import { BODIES, RtmpClient } from "../support/rtmp_client.ts";
import { TestServer } from "../support/test_server.ts";

/** Shorter than the default ten seconds. */
const SOON_MS = 300;

Deno.test("a handshake that is cut at any byte ends by the deadline (M003, M084)", async () => {
  await using weir = await TestServer.start({ session: { roleTimeoutMs: SOON_MS } });
  const handshake = new RtmpClientHandshake({ random: (length) => new Uint8Array(length) });
  const start = handshake.start();
  const cuts = [0, 1, 2, 700, 1536, 1537, 1538, 3072];
  await Promise.all(cuts.map(async (length) => {
    using client = await RtmpClient.dial(weir.port);
    const bytes = new Uint8Array(3073);
    bytes.set(start);
    await client.send(bytes.subarray(0, length));
    const before = performance.now();
    assertEquals(await closes(client), length >= 1537 ? 3073 : 0, `cut at ${length}`);
    assert(performance.now() - before < SOON_MS + 2000);
  }));
  const lines = weir.log.lines.filter(({ fields }) => fields.reason === "role-timeout");
  assertEquals(lines.length, cuts.length);
  const waits = lines.map(({ fields }) => String(fields.state)).sort();
  assertEquals(waits.filter((state) => state.endsWith("C0")).length, 1);
  assertEquals(waits.filter((state) => state.endsWith("C1")).length, 4);
  assertEquals(waits.filter((state) => state.endsWith("C2")).length, 3);
});

Deno.test("one deadline counts for handshake, connect and role, whatever the pace (M084)", async () => {
  await using weir = await TestServer.start({ session: { roleTimeoutMs: 600 } });
  using client = await RtmpClient.open(weir.port);
  // It talks all the time, and never publishes nor plays.
  const talk = (async () => {
    try {
      while (weir.server.connectionCount > 0) {
        await client.answer(await client.command("_checkbw"));
        // As fast as it can would be a flood, which ends sooner.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch {
      // Closed.
    }
  })();
  const { fields } = await weir.log.line(({ fields }) => "state" in fields);
  assertEquals(fields.reason, "role-timeout");
  assertEquals(fields.state, "connected");
  await talk;
});

Deno.test("what is not RTMP at the first byte closes with its code (M003)", async () => {
  await using weir = await TestServer.start();
  for (const first of [0x06, 0xf3, 0x47, 0x00]) {
    using client = await RtmpClient.dial(weir.port);
    await client.send(new Uint8Array(100).fill(first));
    await closes(client);
  }
  const lines = weir.log.lines.filter(({ fields }) => fields.reason === "handshake-version");
  assertEquals(lines.length, 4);
  assertEquals(lines.map(({ level }) => level), ["warn", "warn", "warn", "warn"]);
});

Deno.test("chunks that come in one read with C2 are not lost (M004)", async () => {
  await using weir = await TestServer.start();
  using client = await RtmpClient.dial(weir.port);
  const handshake = new RtmpClientHandshake({ random: (length) => new Uint8Array(length) });
  await client.send(handshake.start());
  // C2 may be anything; connect follows at once.
  const { send } = client;
  const pieces: Uint8Array[] = [new Uint8Array(1536)];
  client.send = (bytes) => Promise.resolve(void pieces.push(bytes));
  await client.command("connect", { object: { app: "live" } });
  await send.call(client, new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()));
  const { message } = await weir.log.line(({ message }) => message.startsWith("rtmp connect from"));
  assertMatch(message, /127\.0\.0\.1/);
});

Deno.test("a publisher that sends nothing is closed, and its name is free (M082)", async () => {
  await using weir = await TestServer.start({ session: { publisherTimeoutMs: SOON_MS } });
  using silent = await RtmpClient.publisher(weir.port, "cam");
  await weir.log.closed("idle-timeout");
  assertEquals(weir.server.hub.get("live/cam")?.isLive ?? false, false);
  await silent.drain();
  using next = await RtmpClient.publisher(weir.port, "cam");
  assert(weir.server.hub.get("live/cam")!.isLive);
  next.close();
});

Deno.test("a silent player is pinged, and closed when it does not answer (M032)", async () => {
  await using weir = await TestServer.start({
    session: { pingAfterMs: SOON_MS, pingTimeoutMs: SOON_MS },
  });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  using player = await RtmpClient.player(weir.port, "cam");
  let number = 0;
  const feeding = setInterval(() => {
    publisher.media("video", number * 40, BODIES.key(number++)).catch(() => {});
  }, 50);
  try {
    const messages = await player.drain();
    assert(messages.some((message) => message.kind === "user-control" && message.event === 6));
    assertEquals((await weir.log.closed("ping-timeout")).fields.state, "playing");
  } finally {
    clearInterval(feeding);
  }
});

/** Reads until the server closes; returns how many bytes came. */
async function closes(client: RtmpClient): Promise<number> {
  const target = new Uint8Array(65_536);
  let total = 0;
  try {
    for (let count; (count = await client.pipe.read(target)) !== null;) total += count;
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return total;
}

Deno.test("a player that was told that there is no stream may ask again, and its leaving is no warning", async () => {
  await using weir = await TestServer.start({
    session: { roleTimeoutMs: 600 },
    timing: { playWaitMs: 650 },
  });
  using client = await RtmpClient.open(weir.port);
  const streamId = await client.createStream();
  for (let times = 0; times < 2; times++) {
    await client.command("play", { args: ["cam"], streamId });
    await client.status("NetStream.Play.StreamNotFound");
  }
  const { level } = await weir.log.closed("not-found");
  assertEquals(level, "debug");
  assertEquals(weir.log.lines.filter((line) => line.level === "warn"), []);
});
