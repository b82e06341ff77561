import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import {
  RecordingError,
  RecordingPlayback,
  type RecordingRule,
  S3Store,
} from "../../src/record/mod.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { S3Server } from "../support/s3_server.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { TestServer } from "../support/test_server.ts";

const PART_BYTES = 5 * 1024 * 1024;
const WHOLE = { fromUnixMs: 0, toUnixMs: Infinity };

const PCMA = {
  ...{ kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 48_000, channels: 2 },
} as Track;

/** A second of sound, of 1.6 MB, so that parts fill quickly; each unit is filled with its number. */
function second(number: number): MediaUnit[] {
  return Array.from({ length: 25 }, (_, at) => {
    const us = (number * 25 + at) * 40_000;
    const data = new Uint8Array(64_000).fill(number * 25 + at);
    return {
      ...{ kind: "audio", role: "media", track: 0, dtsUs: us, ptsUs: us, keyFrame: true },
      ...{ discardable: false, payload: { format: "access-unit", data } },
    } as MediaUnit;
  });
}

/** A server that records to the store, and a stream that is fed by hand. */
async function recording(rule: Omit<RecordingRule, "name">) {
  const server = await TestServer.start({
    rtmp: false,
    record: [{ name: "live/*", ...rule }],
    hub: { lingerMs: 0, maxLagBytes: 4_000_000 },
  });
  let units: ReadableStreamDefaultController<MediaUnit>;
  const publishing = server.server.publish(
    "live/radio",
    new ReadableStream<MediaUnit>({ start: (controller) => void (units = controller) }),
    { tracks: [PCMA] },
  );
  let at = 0;
  const { recordings } = server.server;
  return {
    server,
    recordings,
    /** Publishes seconds; waits until they are written, where the store takes them. */
    async feed(count: number, { waits = true } = {}): Promise<void> {
      for (let turn = 0; turn < count; turn++) {
        const before = recordings.statistics[0]?.bytes ?? 0;
        for (const unit of second(at++)) units!.enqueue(unit);
        // The last second is a fragment when the next one begins.
        while (waits && at > 1 && (recordings.statistics[0]?.bytes ?? 0) < before + 1_000_000) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    },
    async end(): Promise<void> {
      units!.close();
      await publishing;
      await server.log.line(({ message }) => message === "recording ended");
    },
  };
}

Deno.test({
  name: "a stream goes to object storage in parts, plays from there, is found again, and removed",
  async fn() {
    await using storage = await S3Server.start();
    const rule = { to: "s3://weir/some where", s3: storage.access, segmentMs: 5000 };
    const first = await recording(rule);
    {
      await using _ = first.server;
      await first.feed(8);
      const [open] = first.recordings.find({ name: "live/radio" }).filter(({ isOpen }) => isOpen);
      assertEquals(open?.isReadable, false);
      await first.end();
      const files = first.recordings.find({ name: "live/radio" });
      assertEquals(files.map(({ isOpen, isReadable }) => [isOpen, isReadable]), [
        [false, true],
        [false, true],
      ]);
      // One is sent in parts, the other at once.
      const [small, large] = files.map(({ bytes }) => bytes).sort((a, b) => a - b);
      assert(small! < PART_BYTES && large! > PART_BYTES, `${small} ${large}`);
    }
    await using second = await TestServer.start({
      rtmp: false,
      record: [{ name: "live/*", ...rule }],
    });
    const { recordings } = second.server;
    const files = recordings.find({ name: "live/radio" });
    assertEquals(
      files.map(({ path, bytes }) => [path, bytes]),
      first.recordings.find().map(({ path, bytes }) => [path, bytes]),
    );
    const playback = new RecordingPlayback(recordings);
    const cut = await playback.cut("live/radio", WHOLE);
    const bytes = await new Response(cut.readable).bytes();
    assertEquals(bytes.length, cut.bytes);
    assertEquals(soundIn(bytes), 200);
    const text = await playback.playlist("live/radio", WHOLE, { uriOf: ({ path }) => path });
    assertEquals(text.match(/#EXT-X-BYTERANGE/g)!.length >= 2, true);
    assertEquals((await recordings.read(files[0]!, { offset: 4, length: 4 })).length, 4);
    assertEquals(
      (await recordings.read(files[0]!, { offset: files[0]!.bytes, length: 4 })).length,
      0,
    );
    assertEquals(await recordings.remove(files[0]!), true);
    const store = new S3Store(rule.to, storage.access);
    assertEquals((await Array.fromAsync(store.list())).map(({ path }) => path), [files[1]!.path]);
    await assertRejects(() => store.read(files[0]!.path, { offset: 0, length: 4 }), RecordingError);
    assertEquals(await store.create(files[1]!.path), undefined);
  },
});

/** Counts the numbers of which there is a whole unit of sound: 64 000 equal bytes. */
function soundIn(bytes: Uint8Array): number {
  const numbers = new Set<number>();
  let start = 0;
  for (let at = 1; at <= bytes.length; at++) {
    if (bytes[at] === bytes[start]) continue;
    if (at - start >= 64_000) numbers.add(bytes[start]!);
    start = at;
  }
  return numbers.size;
}

Deno.test({
  name:
    "a store that is killed while it records slows nobody, and the file goes on when it is back",
  ignore: ignoreWithout("ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    await using storage = await S3Server.start();
    const { server, recordings, feed, end } = await recording({
      to: "s3://weir",
      s3: storage.access,
    });
    await using _ = server;
    await feed(5);
    await storage.kill();
    // What gathers and waits takes some seconds of this; the rest is a gap.
    await feed(30, { waits: false });
    const failing = await server.log.line(({ message }) =>
      message === "recording store fails, and is tried again"
    );
    assertEquals(failing.level, "warn");
    await storage.start();
    await server.log.line(({ message }) => message === "recording store works again");
    await feed(3);
    await end();
    const told = (text: string): number =>
      server.log.lines.filter(({ message }) => message.startsWith(text)).length;
    assertEquals(told("recording store fails"), 1);
    assertEquals(told("recording has a gap"), 1);
    assertEquals(told("recording failed"), 0);
    const done = await server.log.line(({ message }) => message === "recording ended");
    assert(Number(done.fields.gaps) >= 1);
    const [file, ...others] = recordings.find();
    assertEquals(others, []);
    const path = `${folder.path}/all.mp4`;
    await Deno.writeFile(path, await recordings.read(file!, { offset: 0, length: file!.bytes }));
    const { code, stderr } = await run("ffprobe", ["-v", "warning", "-show_packets", path]);
    assertEquals([code, stderr], [0, ""]);
    // Nothing is left of the upload but the object.
    assertEquals(
      (await Array.fromAsync(new S3Store("s3://weir", storage.access).list())).length,
      1,
    );
  },
});

Deno.test("an upload that a crash has left is finished with the parts that were sent", async () => {
  await using storage = await S3Server.start();
  const crashed = new S3Store("s3://weir/x", storage.access);
  const sink = await crashed.create("live/radio/1795771800-250.mp4");
  const piece = new Uint8Array(1_000_000).fill(7);
  for (let count = 0; count < 12; count++) await sink!.write(piece);
  const early = new S3Store("s3://weir/x", storage.access);
  while (await noted() < 2 * PART_BYTES) await new Promise((resolve) => setTimeout(resolve, 5));
  // Somebody may still write it.
  assertEquals(await Array.fromAsync(early.recover()), []);
  const later = new S3Store("s3://weir/x", storage.access, { leftAfterMs: -2000 });
  const files = await Array.fromAsync(later.recover());
  assertEquals(files.map(({ path }) => path), ["live/radio/1795771800-250.mp4"]);
  assertEquals(files[0]!.bytes, 2 * PART_BYTES);
  assertEquals(await noted(), 0);
  const [listed] = await Array.fromAsync(later.list());
  assertEquals(listed?.bytes, files[0]!.bytes);
  await crashed.close(Promise.resolve());

  /** Bytes of which a note says that they were sent. */
  async function noted(): Promise<number> {
    const notes = new S3Store("s3://weir/x/.unfinished", storage.access);
    try {
      const [note] = await Array.fromAsync(notes.list());
      if (note === undefined) return 0;
      return JSON.parse(
        new TextDecoder().decode(await notes.read(note.path, { offset: 0, length: 4096 })),
      ).bytes;
    } catch {
      return 0;
    }
  }
});

Deno.test("where object storage is, and who asks, is checked, and keys are in no error", async () => {
  const access = { accessKeyId: "public", secretAccessKey: "very secret" };
  for (const url of ["s3://", "s3://b", "s3://bucket/../x", "s3://Bucket/x", "s3://bucket/a//b"]) {
    assertThrows(() => new S3Store(url, access), TypeError, "s3://BUCKET/PREFIX");
  }
  const wrong = assertThrows(
    () => new S3Store("s3://bucket", { ...access, endpoint: "http://user:word@host/" }),
    TypeError,
  );
  assert(!/secret|word@/.test((wrong as Error).message));
  await using storage = await S3Server.start();
  const store = new S3Store("s3://weir", { ...storage.access, ...access });
  const refused = await assertRejects(() => store.check(), RecordingError);
  assertEquals(refused.code, "store");
  assert(!refused.message.includes("very secret"));
  const absent = new S3Store("s3://other", storage.access);
  await assertRejects(() => absent.check(), RecordingError, "no such bucket");
  await storage.kill();
  const { code } = await assertRejects(
    () => new S3Store("s3://weir", storage.access).check(),
    RecordingError,
  );
  assertEquals(code, "unreachable");
});
