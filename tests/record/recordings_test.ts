import { assert, assertEquals, assertRejects } from "@std/assert";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import {
  type FileSink,
  RecordingError,
  type RecordingRule,
  type RecordingStore,
  type StoredFile,
} from "../../src/record/mod.ts";
import { listArguments, makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";
import { fileUnits } from "../../src/files/mod.ts";

/** A store in memory, which can be made to fail and to wait. */
class MemoryStore implements RecordingStore {
  readonly target = "memory";
  readonly files = new Map<string, Uint8Array[]>();
  /** Thrown by the next write or creation while it is there. */
  failure: Error | undefined;
  /** Writes wait for it. */
  gate: Promise<void> = Promise.resolve();
  onWrite: (() => void) | undefined;

  check(): Promise<void> {
    return Promise.resolve();
  }

  create(path: string): Promise<FileSink | undefined> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.files.has(path)) return Promise.resolve(undefined);
    const pieces: Uint8Array[] = [];
    this.files.set(path, pieces);
    return Promise.resolve({
      write: async (bytes) => {
        await this.gate;
        if (this.failure !== undefined) throw this.failure;
        pieces.push(bytes.slice());
        this.onWrite?.();
      },
      close: () => Promise.resolve(),
    });
  }

  async *list(): AsyncIterable<StoredFile> {
    for (const [path, pieces] of this.files) {
      yield { path, bytes: sizeOf(pieces), modifiedUnixMs: Date.now() };
    }
  }

  async read(
    path: string,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const bytes = await new Blob(this.files.get(path) as BlobPart[]).bytes();
    return bytes.subarray(offset, offset + length);
  }

  remove(path: string): Promise<void> {
    this.files.delete(path);
    return Promise.resolve();
  }

  /** Writes its only file, or the one at `at`, to disk. */
  async save(to: string, at = 0): Promise<void> {
    await Deno.writeFile(to, await new Blob([...this.files.values()][at] as BlobPart[]).bytes());
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

async function start(rule: Omit<RecordingRule, "name" | "to"> & { to?: RecordingRule["to"] } = {}) {
  const store = new MemoryStore();
  const server = await TestServer.start({
    rtmp: false,
    record: [{ name: "live/*", to: store, ...rule }],
    hub: { lingerMs: 0, maxLagBytes: 65_536 },
  });
  return { store, server };
}

const PCMA: Track = {
  ...{ kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
} as Track;

function sound(fromMs: number, count: number): MediaUnit[] {
  return Array.from({ length: count }, (_, at) => ({
    kind: "audio",
    role: "media",
    track: 0,
    dtsUs: (fromMs + at * 20) * 1000,
    ptsUs: (fromMs + at * 20) * 1000,
    keyFrame: true,
    discardable: false,
    payload: { format: "access-unit", data: new Uint8Array(160).fill(at) },
  }));
}

async function ended(server: TestServer): Promise<void> {
  await server.log.line(({ message }) => message === "recording ended");
}

for (const format of ["mp4", "flv", "ts", "mkv"] as const) {
  Deno.test({
    name: `what is recorded as ${format} is what was published, frame for frame`,
    ignore: ignoreWithout("ffmpeg", "ffprobe"),
    async fn() {
      await using folder = new TemporaryFolder();
      const source = `${folder.path}/source.flv`;
      await makeRecording(source, { seconds: 3 });
      const { store, server } = await start({ format });
      await using _ = server;
      const told: unknown[] = [];
      server.server.events.addEventListener("recording-segment", ({ detail }) => {
        told.push([detail.stream, detail.path, detail.bytes]);
      });
      await server.server.publish("live/cam", fileUnits([source]));
      await ended(server);
      assertEquals([...store.files.keys()].length, 1);
      const copy = `${folder.path}/copy.${format}`;
      await store.save(copy);
      const decoded = async (path: string): Promise<string[]> => {
        const { stdout, stderr, code } = await run("ffmpeg", [
          ...[
            "-v",
            "warning",
            "-i",
            path,
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-fps_mode",
            "passthrough",
          ],
          ...["-f", "framehash", "-"],
        ]);
        assertEquals([code, stderr], [0, ""], path);
        return new TextDecoder().decode(stdout).split("\n")
          .flatMap((line) => /^(\d),.*,\s*(\w{64})$/.exec(line)?.slice(1).join() ?? []);
      };
      const [before, after] = [await decoded(source), await decoded(copy)];
      assertEquals(
        after.filter((line) => line[0] === "0"),
        before.filter((line) => line[0] === "0"),
      );
      assertEquals(after.length, before.length);
      const [segment] = server.server.recordings.find({ name: "live/cam" });
      assertEquals(segment?.isOpen, false);
      assert(Math.abs(segment!.durationMs! - 3000) < 100, `${segment?.durationMs}`);
      assertEquals(segment?.bytes, sizeOf([...store.files.values()][0]!));
      assertEquals(told, [["live/cam", segment?.path, segment?.bytes]]);
    },
  });
}

Deno.test({
  name: "files are cut at key frames, and play in sequence without a frame missing",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 5 });
    const { store, server } = await start({ segmentMs: 1500 });
    await using _ = server;
    await server.server.publish("live/cam", fileUnits([source]));
    await ended(server);
    const counts: number[] = [];
    for (const at of [...store.files.keys()].keys()) {
      const path = `${folder.path}/${at}.mp4`;
      await store.save(path, at);
      const { stdout, code } = await run("ffmpeg", ["-v", "error", ...listArguments(path)]);
      assertEquals(code, 0);
      counts.push(new TextDecoder().decode(stdout).match(/^0,/gm)!.length);
    }
    // Key frames come each second: a file of 1.5 s ends after two of them.
    assertEquals(counts, [50, 50, 25]);
  },
});

Deno.test("a store that is too slow slows nobody: the file has a gap, which is counted and told", async () => {
  const { store, server } = await start();
  await using _ = server;
  const held = Promise.withResolvers<void>();
  store.gate = held.promise;
  const publishing = server.server.publish(
    "live/radio",
    ReadableStream.from(sound(0, 2000)),
    { tracks: [PCMA] },
  );
  await publishing;
  held.resolve();
  await ended(server);
  const told = await server.log.line(({ message }) => message.startsWith("recording has a gap"));
  assert(Number(told.fields.units) > 0);
});

Deno.test("a store that fails is told of once, live goes on, and recording goes on in another file", async () => {
  const { store, server } = await start({ partMs: 100 });
  await using _ = server;
  let units: ReadableStreamDefaultController<MediaUnit>;
  const publishing = server.server.publish(
    "live/radio",
    new ReadableStream<MediaUnit>({ start: (controller) => void (units = controller) }),
    { tracks: [PCMA] },
  );
  const written = Promise.withResolvers<void>();
  store.onWrite = written.resolve;
  for (const unit of sound(0, 200)) units!.enqueue(unit);
  await written.promise;
  store.failure = new Error("No space left on device");
  for (const unit of sound(4000, 200)) units!.enqueue(unit);
  const failed = await server.log.line(({ message }) => message === "recording failed");
  assertEquals(failed.fields.reason, "No space left on device");
  store.failure = undefined;
  let at = 8000;
  const feeding = setInterval(() => units.enqueue(sound(at += 20, 1)[0]!), 5);
  await server.log.line(({ message }) => message === "recording goes on");
  clearInterval(feeding);
  units!.close();
  await publishing;
  await ended(server);
  assertEquals(store.files.size, 2);
  assertEquals(server.log.lines.filter(({ message }) => message === "recording failed").length, 1);
});

Deno.test("a clock that was set back overwrites no file", async () => {
  const { store, server } = await start({ path: "{name}/{unix}" });
  await using _ = server;
  const { recordings } = server.server;
  const now = Date.now;
  Date.now = () => 1_795_771_800_250;
  try {
    for (let turn = 0; turn < 3; turn++) {
      await server.server.publish("live/radio", ReadableStream.from(sound(0, 50)), {
        tracks: [PCMA],
      });
      const count = (): number =>
        server.log.lines.filter(({ message }) => message === "recording ended").length;
      await server.log.line(() => count() === turn + 1);
    }
  } finally {
    Date.now = now;
  }
  const paths = [...store.files.keys()].sort();
  assertEquals(paths.length, 3);
  assertEquals(new Set(paths).size, 3);
  assertEquals(recordings.find({ name: "live/radio" }).length, 3);
});

Deno.test("a stream is recorded while it is watched, or while a program says so, where the rule has it", async () => {
  const store = new MemoryStore();
  await using server = await TestServer.start({
    rtmp: false,
    record: [{ name: "live/*", to: store, when: "api" }],
  });
  const { recordings } = server.server;
  let units: ReadableStreamDefaultController<MediaUnit>;
  const publishing = server.server.publish(
    "live/radio",
    new ReadableStream<MediaUnit>({ start: (controller) => void (units = controller) }),
    { tracks: [PCMA] },
  );
  await server.log.line(({ message }) => message.includes("publish started"));
  assertEquals(recordings.record("other/radio"), false);
  assertEquals(recordings.statistics, []);
  assertEquals(recordings.record("live/radio"), true);
  for (const unit of sound(0, 150)) units!.enqueue(unit);
  await server.log.line(({ message }) => message === "recording started");
  assertEquals(await recordings.end("live/radio"), true);
  await ended(server);
  assertEquals(recordings.statistics, []);
  assertEquals(await recordings.end("live/radio"), false);
  units!.close();
  await publishing;
});

Deno.test("a recorder that is kicked stays away, and is a player like others meanwhile", async () => {
  const { server } = await start();
  await using _ = server;
  let units: ReadableStreamDefaultController<MediaUnit>;
  const publishing = server.server.publish(
    "live/radio",
    new ReadableStream<MediaUnit>({ start: (controller) => void (units = controller) }),
    { tracks: [PCMA] },
  );
  await server.log.line(({ message }) => message.includes("record play started"));
  const [[number]] = [...server.server.tickets].filter(([, { info }]) =>
    info.action === "play"
  ) as [
    [number, unknown],
  ];
  server.server.tickets.get(number)!.kick("enough");
  await ended(server);
  for (const unit of sound(0, 100)) units!.enqueue(unit);
  units!.close();
  await publishing;
  assertEquals(server.log.lines.filter(({ message }) => message === "recording started").length, 1);
});

Deno.test("a stream is recorded into any sink, which is closed with the stream", async () => {
  await using server = await TestServer.start({ rtmp: false });
  const pieces: Uint8Array[] = [];
  let isClosed = false;
  const recorded = server.server.stream("live/radio").record(
    new WritableStream<Uint8Array>({
      write: (bytes) => void pieces.push(bytes),
      close: () => void (isClosed = true),
    }),
  );
  await server.server.publish("live/radio", ReadableStream.from(sound(0, 150)), { tracks: [PCMA] });
  server.server.hub.get("live/radio")?.unpublish("over");
  await server.server.stop();
  const { bytes, durationMs } = await recorded;
  assertEquals(bytes, sizeOf(pieces));
  assert(durationMs >= 2900, `${durationMs}`);
  assert(isClosed);
});

Deno.test("a sink that fails ends its recording with its reason", async () => {
  await using server = await TestServer.start({ rtmp: false, hub: { lingerMs: 0 } });
  const recorded = server.server.stream("live/radio").record(
    new WritableStream({
      write: () => Promise.reject(new Error("the bucket has gone")),
    }),
  );
  const failing = assertRejects(() => recorded, Error, "the bucket has gone");
  await server.server.publish("live/radio", ReadableStream.from(sound(0, 500)), { tracks: [PCMA] });
  await failing;
});

Deno.test("files of a folder are found again at the next start, and go when they are too old", async () => {
  await using folder = new TemporaryFolder();
  const rule: RecordingRule = { name: "live/*", to: folder.path };
  {
    await using server = await TestServer.start({
      rtmp: false,
      record: [rule],
      hub: { lingerMs: 0 },
    });
    await server.server.publish("live/Ünï", ReadableStream.from(sound(0, 100)), { tracks: [PCMA] });
    await ended(server);
  }
  await Deno.writeTextFile(`${folder.path}/notes.txt`, "mine");
  await using server = await TestServer.start({
    rtmp: false,
    record: [{ ...rule, keepMs: 0 }],
  });
  const { recordings } = server.server;
  const [segment] = recordings.find({ name: "live/Ünï" });
  assertEquals(recordings.names, ["live/Ünï"]);
  const head = await recordings.read(segment!, { offset: 4, length: 4 });
  assertEquals(new TextDecoder().decode(head), "ftyp");
  await assertRejects(
    () => recordings.read({ rule: 0, path: "../x" }, { offset: 0, length: 1 }),
    RecordingError,
    "There is no recording",
  );
  await recordings.sweep();
  assertEquals(recordings.names, []);
  assertEquals(await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name), ["notes.txt"]);
});

Deno.test("rules that are wrong are refused in words", async () => {
  const wrong = (rule: object) => async () => {
    await using _ = await TestServer.start({
      rtmp: false,
      record: [{ name: "live/*", to: "x", ...rule } as RecordingRule],
    });
  };
  await assertRejects(wrong({ segmentMs: 0 }), RangeError, "'segmentMs'");
  await assertRejects(wrong({ format: "avi" }), TypeError, "'format' must be mp4, flv, ts");
  await assertRejects(wrong({ path: "{time}" }), TypeError, "it lacks {name}");
  await assertRejects(wrong({ name: "live//x" }), TypeError, "pattern");
});

Deno.test({
  name:
    "who publishes again is recorded in a file of its own, with all tracks, and so is what changes",
  ignore: ignoreWithout("ffmpeg", "ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    const [source, other] = [`${folder.path}/source.flv`, `${folder.path}/other.flv`];
    await makeRecording(source, { seconds: 2 });
    const made = await run("ffmpeg", [
      ...["-v", "error", "-i", source, "-vf", "scale=320:240", "-c:a", "copy"],
      ...["-c:v", "libx264", "-preset", "ultrafast", other],
    ]);
    assertEquals(made.code, 0, made.stderr);
    const { store, server } = await start();
    await using _ = server;
    await server.server.configure({
      hub: { lingerMs: 10_000 },
      record: [{ name: "live/*", to: store }],
    });
    for (const path of [source, source, other]) {
      await server.server.publish("live/cam", fileUnits([path]));
    }
    await server.server.stop();
    await ended(server);
    const found: string[] = [];
    for (const at of [...store.files.keys()].keys()) {
      const path = `${folder.path}/${at}.mp4`;
      await store.save(path, at);
      const { stdout } = await run("ffprobe", [
        ...[
          "-v",
          "error",
          "-count_packets",
          "-show_entries",
          "stream=codec_name,width,nb_read_packets",
        ],
        ...["-of", "csv=p=0", path],
      ]);
      found.push(new TextDecoder().decode(stdout).trim().replaceAll("\n", " "));
    }
    assert(/^h264,320,50 aac,8[5-9]$/.test(found[2]!), found[2]);
    const [sound] = /aac.*/.exec(found[0]!)!;
    assertEquals(found, [
      `h264,160,50 ${sound}`,
      `h264,160,50 ${sound}`,
      found[2],
    ]);
  },
});

Deno.test("time that jumps begins one file, and not one for each track", async () => {
  const { store, server } = await start();
  await using _ = server;
  const other = { ...PCMA, id: 1 };
  const units = (fromMs: number, track: number) =>
    sound(fromMs, 8).map((unit) => ({ ...unit, track }));
  await server.server.publish(
    "live/radio",
    ReadableStream.from([
      ...units(0, 0),
      ...units(0, 1),
      ...units(100_000, 0),
      ...units(100_000, 1),
    ]),
    { tracks: [PCMA, other] },
  );
  await ended(server);
  assertEquals(store.files.size, 2);
});
