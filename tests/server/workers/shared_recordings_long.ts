/** What is recorded, kept and cut of streams where workers serve, whatever worker has their publishers and players. */
import { assert, assertEquals } from "@std/assert";
import type { ServerOptions } from "../../../mod.ts";
import { LoopedPublisher } from "../../doors/http/looped_publisher.ts";
import { makeRecording, TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout } from "../../support/process.ts";
import { TestServer, until, WORKER_DIED } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const TOKEN = "a-token-of-the-tests";
const TWO = {
  ...{ rtmp: false, http: LOCAL, workers: 2, api: { tokens: [TOKEN] } },
  hub: { lingerMs: 0 },
} as const satisfies ServerOptions;

/** As many that both workers are next to certain to have some of them. */
const TRIES = 8;

/** Asks on a connection of its own, which comes to any worker. */
async function ask(weir: TestServer, path: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(`http://127.0.0.1:${weir.port}${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      connection: "close",
      "content-type": "application/json",
    },
  });
}

/** Publishes what a stream is played as; ends however that ends. */
async function republish(weir: TestServer, from: string, to: string): Promise<void> {
  const { body } = await ask(weir, from);
  try {
    await (await ask(weir, to, { method: "POST", body })).body?.cancel();
  } catch {
    // Its worker has died, or it was sent away.
  }
}

interface ShownSegment {
  readonly name: string;
  readonly isOpen: boolean;
  readonly start: string;
  readonly bytes: number;
}

async function listed(weir: TestServer): Promise<ShownSegment[]> {
  return (await (await ask(weir, "/v1/recordings?limit=1000")).json()).items;
}

Deno.test(
  "what workers record is listed, played, kept, cut and played from another time on by any of them",
  { ignore: ignoreWithout("ffmpeg") },
  async () => {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 2 });
    const body = await Deno.readFile(source);
    await using weir = await TestServer.start({
      ...TWO,
      record: [{ name: "live/*", to: `${folder.path}/recordings` }],
      keep: { ms: 60_000 },
      clips: { to: `${folder.path}/clips` },
    });
    const { server } = weir;
    const told: string[] = [];
    server.events.addEventListener(
      "recording-segment",
      ({ detail }) => void told.push(detail.stream),
    );
    const names = Array.from({ length: TRIES }, (_, at) => `live/cam${at}`);
    for (const name of names) {
      const published = await ask(weir, `/${name}.flv`, { method: "POST", body });
      assertEquals((await published.json()).stream, name);
    }
    await until(() => told.length === TRIES);
    assertEquals(told.toSorted(), names);
    const files = await listed(weir);
    assertEquals(
      files.map(({ name, isOpen }) => [name, isOpen]),
      names.map((name) => [name, false]),
    );
    for (const { name, start, bytes } of files) {
      const at = encodeURIComponent(start);
      const whole = await ask(weir, `/v1/recordings/${name}/segment.mp4?start=${at}`);
      assertEquals([whole.status, (await whole.bytes()).length], [200, bytes]);
      assertEquals(whole.headers.get("access-control-allow-origin"), "*");
      const cut = await ask(weir, `/v1/recordings/${name}.mp4`);
      assert(cut.headers.get("content-length") === String((await cut.bytes()).length));
      const clip = await ask(weir, `/${name}/clip.mp4?last=30`);
      assertEquals([clip.status, clip.headers.get("content-type")], [200, "video/mp4"]);
      assert((await clip.bytes()).length > 1000);
      // From a worker that may not have had the publisher: until what is kept is over.
      const past = await ask(weir, `/${name}.flv?from=-60`);
      assertEquals(past.status, 200, name);
      const reader = past.body!.getReader();
      for (let length = 0; length < body.length / 4;) {
        const { value } = await reader.read();
        assert(value !== undefined, `${name} ended after ${length} of ${body.length}`);
        length += value.length;
      }
      await reader.cancel();
    }
    const saved = await server.saveClip(names[0]!, { lastMs: 60_000 });
    assertEquals((await Deno.stat(`${folder.path}/clips/${saved.path}`)).size, saved.bytes);
    const kept = { method: "POST", body: JSON.stringify({ last: 30 }) };
    const byApi = await ask(weir, `/v1/streams/${names[1]}/clips`, kept);
    assertEquals(byApi.status, 201, await byApi.text());
    const gone = await ask(weir, `/v1/recordings/${names[0]}?start=${files[0]!.start}`, {
      method: "DELETE",
    });
    assertEquals(gone.status, 204);
    assertEquals((await listed(weir)).length, TRIES - 1);
  },
);

Deno.test("what a program publishes is recorded, by the API's word too, and a worker that dies leaves whole files", async () => {
  await using folder = new TemporaryFolder();
  await using weir = await TestServer.start({
    ...TWO,
    record: [
      { name: "own/*", to: `${folder.path}/own` },
      { name: "told/*", to: `${folder.path}/told`, when: "api", partMs: 50 },
    ],
  });
  const { server } = weir;
  {
    await using _own = new LoopedPublisher(server, "own/cam", ["h264"]);
    await until(() => server.recordings.statistics.some(({ bytes }) => bytes > 0));
  }
  await until(() => server.recordings.find({ name: "own/cam" }).some(({ isOpen }) => !isOpen));

  // The units of a program, played by a worker as FLV, and published by a client to any of them.
  await using _source = new LoopedPublisher(server, "src/cam", ["h264"]);
  const publishing = republish(weir, "/src/cam.flv", "/told/cam.flv");
  await until(() =>
    server.snapshot().streams.some(({ name, isLive }) => name === "told/cam" && isLive)
  );
  assertEquals(server.recordings.statistics, []);
  const started = await ask(weir, "/v1/recordings/told/cam/start", { method: "POST" });
  assertEquals(started.status, 204);
  const open = () => server.recordings.find({ name: "told/cam" });
  await until(() => (open()[0]?.bytes ?? 0) > 10_000);
  const { tickets } = await server.freshSnapshot();
  const { connection } = tickets.find(({ stream, action }) =>
    stream === "told/cam" && action === "publish"
  )!;
  // Numbers go round the workers, the main thread being last.
  weir.log.expectedErrors.add(WORKER_DIED);
  assert(server.restartWorker(connection % 3 - 1));
  await until(() => open()[0]?.isOpen === false);
  assert(open()[0]!.bytes > 10_000);
  const cut = await server.fetch(
    new Request("http://localhost/v1/recordings/told/cam.mp4", {
      headers: { authorization: `Bearer ${TOKEN}` },
    }),
  );
  assertEquals(cut.status, 200);
  assert((await cut.bytes()).length > 10_000);
  await publishing;
  // Who begins anew records what was told before.
  await until(() => server.workers.every(({ state }) => state === "running"));
  {
    const again = republish(weir, "/src/cam.flv", "/told/cam.flv");
    await until(() => open().length === 2);
    assertEquals((await ask(weir, "/v1/recordings/told/cam/stop", { method: "POST" })).status, 204);
    assert(open().every(({ isOpen }) => !isOpen));
    for (const { info, kick } of server.tickets.values()) {
      if (info.stream === "told/cam") kick("Enough");
    }
    await again;
  }
});
