import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  assertDecodes,
  ffmpeg,
  makeRecording,
  ofKind,
  type Packet,
  packetsOf,
  publishArguments,
  TemporaryFolder,
} from "../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const OPTIONS = { hub: { lingerMs: 300, maxLagMs: 60_000 }, session: { roleTimeoutMs: 3000 } };

Deno.test({
  name: "every frame goes from GStreamer's rtmp2sink to its rtmp2src (M060)",
  ignore: ignoreWithout("ffmpeg", "gst-launch-1.0"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const published = `${folder.path}/published.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 3 });
    await using weir = await TestServer.start(OPTIONS);
    const url = `${weir.url}/live/cam`;
    await using player = gstreamer(
      "rtmp2src",
      `location=${url}`,
      "!",
      "filesink",
      `location=${received}`,
    );
    await waits(weir);
    const remux = [
      ...["filesrc", `location=${source}`, "!", "flvdemux", "name=in"],
      ...["in.video", "!", "queue", "!", "out.video", "in.audio", "!", "queue", "!", "out.audio"],
      ...["flvmux", "name=out", "streamable=true", "!"],
    ];
    // GStreamer gives frames other times than FFmpeg: what it writes to a file is what it publishes.
    await using writer = gstreamer(...remux, "filesink", `location=${published}`);
    await writer.ended;
    await using publisher = gstreamer(...remux, "rtmp2sink", `location=${url}`);
    const end = await publisher.ended;
    assertEquals(end.code, 0, end.stderr);
    await player.ended;
    assertSameFrames(await packetsOf(received), await packetsOf(published));
    await assertDecodes(received);
  },
});

Deno.test({
  name: "every frame goes from ffmpeg to rtmpdump and to GStreamer, in time",
  ignore: ignoreWithout("ffmpeg", "rtmpdump", "gst-launch-1.0"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const dumped = `${folder.path}/dumped.flv`;
    const received = `${folder.path}/received.flv`;
    await makeRecording(source, { seconds: 3 });
    let asked = 0;
    await using weir = await TestServer.start({
      ...OPTIONS,
      hooks: { onPlay: () => void asked++ },
    });
    const url = `${weir.url}/live/cam`;
    await using rtmpdump = new RunningProcess("rtmpdump", [
      "-r",
      url,
      "--live",
      "-q",
      "-o",
      dumped,
    ]);
    await using player = gstreamer(
      "rtmp2src",
      `location=${url}`,
      "!",
      "filesink",
      `location=${received}`,
    );
    await weir.log.line(() => asked === 2);
    await using publisher = ffmpeg(publishArguments(source, url, { paced: false }));
    assertEquals((await publisher.ended).code, 0);
    await Promise.all([rtmpdump.ended, player.ended]);
    const expected = await packetsOf(source);
    for (const path of [dumped, received]) {
      assertSameFrames(await packetsOf(path), expected);
      await assertDecodes(path);
    }
  },
});

Deno.test({
  name: "VLC plays a stream that is running",
  ignore: ignoreWithout("ffmpeg", "cvlc"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    const received = `${folder.path}/received.ts`;
    await makeRecording(source, { seconds: 3 });
    await Deno.chmod(folder.path, 0o777);
    await using weir = await TestServer.start(OPTIONS);
    const url = `${weir.url}/live/cam`;
    await using _publisher = ffmpeg(publishArguments(source, url, { loops: 20 }));
    await weir.log.line(({ message }) => message === "rtmp publish started");
    // Its TS muxer throws away up to a second until its clock runs.
    const arguments_ = [
      ...["-I", "dummy", "--no-lua", "--play-and-exit", "--run-time=4", "--network-caching=100"],
      ...["--sout", `#std{access=file,mux=ts,dst=${received}}`, url, "vlc://quit"],
    ];
    const env = { HOME: folder.path, XDG_RUNTIME_DIR: folder.path };
    await using vlc = Deno.uid() === 0
      // VLC refuses to run as root.
      ? new RunningProcess("setpriv", ["--reuid=65534", "--clear-groups", "cvlc", ...arguments_], {
        env,
      })
      : new RunningProcess("cvlc", arguments_, { env });
    await weir.log.line(({ message }) => message === "rtmp play started");
    const { stderr } = await vlc.ended;
    const frames = ofKind(await packetsOf(received), "video");
    assert(frames.length >= 25, `VLC has ${frames.length} frames: ${stderr}`);
  },
});

function gstreamer(...pipeline: string[]): RunningProcess {
  return new RunningProcess("gst-launch-1.0", ["-q", ...pipeline]);
}

async function waits(weir: TestServer): Promise<void> {
  await weir.log.line(({ message }) => message === "rtmp play waits for a publisher");
}

/** The same frames, and the time between audio and video as it was. */
function assertSameFrames(packets: readonly Packet[], expected: readonly Packet[]): void {
  const shiftMs = packets[0]!.dtsMs - expected[0]!.dtsMs;
  for (const kind of ["video", "audio"] as const) {
    const got = ofKind(packets, kind);
    const sent = ofKind(expected, kind);
    assertEquals(got.map(({ hash }) => hash), sent.map(({ hash }) => hash));
    for (const [index, { dtsMs, ptsMs }] of got.entries()) {
      assertAlmostEquals(dtsMs, sent[index]!.dtsMs + shiftMs, 1);
      assertAlmostEquals(ptsMs - dtsMs, sent[index]!.ptsMs - sent[index]!.dtsMs, 1);
    }
  }
}
