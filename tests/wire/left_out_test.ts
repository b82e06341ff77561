/** Tracks that a player's format cannot carry: told once, counted, and there for programs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import type { MediaUnit, Track } from "../../src/media/mod.ts";
import { RtmpError } from "../../src/rtmp/mod.ts";
import type { StreamUnit } from "../../src/server/mod.ts";
import { ffmpeg, readPackets } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

function rtspPort({ server }: TestServer): number {
  return server.addresses.find(({ protocol }) => protocol === "rtsp")!.port;
}

/** The log lines about tracks that were left out. */
function leftOutLines({ log }: TestServer): Record<string, unknown>[] {
  return log.lines.filter(({ message }) => message.startsWith("a track is left out"))
    .map(({ message, fields }) => ({ message, ...fields }));
}

const SECOND_AUDIO = "FLV carries one audio track here: another comes first";

Deno.test({
  name:
    "of two audio tracks of an RTSP publisher RTMP players get the first, which is told once, and programs both",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({ rtsp: LOCAL, rtp: LOCAL });
    await using _publisher = ffmpeg([
      ...["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25"],
      ...["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"],
      ...["-re", "-f", "lavfi", "-i", "sine=frequency=880:sample_rate=8000"],
      ...["-map", "0:v", "-map", "1:a", "-map", "2:a"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"],
      ...["-c:a:0", "aac", "-c:a:1", "pcm_alaw", "-f", "rtsp", "-rtsp_transport", "tcp"],
      `rtsp://127.0.0.1:${rtspPort(weir)}/live/cam`,
    ]);
    const stream = weir.server.stream("live/cam");
    await until(() => stream.statistics?.publisher?.keyIntervalMs !== undefined);
    assertEquals(stream.statistics?.publisher?.leftOut, [], "nobody is without it yet");

    for (let player = 0; player < 2; player++) {
      const list = ["-map", "0:v", "-map", "0:a", "-c", "copy", "-t", "1", "-f", "framemd5", "-"];
      await using rtmp = ffmpeg(["-i", `${weir.url}/live/cam`, ...list]);
      const { stdout, stderr } = await rtmp.ended;
      const codecs = new TextDecoder().decode(stdout).match(/^#codec_id .*$/gm);
      assertEquals(codecs, ["#codec_id 0: h264", "#codec_id 1: aac"], stderr);
      assert(readPackets(stdout).some(({ kind }) => kind === "audio"));
    }
    assertEquals(leftOutLines(weir), [{
      message: "a track is left out for rtmp players",
      stream: "live/cam",
      track: "audio 1",
      codec: "pcma",
      reason: SECOND_AUDIO,
    }]);
    assertEquals(stream.statistics?.publisher?.leftOut, [
      { format: "rtmp", kind: "audio", track: 1, codec: "pcma", reason: SECOND_AUDIO },
    ]);

    const got: StreamUnit[] = [];
    for await (const unit of stream.units({ tracks: ["audio"] })) {
      got.push(unit);
      const ids = new Set(got.filter(({ role }) => role === "media").map(({ track }) => track));
      if (ids.size === 2) break;
    }
    const kinds = new Set(got.map(({ kind, track, codec }) => `${kind} ${track} ${codec}`));
    assertEquals(kinds, new Set(["audio 0 aac", "audio 1 pcma"]));
  },
});

Deno.test("what RTP cannot carry is told once for RTSP players, and counted", async () => {
  await using weir = await TestServer.start({ rtsp: LOCAL });
  const tracks: Track[] = [
    { kind: "audio", id: 0, codec: "flac", config: undefined },
    { kind: "audio", id: 1, codec: "pcma", config: undefined },
  ];
  const ready = Promise.withResolvers<void>();
  const units = new ReadableStream<MediaUnit>({
    start: (controller) => {
      controller.enqueue({
        ...{ kind: "audio", role: "media", track: 1, dtsUs: 0, ptsUs: 0 },
        ...{ keyFrame: true, discardable: true },
        payload: { format: "access-unit", data: new Uint8Array(160) },
      });
    },
    cancel: () => ready.resolve(),
  });
  const abort = new AbortController();
  const published = weir.server.publish("live/cam", units, { tracks, signal: abort.signal });
  for (let player = 0; player < 2; player++) {
    using peer = await RtspPeer.dial(rtspPort(weir));
    const { status, body } = await peer.request("DESCRIBE");
    assertEquals(status, 200);
    assertEquals(new TextDecoder().decode(body).match(/^m=/gm)?.length, 1);
  }
  const reason = "there is no RTP payload format for flac here";
  assertEquals(leftOutLines(weir), [{
    message: "a track is left out for rtsp players",
    stream: "live/cam",
    track: "audio 0",
    codec: "flac",
    reason,
  }]);
  assertEquals(weir.server.stream("live/cam").statistics?.publisher?.leftOut, [
    { format: "rtsp", kind: "audio", track: 0, codec: "flac", reason },
  ]);
  abort.abort();
  await Promise.all([published, ready.promise]);
});

Deno.test("who would play by RTMP what it has no form for is told so, and not that there is no stream", async () => {
  await using weir = await TestServer.start({ rtsp: LOCAL });
  const tracks: Track[] = [
    { kind: "video", id: 0, codec: "mpeg4", config: undefined },
  ];
  const abort = new AbortController();
  const units = new ReadableStream<MediaUnit>();
  const published = weir.server.publish("live/cam", units, { tracks, signal: abort.signal });
  await using client = await RtmpClient.connect(`${weir.url}/live`);
  await assertRejects(
    () => client.play("cam"),
    RtmpError,
    "nothing that RTMP players can be sent (video 0: FLV has no codec id for mpeg4 here)",
  );
  abort.abort();
  await published;
});
