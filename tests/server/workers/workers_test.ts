/** A server with two workers, as its clients see it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ServerError, type ServerOptions } from "../../../mod.ts";
import type { MediaUnit } from "../../../src/hub/mod.ts";
import { patiently } from "../../support/patience.ts";
import { BODIES, RtmpClient } from "../../support/rtmp_client.ts";
import { freePort } from "../../support/free_port.ts";
import { type LogLine, TestServer, until, WORKER_DIED } from "../../support/test_server.ts";
import { LoopedPublisher } from "../../doors/http/looped_publisher.ts";

const KEY = { format: "flv", body: BODIES.key(7) } as const;

const TWO = { workers: 2 } as const satisfies ServerOptions;

/** The worker that the newest line of this text is of. */
async function workerOf(weir: TestServer, message: string, from: number): Promise<unknown> {
  const isIt = (line: LogLine) => line.message === message && weir.log.lines.indexOf(line) >= from;
  return (await weir.log.line(isIt)).fields.worker;
}

/** A client, and the worker that it has come to. */
interface Placed extends Disposable {
  readonly client: RtmpClient;
  readonly worker: unknown;
}

async function publisher(weir: TestServer, key = "cam"): Promise<Placed> {
  const from = weir.log.lines.length;
  const client = await RtmpClient.publisher(weir.port, key);
  const worker = await workerOf(weir, "rtmp publish started", from);
  return { client, worker, [Symbol.dispose]: () => client.close() };
}

/** A player of a stream that is live at another worker than `not`. */
async function playerElsewhere(weir: TestServer, not: unknown, key = "cam"): Promise<Placed> {
  for (;;) {
    const from = weir.log.lines.length;
    const client = await RtmpClient.player(weir.port, key);
    const worker = await workerOf(weir, "rtmp play started", from);
    if (worker !== not) return { client, worker, [Symbol.dispose]: () => client.close() };
    client.close();
  }
}

Deno.test("players of any worker get the stream of any other, which each fetches once", async () => {
  await using weir = await TestServer.start(TWO);
  using source = await publisher(weir);
  await source.client.frames(0, 1);
  using first = await playerElsewhere(weir, source.worker);
  using second = await playerElsewhere(weir, source.worker);
  for (const { client } of [first, second]) assertEquals(await client.frameNumbers(0), [0]);
  await source.client.frames(1, 3);
  for (const { client } of [first, second]) assertEquals(await client.frameNumbers(3), [1, 2, 3]);
  const fetches = weir.log.lines.filter(({ message, fields }) =>
    message === "cluster publish started" && fields.worker === first.worker
  );
  assertEquals(fetches.length, 1);
  const { streams, tickets, health } = await weir.server.freshSnapshot();
  assertEquals(health.map(({ stream, tracks }) => [stream, tracks.length]), [["live/cam", 2]]);
  assertEquals(
    streams.map(({ name, publisher, readers }) => [name, publisher?.via, readers.length]),
    [
      ["live/cam", undefined, 2],
    ],
  );
  assertEquals(tickets.map(({ action }) => action).sort(), ["play", "play", "publish"]);
});

Deno.test("a name is one publisher's whatever the worker, and the one that is refused is told so", async () => {
  await using weir = await TestServer.start({ ...TWO, hub: { conflict: "reject" } });
  using source = await publisher(weir);
  // As many as make it next to certain that one comes to the other worker.
  for (let tries = 0; tries < 8; tries++) {
    using second = await RtmpClient.open(weir.port);
    const streamId = await second.createStream();
    await second.command("publish", { args: ["cam", "live"], streamId });
    await second.status("NetStream.Publish.BadName");
  }
  const refusals = weir.log.lines.filter(({ message }) => message === "rtmp publish refused");
  assert(refusals.some(({ fields }) => fields.worker !== source.worker));
  assertEquals((await weir.server.freshSnapshot()).refused.taken, 8);
});

Deno.test("a publisher that comes back to another worker takes over, and players of both go on", async () => {
  await using weir = await TestServer.start(TWO);
  const first = await publisher(weir);
  await first.client.frames(0, 1);
  using here = await playerElsewhere(weir, first.worker === "worker 1" ? "worker 2" : "worker 1");
  using there = await playerElsewhere(weir, first.worker);
  for (const { client } of [here, there]) assertEquals(await client.frameNumbers(0), [0]);
  let second = await publisher(weir);
  while (second.worker === first.worker) {
    second.client.close();
    second = await publisher(weir);
  }
  await second.client.frames(10, 3);
  for (const { client } of [here, there]) {
    assertEquals((await client.frameNumbers(12)).slice(-3), [10, 11, 12]);
  }
  first.client.close();
  second.client.close();
});

Deno.test("a player of one worker waits until a publisher comes to another", async () => {
  await using weir = await TestServer.start(TWO);
  const from = weir.log.lines.length;
  const players = await Promise.all(Array.from({ length: 6 }, async () => {
    const player = await RtmpClient.open(weir.port);
    const streamId = await player.createStream();
    await player.command("play", { args: ["cam"], streamId });
    return player;
  }));
  await until(() =>
    weir.log.lines.slice(from).filter(({ message }) =>
      message === "rtmp play waits for a publisher"
    ).length === 6
  );
  using source = await publisher(weir);
  await source.client.frames(0, 2);
  for (const player of players) assertEquals(await player.frameNumbers(1), [0, 1]);
  for (const player of players) player.close();
});

Deno.test("players of any worker have all that a publisher says in one moment, and all of the next", async () => {
  await using weir = await TestServer.start({ ...TWO, hub: { lingerMs: 20_000 } });
  const players = await Promise.all(Array.from({ length: 6 }, async () => {
    const player = await RtmpClient.open(weir.port);
    const streamId = await player.createStream();
    await player.command("play", { args: ["cam"], streamId });
    return player;
  }));
  const count = (text: string) => weir.log.lines.filter(({ message }) => message === text).length;
  await until(() => count("rtmp play waits for a publisher") === players.length);
  for (const [before, first] of [0, 100, 200, 300].entries()) {
    // It may have gone before another worker can have asked for anything.
    const source = await publisher(weir);
    await source.client.frames(first, 35);
    source.client.close();
    const all = Array.from({ length: 35 }, (_, at) => first + at);
    for (const player of players) assertEquals(await player.frameNumbers(first + 34), all);
    await until(() =>
      count("rtmp publish ended") === before + 1 &&
      count("cluster publish ended") === count("cluster publish started")
    );
  }
  for (const player of players) player.close();
});

Deno.test("players of one worker linger when their publisher at another goes, and are told when it stays away", async () => {
  await using weir = await TestServer.start({ ...TWO, hub: { lingerMs: 300 } });
  const source = await publisher(weir);
  await source.client.frames(0, 1);
  using player = await playerElsewhere(weir, source.worker);
  assertEquals(await player.client.frameNumbers(0), [0]);
  source.client.close();
  await player.client.status("NetStream.Play.UnpublishNotify");
  await until(() => weir.server.tickets.size === 0);
});

Deno.test("a worker that dies takes its own connections alone, is told of, and serves again", async () => {
  await using weir = await TestServer.start(TWO);
  const source = await publisher(weir);
  await source.client.frames(0, 1);
  using player = await playerElsewhere(weir, source.worker);
  assertEquals(await player.client.frameNumbers(0), [0]);
  weir.log.expectedErrors.add(WORKER_DIED);
  assert(weir.server.restartWorker(Number(String(source.worker).at(-1)) - 1));
  const { fields } = await weir.log.line(({ message }) => message.startsWith("a worker has died"));
  assertEquals(fields.worker, source.worker);
  // Its publisher comes back, wherever: the player of the other worker has stayed.
  await until(() => weir.server.workers.every(({ state }) => state === "running"));
  assertEquals(weir.server.workers.map(({ restarts }) => restarts).sort(), [0, 1]);
  using again = await publisher(weir);
  await again.client.frames(10, 2);
  assertEquals(await player.client.frameNumbers(11), [10, 11]);
  // The one that was started again serves, and gets the stream as any other.
  using other = await playerElsewhere(weir, player.worker);
  assertEquals((await other.client.frameNumbers(11)).at(-1), 11);
  source.client.close();
});

Deno.test("a worker in which something throws ends with its own connections, and the server goes on", async () => {
  const made: Worker[] = [];
  const { Worker: Original } = globalThis;
  globalThis.Worker = class extends Original {
    constructor(...options: ConstructorParameters<typeof Original>) {
      super(...options);
      made.push(this);
    }
  };
  try {
    await using weir = await TestServer.start(TWO);
    using source = await publisher(weir);
    await source.client.frames(0, 1);
    using here = await RtmpClient.player(weir.port, "cam");
    assertEquals(await here.frameNumbers(0), [0]);
    // No such message is ever sent: what it holds is missing.
    const other = source.worker === "worker 1" ? 1 : 0;
    weir.log.expectedErrors.add(WORKER_DIED);
    made[other]!.postMessage({ type: "start" });
    const { fields } = await weir.log.line(({ message }) =>
      message.startsWith("a worker has died")
    );
    assertEquals(fields.worker, `worker ${other + 1}`);
    assert(String(fields.reason).includes("TypeError"), String(fields.reason));
    await source.client.frames(1, 1);
    // A worker that is as young as this one is started again after a second.
    await until(() => weir.server.workers.every(({ state }) => state === "running"));
    using again = await playerElsewhere(weir, source.worker);
    await source.client.frames(2, 1);
    assertEquals((await again.client.frameNumbers(2)).at(-1), 2);
    const errors = weir.log.lines.filter(({ level }) => level === "error");
    assertEquals(errors.map(({ message }) => message), [
      WORKER_DIED,
    ]);
  } finally {
    globalThis.Worker = Original;
  }
});

Deno.test("hooks are this thread's, for the clients of all workers, and may send them away", async () => {
  const heard: string[] = [];
  await using weir = await TestServer.start({
    ...TWO,
    hooks: {
      onPublish: ({ query }) => query.get("key") === "right" ? undefined : { refuse: "Wrong key" },
      onPublishStart: ({ name, connection }) => void heard.push(`start ${name} ${connection.id}`),
      onUnit: (_, { role, payload }) =>
        void (role === "media" && heard.push(`unit ${"body" in payload && payload.body.length}`)),
      onPublishEnd: ({ name, connection }, { reason }) =>
        void heard.push(`end ${name} ${connection.id} ${reason}`),
    },
  });
  using wrong = await RtmpClient.open(weir.port);
  const streamId = await wrong.createStream();
  await wrong.command("publish", { args: ["cam?key=wrong", "live"], streamId });
  await wrong.status("NetStream.Publish.Denied");
  using source = await publisher(weir, "cam?key=right");
  await source.client.frames(0, 1);
  using player = await playerElsewhere(weir, source.worker);
  assertEquals(await player.client.frameNumbers(0), [0]);
  const { tickets } = await weir.server.freshSnapshot();
  const { id, connection } = tickets.find(({ action }) => action === "publish")!;
  weir.server.tickets.get(id)!.kick("Not today");
  await until(() => heard.length === 3);
  assertEquals(heard, [
    `start live/cam ${connection}`,
    "unit 200",
    `end live/cam ${connection} kicked`,
  ]);
});

Deno.test("a program reads and publishes streams of any worker", async () => {
  await using weir = await TestServer.start(TWO);
  using source = await publisher(weir);
  const units = weir.server.stream("live/cam").units({ format: "as-published" });
  const reader = units.getReader();
  await source.client.frames(0, 1);
  let read = await patiently(reader.read());
  while (read.value?.role !== "media") read = await patiently(reader.read());
  assertEquals(read.value.dtsUs, 0);
  const own = new ReadableStream<MediaUnit>({
    start: (controller) => controller.enqueue({ ...read.value!, payload: KEY }),
  });
  const abort = new AbortController();
  const published = weir.server.publish("live/own", own, { signal: abort.signal });
  using player = await RtmpClient.player(weir.port, "own");
  assertEquals(await player.frameNumbers(7), [7]);
  abort.abort();
  await published;
  await reader.cancel();
});

Deno.test("numbers of workers are checked", () => {
  for (const workers of [0, 1.5, 1000]) {
    const start = () => TestServer.start({ workers });
    assertRejects(start, RangeError, "'workers' must be");
  }
});

Deno.test("a port that is taken is what the server says, and no worker is left", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const start = () => TestServer.start({ ...TWO, rtmp: { hostname: "127.0.0.1", port } });
  await assertRejects(start, ServerError, "the port is in use");
});

Deno.test("a stream that a relay fetches on demand is fetched once, whatever workers its players come to", async () => {
  await using origin = await TestServer.start();
  await using weir = await TestServer.start({
    ...TWO,
    relays: [{ mode: "pull", name: "live/*", url: `${origin.url}/live/*`, retryMs: 10 }],
  });
  using source = await RtmpClient.publisher(origin.port, "cam");
  await source.frames(0, 1);
  const from = weir.log.lines.length;
  const first = await RtmpClient.player(weir.port, "cam");
  const worker = await workerOf(weir, "rtmp play started", from);
  using second = await playerElsewhere(weir, worker);
  for (const client of [first, second.client]) assertEquals(await client.frameNumbers(0), [0]);
  assertEquals(origin.server.hub.get("live/cam")?.readerCount, 1);
  await weir.server.freshSnapshot();
  const [relay] = weir.server.relays;
  assertEquals([relay?.state, relay?.streams?.length], ["running", 1]);
  assert(await weir.server.removeRelay(relay!.id));
  assertEquals(weir.server.relays, []);
  await until(() => origin.server.hub.get("live/cam")?.readerCount === 0);
  first.close();
});

Deno.test("a push forwards a stream once, from the worker that has its publisher", async () => {
  await using target = await TestServer.start();
  await using weir = await TestServer.start(TWO);
  await weir.server.addRelay({ mode: "push", name: "live/*", url: `${target.url}/copy/*` });
  using source = await publisher(weir);
  using player = await playerElsewhere(weir, source.worker);
  await source.client.frames(0, 1);
  assertEquals(await player.client.frameNumbers(0), [0]);
  await until(() => target.server.hub.get("copy/cam")?.isLive === true);
  assertEquals(target.log.lines.filter(({ message }) => message.includes("refused")), []);
  assertEquals(target.server.connectionCount, 1);
  // What a program publishes is forwarded too, from this thread.
  await using _own = new LoopedPublisher(weir.server, "live/own", ["h264"]);
  await until(() => target.server.hub.get("copy/own")?.isLive === true);
  assertEquals(target.server.connectionCount, 2);
  const [relay] = weir.server.relays;
  assert(await weir.server.removeRelay(relay!.id));
  await until(() => target.server.connectionCount === 0);
});

Deno.test("all workers listen elsewhere, those that begin anew too, and connections that there are go on", async () => {
  await using weir = await TestServer.start(TWO);
  const { server } = weir;
  using source = await publisher(weir);
  await source.client.frames(0, 1);
  const [before] = server.addresses;
  const port = freePort();
  await server.relisten("rtmp", { hostname: "127.0.0.1", port });
  assertEquals(server.addresses[0]!.port, port);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port: before!.port }));
  for (let at = 1; at < 7; at++) {
    using player = await RtmpClient.player(port, "cam");
    await source.client.frames(at, 1);
    assertEquals((await player.frameNumbers(at)).at(-1), at);
  }
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const other = { hostname: "127.0.0.1", port: (taken.addr as Deno.NetAddr).port };
  await assertRejects(() => server.relisten("rtmp", other), ServerError, "the port is in use");
  assertEquals(server.addresses[0]!.port, port);
  weir.log.expectedErrors.add(WORKER_DIED);
  assert(server.restartWorker(source.worker === "worker 1" ? 1 : 0));
  await until(() => server.workers.every(({ state }) => state === "running"));
  for (let at = 0; at < 6; at++) (await RtmpClient.open(port)).close();
  await server.relisten("rtmp", false);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port }));
});

Deno.test("the API and the metrics are of the whole server, whatever worker is asked", async () => {
  await using weir = await TestServer.start({
    ...TWO,
    http: { hostname: "127.0.0.1", port: 0 },
    api: { tokens: ["a-token-of-the-tests"], program: { config: () => "of the program" } },
  });
  using source = await publisher(weir);
  await source.client.frames(0, 1);
  using player = await playerElsewhere(weir, source.worker);
  assertEquals(await player.client.frameNumbers(0), [0]);
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  const authorization = "Bearer a-token-of-the-tests";
  // Each request on a connection of its own: some come to either worker.
  for (let tries = 0; tries < 8; tries++) {
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { authorization, connection: "close" },
      });
    const streams = await (await ask("/v1/streams")).text();
    assert(streams.includes('"live/cam"'), streams);
    assertEquals(await (await ask("/v1/config")).json(), "of the program");
    const metrics = await (await ask("/metrics")).text();
    assert(/^weir_\w+/m.test(metrics), metrics.slice(0, 500));
  }
  // Methods that no program may ask with end neither the worker nor the main thread, and names are as they were asked for.
  for (
    const [request, status] of [["TRACE /v1/streams", 405], ["GET /v1/streams/live/a%3Fb", 404]]
  ) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const fields = `Host: localhost\r\nAuthorization: ${authorization}\r\nConnection: close`;
    await conn.write(new TextEncoder().encode(`${request} HTTP/1.1\r\n${fields}\r\n\r\n`));
    const answer = await new Response(conn.readable).text();
    assert(answer.startsWith(`HTTP/1.1 ${status} `), answer);
    assert(status === 405 || answer.includes("live/a?b"), answer);
  }
  const refused = await fetch(`http://127.0.0.1:${port}/v1/streams`);
  assertEquals(refused.status, 401);
  await refused.body?.cancel();
});

Deno.test("a player of HLS goes on at the worker that it began at, whatever worker its requests come to", async () => {
  await using weir = await TestServer.start({
    ...TWO,
    http: { hostname: "127.0.0.1", port: 0 },
    hls: { segmentMs: 400 },
  });
  await using _publisher = new LoopedPublisher(weir.server, "live/cam", ["h264"]);
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  // Each request on a connection of its own: some come to either worker.
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/live/cam/${path}`, {
      headers: { connection: "close" },
    });
    assertEquals(response.status, 200, path);
    assertEquals(response.headers.get("access-control-allow-origin"), "*");
    return await response.bytes();
  };
  const textOf = async (path: string) => new TextDecoder().decode(await ask(path));
  const [, folder] = /^(hls\/\w+\/)main\.m3u8$/m.exec(await textOf("index.m3u8"))!;
  const firsts = new Set<string>();
  for (let tries = 0; tries < 12; tries++) {
    const [, uri] = /^(main\.\w+)\.\d+\.m4s$/m.exec(await textOf(`${folder}main.m3u8`))!;
    firsts.add(uri!);
  }
  assertEquals(firsts.size, 1);
  const [uri] = /^main\.\w+\.\d+\.m4s$/m.exec(await textOf(`${folder}main.m3u8`))!;
  const sizes = new Set<number>();
  for (let tries = 0; tries < 6; tries++) sizes.add((await ask(`${folder}${uri}`)).length);
  assertEquals(sizes.size, 1);
});
