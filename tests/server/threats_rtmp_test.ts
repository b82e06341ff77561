/**
 * The rows of the list of threats that concern RTMP and have no test elsewhere. Beside each attacker stand
 * a publisher and a player who lose nothing.
 */
import { assert, assertEquals } from "@std/assert";
import { LogRecord } from "@std/log/logger";
import { concat } from "@std/bytes/concat";
import { textLine } from "../../src/cli/log_lines.ts";
import { encodeCommandMessage } from "../../src/rtmp/mod.ts";
import { BODIES, RtmpClient, statusCode } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

interface Scene {
  readonly weir: TestServer;
  /** Connects, shakes hands, and sends connect. */
  open(): Promise<RtmpClient>;
}

type Options = Parameters<typeof TestServer.start>[0];

/** Runs `attack` beside bystanders; nothing of it may remain, not even a timer. */
function threat(
  name: string,
  attack: (scene: Scene) => Promise<void>,
  options: Options = {},
): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      await using weir = await TestServer.start({
        hub: { lingerMs: 0 },
        ...options,
        timing: { closeMs: 100, playWaitMs: 100, ...options?.timing },
      });
      {
        using publisher = await RtmpClient.publisher(weir.port, "cam");
        await publisher.frames(0, 5);
        using player = await RtmpClient.player(weir.port, "cam");
        using clients = new DisposableStack();
        await attack({
          weir,
          open: async () => clients.use(await RtmpClient.open(weir.port)),
        });
        await publisher.frames(5, 5);
        const numbers = await player.frameNumbers(9);
        assertEquals(numbers, Array.from({ length: 10 }, (_, index) => index));
      }
      await weir.quiet();
      await until(() => weir.server.streams.length === 0);
    },
  });
}

threat("media after a refusal, and before a role, reaches nobody, and no hook", async (scene) => {
  const { weir, open } = scene;
  const client = await open();
  for (const round of [0, 1]) {
    await client.media("video", round, BODIES.key(round));
    await client.command("publish", { args: ["cam"], streamId: await client.createStream() });
    assertEquals(statusCode(await client.status("NetStream.")), "NetStream.Publish.BadName");
    await client.media("video", round, BODIES.key(round));
    await client.command("publish", { args: ["denied"], streamId: await client.createStream() });
    assertEquals(statusCode(await client.status("NetStream.")), "NetStream.Publish.Denied");
    await client.media("video", round, BODIES.key(round));
  }
  // Its answer comes when all before was looked at.
  await client.createStream();
  assertEquals(weir.server.streams.map(({ name }) => name), ["live/cam"]);
  assertEquals(heard, ["start live/cam"]);
}, {
  hub: { lingerMs: 0, conflict: "reject" },
  hooks: {
    onPublish: ({ name }) => name === "live/cam" ? undefined : { refuse: "No" },
    onPublishStart: ({ name }) => void heard.push(`start ${name}`),
    onUnit: ({ name }) => void (name === "live/cam" || heard.push(`unit ${name}`)),
    onPublishEnd: ({ name }) => void (name === "live/cam" || heard.push(`end ${name}`)),
  },
});

const heard: string[] = [];

threat("a request that comes after the end is not looked at, and keeps nothing", async (scene) => {
  const { weir, open } = scene;
  for (const command of ["publish", "play", "createStream"]) {
    const first = await open();
    await first.publish("twice");
    const streamId = await first.createStream();
    const second = await open();
    await second.publish("twice");
    // The first is being closed, and read on so that it hears why.
    await first.command(command, { args: ["late"], streamId });
    await first.drain();
    first.close();
    second.close();
    await until(() => weir.server.connectionCount === 2);
  }
  assertEquals(asked.filter((name) => name === "live/late"), []);
}, {
  hooks: {
    onPublish: ({ name }) => void asked.push(name),
    onPlay: ({ name }) => void asked.push(name),
  },
});

const asked: string[] = [];

threat("a hook that never answers keeps no connection whose client has left", async (scene) => {
  const { weir, open } = scene;
  for (const command of ["publish", "play"]) {
    const client = await open();
    await client.command(command, { args: ["hang"], streamId: await client.createStream() });
    await until(() => hanging.has(command));
    client.close();
  }
  await until(() => weir.server.connectionCount === 2);
}, {
  timing: { hookMs: 300 },
  hooks: {
    onPublish: ({ name }) => name === "live/hang" ? hang("publish") : undefined,
    onPlay: ({ name }) => name === "live/hang" ? hang("play") : undefined,
  },
});

const hanging = new Set<string>();

function hang(where: string): Promise<void> {
  hanging.add(where);
  return new Promise(() => {});
}

threat(
  "plays that replace each other hold one stream and one wait, not one each",
  async (scene) => {
    const { weir, open } = scene;
    const client = await open();
    const streamId = await client.createStream();
    const { encoder } = client;
    const plays = Array.from({ length: 500 }, (_, number) => {
      const { type, body: payload } = encodeCommandMessage({ name: "play", args: [`no${number}`] });
      return encoder.encode({ type, payload, streamId, chunkStreamId: 3, timestampMs: 0 });
    });
    await client.send(concat(plays));
    // Its answer comes when all before was looked at.
    await client.createStream();
    assertEquals(weir.server.streams.map(({ name }) => name), ["live/cam", "live/no499"]);
    await client.status("NetStream.Play.StreamNotFound");
    assertEquals(weir.server.streams.map(({ name }) => name), ["live/cam"]);
    const refused = weir.log.lines.filter(({ message }) => message === "rtmp play refused");
    assertEquals(refused.map(({ fields }) => fields.stream), ["live/no499"]);
  },
  { timing: { playWaitMs: 500 } },
);

threat("hooks are not asked without end for one connection", async ({ open }) => {
  const client = await open();
  const streamId = await client.createStream();
  const { type, body: payload } = encodeCommandMessage({ name: "play", args: ["slow"] });
  const message = { type, payload, streamId, chunkStreamId: 3, timestampMs: 0 };
  const plays = concat(Array.from({ length: 5000 }, () => client.encoder.encode(message)));
  const sent = client.send(plays);
  await until(() => slow.questions.length > 32);
  // Others are served meanwhile, again and again.
  for (let round = 0; round < 10; round++) (await open()).close();
  const { length } = slow.questions;
  assert(length < 2500, `${length} questions`);
  slow.isOver = true;
  for (const answer of slow.questions) answer();
  await sent;
  await client.command("deleteStream", { args: [streamId] });
  await client.createStream();
}, {
  hooks: {
    onPlay: ({ name }) => {
      if (name !== "live/slow" || slow.isOver) return;
      return new Promise<void>((resolve) => slow.questions.push(resolve));
    },
  },
});

const slow = { questions: [] as (() => void)[], isOver: false };

/** What the buffers of sockets hold is below. */
const MOST_SENT = 16 * 1024 * 1024;

threat(
  "who has no role holds 64 KiB of unfinished messages on 16 chunk streams, and no more",
  async (scene) => {
    const { weir, open } = scene;
    const unfinished = await open();
    await unfinished.setChunkSize(5_000_000);
    // A message of 5 MB, of which a part comes, on one chunk.
    await unfinished.send(Uint8Array.of(6, 0, 0, 0, 0x4c, 0x4b, 0x40, 9, 1, 0, 0, 0));
    await unfinished.send(new Uint8Array(65_537));
    await weir.log.closed("partial-bytes-exceeded");
    const many = await open();
    for (let id = 20; id < 40; id++) {
      await many.send(Uint8Array.of(id, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7));
    }
    await weir.log.closed("too-many-chunk-streams");
  },
);

threat("who sends commands or empty messages without an end is closed", async ({ weir, open }) => {
  for (const [type, body] of [[20, nonsense(10)], [8, new Uint8Array()]] as const) {
    const client = await open();
    const message = { type, payload: body, timestampMs: 0, chunkStreamId: 3, streamId: 0 };
    const piece = concat(Array.from({ length: 2000 }, () => client.encoder.encode(message)));
    let sent = 0;
    try {
      for (; sent < MOST_SENT; sent += piece.length) await client.send(piece);
    } catch {
      // Closed, as it should be.
    }
    assert(sent < MOST_SENT, `${sent} bytes were taken`);
  }
  const isFlood = ({ fields }: { fields: Record<string, unknown> }): boolean =>
    fields.reason === "flood";
  await until(() => weir.log.lines.filter(isFlood).length === 2);
});

/** A command that nobody knows, with so many characters. */
function nonsense(length: number): Uint8Array {
  const args = ["x".repeat(length)];
  return encodeCommandMessage({ name: "nonsense", transactionId: 9, object: null, args }).body;
}

threat("who asks on and reads no answer is not read, and then closed", async ({ weir, open }) => {
  const client = await open();
  // Long enough to be paid for by its bytes.
  const [type, body] = [20, nonsense(400)];
  const message = { type, payload: body, timestampMs: 0, chunkStreamId: 3, streamId: 0 };
  const piece = concat(Array.from({ length: 2000 }, () => client.encoder.encode(message)));
  let sent = 0;
  try {
    for (; sent < 4 * MOST_SENT; sent += piece.length) await client.send(piece);
  } catch {
    // Closed, as it should be.
  }
  assert(sent < 4 * MOST_SENT, `${sent} bytes were taken`);
  await weir.log.line(({ fields }) => fields.reason === "write-timeout");
}, { timing: { writeStallMs: 1500 } });

threat("a stream name cannot leave its place, however it is encoded", async ({ weir, open }) => {
  const keys = [
    "../cam",
    "%2e%2e/cam",
    "..%2fcam",
    "a/../../cam",
    "a\\..\\cam",
    "%5c..%5ccam",
    "cam\0",
    "cam%00",
    "cam\r\nx",
    "a//b",
    "./cam",
    "%",
    "%ff",
    "x".repeat(513),
  ];
  for (const key of keys) {
    const client = await open();
    for (const command of ["publish", "play"]) {
      await client.command(command, { args: [key], streamId: await client.createStream() });
      const code = statusCode(await client.status("NetStream."));
      assert(
        /\.(BadName|Denied|Failed|StreamNotFound)$/.test(code ?? ""),
        `${command} ${key}: ${code}`,
      );
    }
  }
  assertEquals(weir.server.streams.map(({ name }) => name), ["live/cam"]);
});

threat("no line of the log can be forged, and no key gets into one", async ({ weir, open }) => {
  const evil = "x\r\n2026-11-21 INFO all is well\x1b[2J\u2028\u202e\x9b";
  const client = await RtmpClient.dial(weir.port);
  using _ = client;
  await client.shakeHands();
  await client.command("connect", {
    object: { app: `live?token=pa55word`, flashVer: evil, tcUrl: "rtmp://h/live?token=pa55word" },
  });
  await client.answer(1);
  await client.command(evil, { args: [evil] });
  await client.command("publish", {
    args: ["cam?user=ann&pass=pa55word"],
    streamId: await client.createStream(),
  });
  await client.status("NetStream.");
  const other = await open();
  await other.command("play", { args: [evil], streamId: await other.createStream() });
  await other.status("NetStream.");
  for (const { message, fields } of weir.log.lines) {
    assert(!JSON.stringify({ message, fields }).includes("pa55word"), Deno.inspect(fields));
    const record = new LogRecord({ msg: message, args: [fields], level: 20, loggerName: "weir" });
    assert(!/\p{Cc}|[\u2028\u2029\u202a-\u202e]/u.test(textLine(record)), textLine(record));
  }
}, { hub: { lingerMs: 0, conflict: "reject" } });

threat("what is declared costs nothing, what has come does", async ({ open }) => {
  const before = Deno.memoryUsage();
  for (let number = 0; number < 100; number++) {
    const client = await open();
    await client.setChunkSize(128);
    // Messages of 10 MB, of which 128 bytes come, on one chunk stream each.
    for (let id = 10; id < 20; id++) {
      await client.send(
        new Uint8Array([id, 0, 0, 0, 0x98, 0x96, 0x80, 9, 1, 0, 0, 0, ...new Uint8Array(128)]),
      );
    }
    await client.createStream();
  }
  const { rss, external } = Deno.memoryUsage();
  const grown = Math.max(external - before.external, rss - before.rss);
  assert(grown < 100 * 1024 * 1024, `${grown} bytes for 10 GB declared`);
});

threat(
  "all connections together hold no more than they may: who holds most is closed (threats: global budgets)",
  async ({ weir }) => {
    // Without a role, none could hold so much.
    const large = await RtmpClient.publisher(weir.port, "large");
    using small = await RtmpClient.publisher(weir.port, "small");
    // A message of 5 MB, of which a part comes, on one chunk.
    const part = (bytes: number): Uint8Array =>
      concat([
        new Uint8Array([6, 0, 0, 0, 0x4c, 0x4b, 0x40, 9, 1, 0, 0, 0]),
        new Uint8Array(bytes),
      ]);
    await large.setChunkSize(5_000_000);
    await small.setChunkSize(5_000_000);
    await small.send(part(100_000));
    await large.send(part(900_000));
    await large.drain();
    assertEquals((await weir.log.closed("held-bytes")).level, "warn");
    large.close();
    await until(() => weir.server.connectionCount === 3);
    const ends = weir.log.lines.filter(({ message, fields }) =>
      message.endsWith("closed") && fields.reason === "held-bytes"
    );
    assertEquals(ends.length, 1);
  },
  { maxConnectionBytes: 1_000_000 },
);

threat(
  "what a connection itself takes counts for those that have no role and make the server hold bytes",
  async ({ weir, open }) => {
    using waiting = await open();
    await waiting.createStream();
    const held = (): number[] =>
      weir.server.snapshot().connections.map(({ heldBytes }) => heldBytes).sort((a, b) => a - b);
    await until(() => held().every((bytes) => bytes < 4096));
    const part = concat([
      new Uint8Array([6, 0, 0, 0, 0x4c, 0x4b, 0x40, 9, 1, 0, 0, 0]),
      new Uint8Array(10_000),
    ]);
    using idle = await open();
    await idle.setChunkSize(5_000_000);
    await idle.send(part);
    await until(() => held().at(-1)! >= 108_304);
    assert(held().at(-1)! < 130_000, String(held()));
    // A budget of 200 000 bytes has room for one more of them, not for ten; those that wait for nothing go.
    const others = await Promise.all(Array.from({ length: 10 }, () => open()));
    await Promise.all(others.map(async (other) => {
      await other.setChunkSize(5_000_000);
      await other.send(part);
    }));
    await weir.log.closed("held-bytes");
    await until(() => held().reduce((sum, bytes) => sum + bytes, 0) <= 200_000);
    assert(weir.server.connectionCount >= 2);
    for (const other of others) other.close();
  },
  { maxConnectionBytes: 200_000 },
);

threat(
  "over the budget the oldest of those without a role goes first, and no publisher, however much it holds",
  async ({ weir, open }) => {
    /** The beginning of a message of 5 MB, on one chunk. */
    const part = (bytes: number): Uint8Array =>
      concat([
        new Uint8Array([6, 0, 0, 0, 0x4c, 0x4b, 0x40, 9, 1, 0, 0, 0]),
        new Uint8Array(bytes),
      ]);
    using publisher = await RtmpClient.publisher(weir.port, "honest");
    await publisher.setChunkSize(5_000_000);
    await publisher.send(part(360_000));
    const connections = () => weir.server.snapshot().connections;
    await until(() => connections().some(({ heldBytes }) => heldBytes >= 360_000));
    const others = connections().map(({ id }) => id);
    const strangers = (): number[] =>
      connections().map(({ id }) => id).filter((id) => !others.includes(id));
    // One after the other, so that their numbers tell who came first; together they are too much.
    const clients: RtmpClient[] = [];
    for (let count = 1; count <= 8; count++) {
      clients.push(await open());
      await until(() => strangers().length === count);
    }
    const came = strangers();
    for (const client of clients) {
      await client.setChunkSize(5_000_000);
      await client.send(part(10_000));
    }
    const shed = (): unknown[] =>
      weir.log.lines.filter(({ fields }) => fields.reason === "held-bytes" && "detail" in fields)
        .map(({ fields }) => fields.connection);
    await weir.log.closed("held-bytes");
    await until(() => strangers().length + shed().length === came.length);
    assertEquals(shed(), came.slice(0, shed().length));
    assert(strangers().length > 0);
    assertEquals(weir.server.stream("live/honest").isLive, true);
  },
  { maxConnectionBytes: 1_000_000 },
);
