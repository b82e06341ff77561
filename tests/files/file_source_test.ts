import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Clock, fileUnits, MediaFileError, type Timer } from "../../src/files/mod.ts";
import { encodeFlvHeader, encodeFlvTag, FlvTagType } from "../../src/flv/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";

const TYPES = { audio: FlvTagType.Audio, video: FlvTagType.Video, data: FlvTagType.Script };

async function unitsOf(paths: readonly string[]): Promise<MediaUnit[]> {
  return await Array.fromAsync(fileUnits(paths));
}

/** Writes units as an FLV file, so that FFmpeg can say what is in it. */
async function writeFlv(path: string, units: readonly MediaUnit[]): Promise<void> {
  const tags = units.map(({ kind, dtsUs, payload }) => {
    assert(payload.format === "flv");
    const timestampMs = Math.round(dtsUs / 1000);
    return encodeFlvTag({ type: TYPES[kind], timestampMs, body: payload.body });
  });
  const pieces = [encodeFlvHeader({ hasAudio: true, hasVideo: true }), ...tags];
  await Deno.writeFile(path, ReadableStream.from(pieces));
}

interface ListedPacket {
  readonly track: string;
  readonly dtsMs: number;
  readonly ptsMs: number;
  readonly hash: string;
}

/** The packets of the tracks as FFmpeg lists them, in the order of their hashes. */
async function packets(path: string): Promise<ListedPacket[]> {
  const { stdout, stderr, code } = await run("ffmpeg", [
    ...["-v", "error", "-i", path, "-map", "0:v", "-map", "0:a", "-c", "copy"],
    ...["-bsf:v", "h264_mp4toannexb,filter_units=remove_types=6|9", "-f", "framehash", "-"],
  ]);
  assertEquals(code, 0, stderr);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => /^\d/.test(line))
    .map((line) => {
      const [track, dts, pts, , , hash] = line.split(/,\s*/);
      return { track: track!, dtsMs: Number(dts), ptsMs: Number(pts), hash: hash! };
    })
    .sort((a, b) => a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.ptsMs - b.ptsMs);
}

function firstPicture(packets: readonly ListedPacket[]): number {
  return Math.min(...packets.filter(({ track }) => track === "0").map(({ ptsMs }) => ptsMs));
}

Deno.test({
  name: "files of all containers are read as FFmpeg reads them",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 2 });
    const expected = await packets(source);
    for (
      const [name, ...options] of [
        ["copy.flv"],
        ["plain.mp4"],
        ["fragments.mp4", "-movflags", "frag_keyframe+empty_moov+delay_moov"],
        ["copy.mkv"],
        ["copy.ts", "-muxdelay", "0"],
      ]
    ) {
      const path = `${folder.path}/${name}`;
      const { code } = await run("ffmpeg", [
        "-v",
        "error",
        "-i",
        source,
        "-c",
        "copy",
        ...options,
        path,
      ]);
      assertEquals(code, 0);
      const again = `${folder.path}/again.flv`;
      await writeFlv(again, await unitsOf([path]));
      const found = await packets(again);
      assertEquals(found.map(({ hash }) => hash), expected.map(({ hash }) => hash), name);
      for (const [at, { track, ptsMs }] of expected.entries()) {
        // Clocks of containers round otherwise, and the first picture may be decoded earlier than it must.
        const shown = found[at]!.ptsMs - firstPicture(found);
        assertAlmostEquals(shown, ptsMs - firstPicture(expected), 2, `${name} ${track}`);
        assert(found[at]!.dtsMs <= found[at]!.ptsMs, `${name} ${track}`);
      }
    }
  },
});

const audioTag = (timestampMs: number, first: number): Uint8Array =>
  encodeFlvTag({ type: FlvTagType.Audio, timestampMs, body: Uint8Array.of(0xaf, 1, first) });

async function writeAudio(path: string, times: readonly number[]): Promise<void> {
  await Deno.writeFile(
    path,
    ReadableStream.from([
      encodeFlvHeader({ hasAudio: true, hasVideo: false }),
      encodeFlvTag({ type: 8, timestampMs: 0, body: Uint8Array.of(0xaf, 0, 0x12, 0x10) }),
      ...times.map((timeMs) => audioTag(timeMs, 1)),
    ]),
  );
}

const mediaTimes = (units: readonly MediaUnit[]): number[] =>
  units.filter(({ role }) => role === "media").map(({ dtsUs }) => dtsUs / 1000);

Deno.test("the time of the next file goes on where the last one ends, whatever its own is", async () => {
  await using folder = new TemporaryFolder();
  const [first, second] = [`${folder.path}/1.flv`, `${folder.path}/2.flv`];
  await writeAudio(first, [0, 20, 40]);
  await writeAudio(second, [0, 30]);
  const units = await unitsOf([first, second, first]);
  assertEquals(mediaTimes(units), [0, 20, 40, 60, 90, 120, 140, 160]);
});

/** Time that goes on to whatever is waited for. */
class EagerClock implements Clock {
  #nowMs = 0;

  now(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    this.#nowMs += delayMs;
    queueMicrotask(callback);
    return { cancel: () => {} };
  }
}

Deno.test("a loop goes on until it is told to end, at the pace of its clock", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/1.flv`;
  await writeAudio(path, [0, 500]);
  const clock = new EagerClock();
  const abort = new AbortController();
  const seen: number[] = [];
  for await (const unit of fileUnits([path], { loop: true, clock, signal: abort.signal })) {
    if (unit.role !== "media") continue;
    seen.push(unit.dtsUs / 1000);
    assertEquals(clock.now(), unit.dtsUs / 1000);
    if (seen.length === 5) abort.abort();
  }
  assertEquals(seen, [0, 500, 1000, 1500, 2000]);
});

Deno.test("files that cannot be published are named, with the reason", async () => {
  await using folder = new TemporaryFolder();
  const write = async (name: string, bytes: Uint8Array): Promise<string> => {
    await Deno.writeFile(`${folder.path}/${name}`, bytes);
    return `${folder.path}/${name}`;
  };
  for (
    const [path, reason] of [
      [`${folder.path}/missing.mp4`, "Cannot read"],
      [folder.path, "it is a directory"],
      [await write("empty.flv", new Uint8Array(0)), "Cannot read"],
      [await write("text.mp4", new TextEncoder().encode("no film".repeat(100))), "Cannot read"],
      [await write("bare.flv", encodeFlvHeader({ hasAudio: true, hasVideo: true })), "no media"],
    ] as const
  ) {
    const error = await assertRejects(() => unitsOf([path]), MediaFileError);
    assert(error.message.includes(path) && error.message.includes(reason), error.message);
  }
  assertThrows(() => fileUnits([]), TypeError);
});
