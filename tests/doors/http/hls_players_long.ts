/** Every codec in the players that know it. */
import { assert, assertEquals } from "@std/assert";
import type { CodecName } from "../../../src/media/mod.ts";
import { Chromium } from "../../support/chromium.ts";
import { watchHls } from "../../support/hls_page.ts";
import { TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout, run } from "../../support/process.ts";
import { TestServer } from "../../support/test_server.ts";
import { LoopedPublisher } from "./looped_publisher.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const OFF = { rtmp: false, rtsp: false } as const;

/** What Debian's Chromium can decode: no H.265, and of sound no AC-3. */
const IN_CHROMIUM: readonly (readonly CodecName[])[] = [
  ["h264", "aac"],
  ["h264", "opus"],
  ["h264", "flac"],
  ["h264", "mp3"],
  ["mp3"],
  ["av1", "opus"],
  ["av1", "aac"],
  ["vp9", "opus"],
  ["vp9", "flac"],
  ["h264"],
  ["aac"],
  ["opus"],
];

for (const codecs of IN_CHROMIUM) {
  Deno.test({
    name: `Chromium plays HLS of ${codecs.join(" with ")}`,
    ignore: ignoreWithout("chromium"),
    async fn() {
      await using weir = await TestServer.start({ ...OFF, http: LOCAL });
      const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
      await using _publisher = new LoopedPublisher(weir.server, "live/cam", codecs);
      await using chromium = await Chromium.start();
      const page = await chromium.page(`http://127.0.0.1:${port}/healthz`);
      const url = `http://127.0.0.1:${port}/live/cam/index.m3u8`;
      const watched = await watchHls(page, url, { seconds: 2 });
      assertEquals(watched.errors, []);
      const hasVideo = codecs.some((codec) => ["h264", "av1", "vp9"].includes(codec));
      if (hasVideo) assert(watched.framesDecoded > 15, JSON.stringify(watched));
      const sound = codecs.find((codec) => !["h264", "av1", "vp9"].includes(codec));
      assertEquals(watched.soundBytes > 1000, sound !== undefined, JSON.stringify(watched));
    },
  });
}

const PLAYERS: readonly (readonly [program: string, args: (url: string) => string[]])[] = [
  ["ffmpeg", (url) => ["-nostdin", "-v", "error", "-i", url, "-t", "3", "-f", "null", "-"]],
  [
    "mpv",
    (url) => ["--no-config", "--vo=null", "--ao=null", "--length=3", "--msg-level=all=error", url],
  ],
  [
    "cvlc",
    (
      url,
    ) => ["-I", "dummy", "--vout", "dummy", "--aout", "dummy", "--run-time=4", url, "vlc://quit"],
  ],
  [
    // It goes on until it is told to end.
    "timeout",
    (url) =>
      `12 gst-launch-1.0 -q souphttpsrc location=${url} ! hlsdemux ! fakesink sync=false`.split(
        " ",
      ),
  ],
];

for (const codecs of [["h264", "aac"], ["h265", "aac"], ["h264", "mp3"]] as const) {
  for (const [program, args] of PLAYERS) {
    Deno.test({
      name: `${program === "timeout" ? "GStreamer" : program} plays HLS of ${
        codecs.join(" with ")
      }`,
      ignore: ignoreWithout(program, ...program === "timeout" ? ["gst-launch-1.0"] : []),
      async fn() {
        await using weir = await TestServer.start({ ...OFF, http: LOCAL });
        const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
        await using _publisher = new LoopedPublisher(weir.server, "live/cam", codecs);
        const url = `http://127.0.0.1:${port}/live/cam/index.m3u8`;
        await using home = new TemporaryFolder();
        await Deno.chmod(home.path, 0o777);
        // VLC refuses to run as root.
        const asNobody = program === "cvlc" && Deno.uid() === 0
          ? ["setpriv", "--reuid=65534", "--clear-groups"]
          : [];
        const [command, ...rest] = [...asNobody, program, ...args(url)];
        const { code, stderr } = await run(command!, rest, {
          limitMs: 30_000,
          env: { HOME: home.path, XDG_RUNTIME_DIR: home.path },
        });
        assertEquals([code, stderr], [program === "timeout" ? 124 : 0, stderr]);
        const sent = weir.server.connections.filter(({ protocol }) => protocol === "http-hls")
          .reduce((sum, { bytesSent }) => sum + bytesSent, 0);
        assert(sent > 10_000, `${program} was sent ${sent} bytes`);
      },
    });
  }
}
