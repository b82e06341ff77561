import { assertEquals, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { Track } from "../../src/media/mod.ts";
import { MkvMuxer, whyNotMkv } from "../../src/mkv/mod.ts";
import { lengthBytes } from "../../src/mkv/ebml.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";

const RADIO = { kind: "audio", id: 3, codec: "pcma", config: undefined } as const;
const VIDEO = {
  kind: "video",
  id: 0,
  codec: "vp8",
  config: undefined,
  width: 64,
  height: 48,
} as const;

function frame(track: Track, ptsMs: number, keyFrame = true) {
  const data = new Uint8Array(160).fill(0xd5);
  return { kind: track.kind, track: track.id, ptsUs: ptsMs * 1000, keyFrame, data };
}

Deno.test("lengths have as few bytes as they need, and never those that mean an unknown one", () => {
  const vectors: [number, string][] = [
    [0, "80"],
    [126, "fe"],
    [127, "407f"],
    [16_382, "7ffe"],
    [16_383, "203fff"],
    [2 ** 28 - 1, "080fffffff"],
  ];
  for (const [length, hex] of vectors) assertEquals(lengthBytes(length).toHex(), hex);
});

Deno.test("a cluster begins at a key frame after a second, where time is longer than a block can say, and where it goes back", () => {
  const muxer = new MkvMuxer([VIDEO, RADIO], { originUs: 5_000_000 });
  const begins = (track: Track, ptsMs: number, keyFrame = true): boolean =>
    muxer.write(frame(track, ptsMs, keyFrame)).subarray(0, 4).toHex() === "1f43b675";
  assertEquals(begins(VIDEO, 5000), true);
  assertEquals(begins(RADIO, 5020), false);
  assertEquals(begins(VIDEO, 5900), false);
  assertEquals(begins(RADIO, 6100), false);
  assertEquals(begins(VIDEO, 6200, false), false);
  assertEquals(begins(VIDEO, 6300), true);
  assertEquals(begins(VIDEO, 11_400, false), true);
  assertEquals(begins(VIDEO, 60_000), true);
  assertEquals(begins(VIDEO, 5000), true);
});

Deno.test("tracks that Matroska has no name for, or whose configuration lacks or is none, are left out in words", () => {
  const aac: Track = { kind: "audio", id: 0, codec: "aac", config: undefined };
  assertEquals(whyNotMkv(RADIO), undefined);
  assertEquals(whyNotMkv(aac), "its configuration is not known");
  assertEquals(whyNotMkv({ ...aac, codec: undefined }), "its codec is not known");
  const opus = whyNotMkv({ ...aac, codec: "opus", config: new Uint8Array(3) });
  assertStringIncludes(opus!, "its configuration cannot be read");
  const muxer = new MkvMuxer([aac, RADIO]);
  assertEquals(muxer.leftOut.map(({ track }) => track), [aac]);
  assertEquals(muxer.write(frame(aac, 0)).length, 0);
  assertEquals(muxer.carries("audio", 3), true);
});

Deno.test({
  name:
    "what has no configuration is known to FFmpeg by name, and a file that was cut off anywhere plays",
  ignore: ignoreWithout("ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    const path = `${folder.path}/radio.mkv`;
    const of = (codec: Track["codec"], more = {}): Track => ({
      ...{ kind: "audio", id: 0, codec, config: undefined, sampleRate: 8000, channels: 1 },
      ...more,
    } as Track);
    const L24 = {
      rtp: { payloadType: 96, encodingName: "L24", clockRate: 48_000, parameters: {} },
    };
    const expected: [Track, string][] = [
      [of("pcma"), "pcm_alaw"],
      [of("pcmu"), "pcm_mulaw"],
      [of("lpcm"), "pcm_s16be"],
      [of("lpcm", L24), "pcm_s24be"],
      [of("mp3"), "mp3"],
      [of("ac3"), "ac3"],
      [of("eac3"), "eac3"],
    ];
    for (const [track, name] of expected) {
      const muxer = new MkvMuxer([track], { originUnixUs: Date.UTC(2026, 10, 27) * 1000 });
      const blocks = [0, 20, 40, 60].map((ms) => muxer.write(frame(track, ms)));
      const whole = concat([muxer.head, ...blocks]);
      await Deno.writeFile(path, whole.subarray(0, -100));
      const { stdout, code } = await run("ffprobe", [
        ...[
          "-v",
          "quiet",
          "-show_entries",
          "stream=codec_name:format_tags",
          "-of",
          "csv=p=0",
          path,
        ],
      ]);
      const text = new TextDecoder().decode(stdout);
      assertEquals([code, text.split(/[,\n]/)[0]], [0, name]);
      assertStringIncludes(text, "2026-11-27T00:00:00");
    }
    const track = of("pcma");
    const muxer = new MkvMuxer([track]);
    const pieces = [muxer.head, ...[0, 20, 40, 60].map((ms) => muxer.write(frame(track, ms)))];
    await Deno.writeFile(path, concat(pieces).subarray(0, -100));
    const { stdout } = await run("ffprobe", ["-v", "quiet", "-show_packets", path]);
    assertEquals(new TextDecoder().decode(stdout).match(/\[PACKET\]/g)?.length, 3);
  },
});
