/** Rules of recordings that change while streams are live. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ServerOptions } from "../../mod.ts";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import { MemoryStore, type RecorderStatistics } from "../../src/record/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { TestServer, until } from "../support/test_server.ts";

const PCMA = {
  ...{ kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
} as Track;

/** A stream of sound that goes on until it is closed. */
class Radio implements AsyncDisposable {
  readonly #publishing: Promise<void>;
  #units!: ReadableStreamDefaultController<MediaUnit>;
  #atMs = 0;

  constructor(weir: TestServer, name: string) {
    const units = new ReadableStream<MediaUnit>({
      start: (controller) => void (this.#units = controller),
    });
    this.#publishing = weir.server.publish(name, units, { tracks: [PCMA] });
  }

  /** Publishes two seconds. */
  play(): void {
    for (let at = 0; at < 100; at++, this.#atMs += 20) {
      this.#units.enqueue({
        ...{ kind: "audio", role: "media", track: 0, keyFrame: true, discardable: false },
        dtsUs: this.#atMs * 1000,
        ptsUs: this.#atMs * 1000,
        payload: { format: "access-unit", data: new Uint8Array(160).fill(at) },
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#units.close();
    await this.#publishing;
  }
}

const BASE: ServerOptions = { rtmp: false, hub: { lingerMs: 0 }, api: false };

async function filesOf(folder: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) paths.push(...await filesOf(`${folder}/${name}`));
      else paths.push(`${folder}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return paths.toSorted();
}

/** Resolves when so many recorders are at work, each of which has written something. */
async function atWork(weir: TestServer, count: number): Promise<void> {
  const { recordings } = weir.server;
  await until(() => recordings.statistics.filter(({ bytes }) => bytes > 0).length === count);
}

function working(weir: TestServer): [string, RecorderStatistics["state"]][] {
  return weir.server.recordings.statistics.map(({ name, state }) => [name, state]);
}

Deno.test("recordings begin, go on and end with the rules, of the options and of paths alike", async () => {
  await using folder = new TemporaryFolder();
  const [first, second] = [`${folder.path}/first`, `${folder.path}/second`];
  await using weir = await TestServer.start(BASE);
  const { server } = weir;
  const segments: string[] = [];
  server.events.addEventListener(
    "recording-segment",
    ({ detail }) => void segments.push(detail.path),
  );
  await using radio = new Radio(weir, "live/radio");
  radio.play();
  await weir.log.line(({ message }) => message.includes("publish started"));
  assertEquals(working(weir), []);

  // The stream is there already.
  await server.configure({ ...BASE, record: [{ name: "live/*", to: first }] });
  radio.play();
  await atWork(weir, 1);
  const [file] = await filesOf(first);
  assert(file !== undefined);

  // What is kept of the files differs, and nothing of how they are written; another rule beside them is of a path.
  await server.configure({ ...BASE, record: [{ name: "live/*", to: first, keepMs: 3_600_000 }] });
  await server.setPath({ pattern: "live/radio", record: { to: second } });
  radio.play();
  await atWork(weir, 2);
  assertEquals(segments, []);
  assertEquals(await filesOf(first), [file]);

  // Whatever else differs begins another file, behind the one that there is.
  await server.configure({ ...BASE, record: [{ name: "live/*", to: first, format: "flv" }] });
  assertEquals(segments.length, 1);
  radio.play();
  await atWork(weir, 2);

  await server.configure(BASE);
  assertEquals(working(weir).length, 1);
  await server.removePath("live/radio");
  assertEquals(working(weir), []);
  assertEquals(segments.length, 3);
  assertEquals(
    (await filesOf(first)).map((path) => path.split(".").at(-1)).toSorted().toReversed(),
    ["mp4", "flv"],
  );
  assertEquals((await filesOf(second)).length, 1);
  // What rules of before have written stays, and is no longer listed.
  assertEquals(server.recordings.find(), []);

  // A rule that comes back finds it.
  await server.configure({ ...BASE, record: [{ name: "other", to: first }] });
  assertEquals(server.recordings.find().map(({ name }) => name), ["live/radio"]);
});

Deno.test("rules of recordings that are wrong, or cannot be followed, change nothing", async () => {
  await using folder = new TemporaryFolder();
  await using weir = await TestServer.start(BASE);
  const { server } = weir;
  await using radio = new Radio(weir, "live/radio");
  radio.play();
  const record = [{ name: "live/*", to: `${folder.path}/files` }];
  await server.configure({ ...BASE, record });
  radio.play();
  await atWork(weir, 1);
  const file = `${folder.path}/a-file`;
  await Deno.writeTextFile(file, "");
  for (
    const [wrong, words] of [
      [{ name: "live/*", to: file }, "a-file"],
      [{ name: "live/*", to: "s3://bucket" }, "s3"],
      [{ name: "live/*", to: folder.path, segmentMs: 1 }, "segmentMs"],
    ] as const
  ) {
    const change = server.configure({ ...BASE, record: [wrong], paths: [{ pattern: "a" }] });
    const error = await assertRejects(() => change, Error);
    assert(error.message.toLowerCase().includes(words.toLowerCase()), error.message);
    assertEquals(server.paths, []);
  }
  await assertRejects(
    () => server.setPath({ pattern: "live/a", record: { to: "", partMs: 1 } }),
    RangeError,
    "partMs",
  );
  assertEquals(working(weir).length, 1);
});

Deno.test("what the API has told to record goes on by the rules of later, and clips go where the options say then", async () => {
  await using folder = new TemporaryFolder();
  const record = { name: "live/*", to: `${folder.path}/a`, when: "api" } as const;
  await using weir = await TestServer.start({ ...BASE, record: [record] });
  const { server } = weir;
  await using radio = new Radio(weir, "live/radio");
  radio.play();
  await weir.log.line(({ message }) => message.includes("publish started"));
  assert(server.recordings.record("live/radio"));
  await server.configure({
    ...BASE,
    record: [{ ...record, to: `${folder.path}/b` }],
    clips: { to: `${folder.path}/clips` },
  });
  radio.play();
  radio.play();
  await until(() => server.recordings.statistics.some(({ bytes }) => bytes > 4000));
  assertEquals(server.recordings.wanted, ["live/radio"]);
  const saved = await server.saveClip("live/radio", { lastMs: 60_000 });
  assertEquals(await filesOf(`${folder.path}/clips`), [`${folder.path}/clips/${saved.path}`]);
});

/** A store that counts how often it is looked at. */
class LookedStore extends MemoryStore {
  looks = 0;

  override check(): Promise<void> {
    this.looks++;
    return super.check();
  }
}

Deno.test("a change looks at the stores that are new, and at no other", async () => {
  const [first, second, clips] = [1, 2, 3].map(() => new LookedStore({ nowUnixMs: Date.now }));
  const looks = () => [first, second, clips].map((store) => store!.looks);
  const record = [{ name: "live/*", to: first! }];
  await using weir = await TestServer.start({ ...BASE, record, clips: { to: clips! } });
  const { server } = weir;
  assertEquals(looks(), [1, 0, 1]);
  await server.setPath({ pattern: "live/a", record: { to: second! } });
  assertEquals(looks(), [1, 1, 1]);
  await server.setPath({ pattern: "live/b", maxPlayers: 3 });
  await server.configure({
    ...BASE,
    record: [{ ...record[0]!, keepMs: 1 }],
    clips: { to: clips! },
  });
  assertEquals(looks(), [1, 1, 1]);
  await server.configure({ ...BASE, record, clips: { to: second! } });
  assertEquals(looks(), [1, 2, 1]);
});

/** Goes on publishing G.711 A-law, which has no header (FLV specification, E.4.2.1), ten times as fast as it plays. */
async function publishSound(publisher: RtmpClient, signal: AbortSignal): Promise<void> {
  const body = new Uint8Array(161).fill(0xd5).with(0, 0x72);
  for (let atMs = 0; !signal.aborted; atMs += 20) {
    await publisher.send(publisher.mediaBytes("audio", atMs, body));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

Deno.test("workers record by the rules of now", async () => {
  await using folder = new TemporaryFolder();
  await using weir = await TestServer.start({
    ...BASE,
    rtmp: { hostname: "127.0.0.1", port: 0 },
    workers: 2,
  });
  const { server } = weir;
  const record = [{ name: "live/*", to: `${folder.path}/files` }];
  await server.configure({ ...BASE, record });
  using publisher = await RtmpClient.publisher(weir.port, "cam");
  const abort = new AbortController();
  const publishing = publishSound(publisher, abort.signal);
  await atWork(weir, 1);
  await server.configure(BASE);
  await until(() => working(weir).length === 0);
  await server.configure({ ...BASE, record });
  await atWork(weir, 1);
  abort.abort();
  await publishing;
  publisher.close();
  await until(() => working(weir).length === 0);
  // Each time has made a file, and both are done.
  await until(() => server.recordings.find().filter(({ isOpen }) => !isOpen).length === 2);
});

Deno.test("a rule that keeps less removes no files of other rules, though they have the same folder", async () => {
  await using folder = new TemporaryFolder();
  const to = folder.path;
  await using weir = await TestServer.start({ ...BASE, record: [{ name: "other/*", to }] });
  const { server } = weir;
  await using radio = new Radio(weir, "other/radio");
  radio.play();
  await atWork(weir, 1);
  // One of an hour ago, and one that is being written.
  const old = `${to}/other/radio/2026-01-02/03-04-05-006.mp4`;
  await Deno.mkdir(`${to}/other/radio/2026-01-02`, { recursive: true });
  await Deno.writeFile(old, new Uint8Array(10));
  const files = await filesOf(to);
  assertEquals(files.length, 2);

  await server.setPath({ pattern: "live/*", record: { to, keepBytes: 0 } });
  await server.recordings.sweep();
  assertEquals(await filesOf(to), files);

  // This one is about the same streams: what is being written is nobody's to remove.
  await server.setPath({ pattern: "other/radio", record: { to, keepBytes: 0, when: "api" } });
  await server.recordings.sweep();
  assertEquals(await filesOf(to), files.filter((file) => file !== old));
  const found = server.recordings.find();
  assert(found.length > 0);
  for (const segment of found) assertEquals(await server.recordings.remove(segment), false);
  assertEquals((await filesOf(to)).length, 1);
});

Deno.test("a store that fails holds rules up no longer than it is tried when a program ends, and one that stays is not closed", async () => {
  const closed: string[] = [];
  const storeOf = (name: string, { fails }: { readonly fails: boolean }) => {
    const store = new MemoryStore({ nowUnixMs: Date.now });
    const over = Promise.withResolvers<void>();
    if (!fails) over.resolve();
    return Object.assign(store, {
      // Its files end only when it is closed, as those of a service do that does not answer.
      create: async (path: string) => ({
        ...(await MemoryStore.prototype.create.call(store, path))!,
        close: () => over.promise,
      }),
      close: async (done: Promise<unknown>) => {
        closed.push(name);
        over.resolve();
        await done;
      },
    });
  };
  const [first, second] = [
    storeOf("first", { fails: true }),
    storeOf("second", { fails: false }),
  ];
  const options = { ...BASE, record: [{ name: "live/*", to: first }] };
  {
    await using weir = await TestServer.start(options);
    const { server } = weir;
    await using radio = new Radio(weir, "live/radio");
    radio.play();
    await atWork(weir, 1);
    await server.configure({ ...BASE, record: [{ name: "live/*", to: second }] });
    assertEquals(closed, ["first"]);
    // It is for other streams from now on, and it is the same store.
    await server.configure({ ...BASE, record: [{ name: "other/*", to: second }] });
    assertEquals(closed, ["first"]);
  }
  assertEquals(closed, ["first", "second"]);
});
