import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { fileUnits } from "../../src/files/mod.ts";
import { RecordingError, RecordingPlayback } from "../../src/record/mod.ts";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { systemClock } from "../../src/transport/mod.ts";
import { TestServer } from "../support/test_server.ts";

const WHOLE = { fromUnixMs: 0, toUnixMs: Infinity };

interface Frames {
  readonly hashes: readonly string[];
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The pictures of a file, as FFmpeg decodes them. */
async function pictures(path: string): Promise<Frames> {
  const { stdout, stderr, code } = await run("ffmpeg", [
    ...["-v", "warning", "-i", path, "-map", "0:v", "-fps_mode", "passthrough"],
    ...["-copyts", "-f", "framehash", "-"],
  ]);
  assertEquals([code, stderr], [0, ""], path);
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => /^\d/.test(line))
    .map((line) => line.split(/,\s*/));
  const base = /#tb 0: 1\/(\d+)/.exec(new TextDecoder().decode(stdout))![1]!;
  const ms = (line: readonly string[]): number => Number(line[2]) * 1000 / Number(base);
  return {
    hashes: lines.map((line) => line.at(-1)!),
    firstMs: ms(lines[0]!),
    lastMs: ms(lines.at(-1)!),
  };
}

Deno.test({
  name:
    "recordings play by HLS out of their files, and as one file cut across them, frame for frame",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 4 });
    const to = `${folder.path}/recordings`;
    await using server = await TestServer.start({
      rtmp: false,
      hub: { lingerMs: 0 },
      record: [{ name: "live/*", to, segmentMs: 1500, partMs: 400 }],
    });
    // At its own pace: where a picture is found depends on when it came.
    await server.server.publish("live/cam", fileUnits([source], { clock: systemClock }));
    await server.log.line(({ message }) => message === "recording ended");
    const { recordings } = server.server;
    const files = recordings.find({ name: "live/cam" });
    assertEquals(files.length, 2);
    const playback = new RecordingPlayback(recordings);
    const expected = await pictures(source);

    const uriOf = ({ path }: { readonly path: string }): string => `${to}/${path}`;
    const text = await playback.playlist("live/cam", WHOLE, { uriOf });
    assertStringIncludes(text, "#EXT-X-PLAYLIST-TYPE:VOD");
    assertEquals(text.match(/#EXT-X-BYTERANGE/g)?.length, 4);
    assertEquals(text.match(/#EXT-X-DISCONTINUITY/g)?.length, 1);
    // FFmpeg 5.1 drops pictures at discontinuities: what a player would fetch is decoded segment by segment.
    const played: string[] = [];
    const segment = `${folder.path}/segment.mp4`;
    let init = new Uint8Array(0);
    let range = [0, 0];
    for (const line of text.split("\n")) {
      const bytes = (path: string, [length, offset]: readonly number[]): Uint8Array =>
        Deno.readFileSync(path).slice(offset!, offset! + length!);
      const map = /^#EXT-X-MAP:URI="(.*)",BYTERANGE="(\d+)@(\d+)"$/.exec(line);
      if (map !== null) init = bytes(map[1]!, [Number(map[2]), Number(map[3])]).slice();
      if (line.startsWith("#EXT-X-BYTERANGE:")) range = line.slice(17).split("@").map(Number);
      if (line === "" || line.startsWith("#")) continue;
      await Deno.writeFile(segment, new Uint8Array([...init, ...bytes(line, range)]));
      played.push(...(await pictures(segment)).hashes);
    }
    assertEquals(played, [...expected.hashes]);

    const whole = await playback.cut("live/cam", WHOLE);
    const copy = `${folder.path}/cut.mp4`;
    await Deno.writeFile(copy, whole.readable);
    assertEquals(Deno.statSync(copy).size, whole.bytes);
    const cut = await pictures(copy);
    assertEquals(cut.hashes, expected.hashes);
    assertAlmostEquals(cut.lastMs - cut.firstMs, expected.lastMs - expected.firstMs, 60);

    // From 2.5 s on: the key frame before it is at 2 s, and the window ends in the second that begins at 3 s.
    const startUnixMs = files[0]!.startUnixMs;
    const window = { fromUnixMs: startUnixMs + 2500, toUnixMs: startUnixMs + 3400 };
    const part = await playback.cut("live/cam", window);
    await Deno.writeFile(copy, part.readable);
    assertEquals(Deno.statSync(copy).size, part.bytes);
    const { hashes } = await pictures(copy);
    // The last picture may be shown behind some that are decoded after it, which are not in the window.
    assertEquals(hashes.slice(0, -3), expected.hashes.slice(50, 50 + hashes.length - 3));
    assert(hashes.length >= 35 && hashes.length <= 50, `${hashes.length}`);

    await assertRejects(
      () => playback.cut("live/none", WHOLE),
      RecordingError,
      "Nothing was recorded of live/none",
    );
  },
});

Deno.test("a file that is being written, or was cut off, plays as far as it is whole", async () => {
  await using folder = new TemporaryFolder();
  const source = `${folder.path}/source.flv`;
  await makeRecording(source, { seconds: 3 });
  const to = `${folder.path}/recordings`;
  const rule = { name: "live/*", to, partMs: 300 };
  {
    await using server = await TestServer.start({
      rtmp: false,
      record: [rule],
      hub: { lingerMs: 0 },
    });
    await server.server.publish("live/cam", fileUnits([source]));
    await server.log.line(({ message }) => message === "recording ended");
  }
  await using server = await TestServer.start({ rtmp: false, record: [rule] });
  const [file] = server.server.recordings.find({ name: "live/cam" });
  const whole = await new RecordingPlayback(server.server.recordings).cut("live/cam", WHOLE);
  await whole.readable.cancel();
  for (const share of [0.95, 0.7, 0.3]) {
    await Deno.truncate(`${to}/${file!.path}`, Math.floor(file!.bytes * share));
    await using again = await TestServer.start({ rtmp: false, record: [rule] });
    const cut = await new RecordingPlayback(again.server.recordings).cut("live/cam", WHOLE);
    const bytes = await new Response(cut.readable).bytes();
    assertEquals(bytes.length, cut.bytes);
    assert(cut.bytes <= file!.bytes * share);
    assert(cut.durationMs <= whole.durationMs * share + 900, `${share}: ${cut.durationMs}`);
  }
});
