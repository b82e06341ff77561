import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseAvcConfig } from "../../src/media/mod.ts";
import { codecString, type Track } from "../../src/transmux/mod.ts";
import { AUDIO, VIDEO } from "../media/fixtures/streams.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";

type Facts = Parameters<typeof codecString>[0];

function named(codec: Track["codec"], config = "", facts: Partial<Facts> = {}): string | undefined {
  const bytes = config === "" ? undefined : Uint8Array.fromHex(config);
  return codecString({ codec, config: bytes, ...facts });
}

Deno.test("codecString writes profile and level as each codec's binding to MP4 says", () => {
  assertEquals(named("h264", "0164001fffe100000000"), "avc1.64001f");
  // The high bit of the compatibility flags is that of profile 0: they are written from the low end.
  assertEquals(named("h265", `0101600000009000000000005d${"00".repeat(10)}`), "hvc1.1.6.L93.90");
  assertEquals(named("av1", "81090c00"), "av01.0.09M.08");
  assertEquals(named("aac", "1210"), "mp4a.40.2");
  assertEquals(named("mp3"), "mp4a.40.34");
  assertEquals(named("ac3"), "ac-3");
  assertEquals(named("eac3"), "ec-3");
});

Deno.test("codecString tells a VP level by the size of the picture where its configuration does not", () => {
  assertEquals(named("vp8"), "vp08.00.10.08");
  assertEquals(named("vp9", "", { width: 1920, height: 1080 }), "vp09.00.41.08");
});

Deno.test("codecString has no name where the configuration is not known, or cannot be read", () => {
  for (const codec of ["h264", "h265", "av1", "aac"] as const) {
    assertEquals(named(codec), undefined);
    assertEquals(named(codec, "ff"), undefined);
  }
  assertEquals([named("lpcm"), named(undefined)], [undefined, undefined]);
});

Deno.test("codecString of what encoders make begins with the FourCC of its sample entry", () => {
  const streams = [...VIDEO, ...AUDIO].filter(({ name }) => /^(h264|aac)/.test(name));
  for (const { name, config } of streams) {
    const bytes = Uint8Array.fromHex(config);
    const isVideo = name.startsWith("h264");
    const found = codecString({ codec: isVideo ? "h264" : "aac", config: bytes })!;
    assertEquals(found.split(".")[0], isVideo ? "avc1" : "mp4a", name);
    if (isVideo) assertEquals(found.slice(5, 7), parseAvcConfig(bytes).profile.toString(16));
  }
  assertEquals(streams.length > 1, true);
});

Deno.test({
  name:
    "codecString of sound is the name that FFmpeg's HLS gives it, or the FourCC of its sample entry",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    for (const codec of ["ac3", "eac3", "flac"] as const) {
      const { code, stderr } = await run("ffmpeg", [
        ..."-nostdin -v error -f lavfi -i sine=duration=1:sample_rate=48000".split(" "),
        ..."-f lavfi -i testsrc=size=160x120:rate=10:duration=1 -map 1 -map 0 -strict -2".split(
          " ",
        ),
        ...`-c:a ${codec} -f hls -hls_segment_type fmp4 -master_pl_name main.m3u8`.split(" "),
        ...["-hls_fmp4_init_filename", "init.mp4", `${folder.path}/media.m3u8`],
      ], { limitMs: 30_000 });
      assertEquals([code, stderr], [0, ""]);
      const name = named(codec)!;
      const init = await Deno.readFile(`${folder.path}/init.mp4`);
      assertStringIncludes(new TextDecoder("latin1").decode(init), name);
      const [, told] = /CODECS="[^,]+,([^"]+)"/
        .exec(await Deno.readTextFile(`${folder.path}/main.m3u8`)) ?? [];
      // FFmpeg 5 tells none of FLAC.
      if (codec !== "flac") assertEquals(told, name);
    }
  },
});
