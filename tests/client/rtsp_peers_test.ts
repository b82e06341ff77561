/** RtspClient and the servers of others: ffmpeg that listens, VLC; and weir's own. */
import { assert, assertEquals } from "@std/assert";
import { RtspClient } from "../../src/client/mod.ts";
import { splitAnnexB } from "../../src/media/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { createPacketizer, RtpSender } from "../../src/rtp/mod.ts";
import { parseSdp, type SessionDescription } from "../../src/sdp/mod.ts";
import { Server } from "../../mod.ts";
import { freePort } from "../support/free_port.ts";
import { ffmpeg, makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run, RunningProcess } from "../support/process.ts";
import { until } from "../support/test_server.ts";
import { sound } from "./scripted_camera.ts";

const withoutFfmpeg = ignoreWithout("ffmpeg");

/** Connects as soon as the other program listens. */
async function connectSoon(
  url: string,
  options: Parameters<typeof RtspClient.connect>[1],
): Promise<RtspClient> {
  const end = performance.now() + 10_000;
  for (;;) {
    try {
      return await RtspClient.connect(url, options);
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** An H.264 stream of 160x120 at 25 pictures a second, as access units of NAL units. */
async function makePictures(folder: string): Promise<readonly (readonly Uint8Array[])[]> {
  const path = `${folder}/video.264`;
  const { code, stderr } = await run("ffmpeg", [
    ...["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25"],
    ...["-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25"],
    ...["-pix_fmt", "yuv420p", "-x264-params", "aud=1:sliced-threads=0", "-y", path],
  ]);
  assertEquals(code, 0, stderr);
  const pictures: Uint8Array[][] = [];
  for (const unit of splitAnnexB(await Deno.readFile(path))) {
    if ((unit[0]! & 0x1f) === 9) pictures.push([]);
    else pictures.at(-1)!.push(unit);
  }
  return pictures;
}

function describe(pictures: readonly (readonly Uint8Array[])[]): SessionDescription {
  const sets = pictures[0]!.filter((unit) => [7, 8].includes(unit[0]! & 0x1f))
    .map((unit) => unit.toBase64());
  return parseSdp(
    "v=0\ns=test\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n" +
      `a=fmtp:96 packetization-mode=1;sprop-parameter-sets=${sets.join(",")}\n` +
      "m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n",
  );
}

/** Publishes pictures and 40 ms of sound beside each, and ends when `isReceived` says so. */
async function publish(
  client: RtspClient,
  pictures: readonly (readonly Uint8Array[])[],
  isReceived: () => boolean,
): Promise<void> {
  await client.announce(describe(pictures));
  const recording = await client.record();
  const [video, audio] = recording.tracks.map((track) => track.getWriter());
  const packetizer = createPacketizer({ encodingName: "H264", clockRate: 90000 })!;
  const sender = new RtpSender({
    ssrc: 3,
    payloadType: 96,
    clockRate: 90000,
    sequenceNumber: 65530,
  });
  for (const [number, parts] of pictures.entries()) {
    for (const packet of packetizer.packetize({ timestamp: number * 3600, parts })) {
      await video!.write(sender.build(packet));
    }
    await audio!.write(sound(number * 2));
    await audio!.write(sound(number * 2 + 1));
  }
  await until(isReceived);
  await Promise.all([video!.close(), audio!.close()]);
}

/** Sizes and hashes of the frames that ffmpeg has received, by track. */
function framesOf(list: Uint8Array): string[][] {
  const tracks: string[][] = [[], []];
  for (const line of new TextDecoder().decode(list).split("\n")) {
    const fields = line.split(",").map((field) => field.trim());
    if (/^\d/.test(line)) tracks[Number(fields[0])]!.push(fields[4]!);
  }
  return tracks;
}

for (const transport of ["tcp", "udp"] as const) {
  Deno.test({
    name: `ffmpeg that listens receives what RtspClient records over ${transport} (R115)`,
    ignore: withoutFfmpeg,
    async fn() {
      await using folder = new TemporaryFolder();
      const pictures = await makePictures(folder.path);
      const port = freePort();
      const url = `rtsp://127.0.0.1:${port}/x`;
      await using listener = ffmpeg([
        ...["-rtsp_flags", "listen", "-rtsp_transport", transport, "-i", url],
        ...["-map", "0", "-c", "copy", "-f", "framemd5", "-flush_packets", "1", "-"],
      ]);
      await using client = await connectSoon(url, { transport });
      // ffmpeg leaves datagrams unread once it hears of the TEARDOWN, and writes the last frames at its end.
      await publish(
        client,
        pictures,
        () =>
          transport === "tcp" || listener.lines.filter((line) => /^\d,/.test(line)).length > 130,
      );
      await client.close();
      const { stdout, stderr } = await listener.ended;
      const [video, audio] = framesOf(stdout);
      if (transport === "tcp") {
        assertEquals([video!.length, audio!.length], [50, 100], stderr);
      } else {
        assert(video!.length >= 40 && audio!.length >= 80, stderr);
      }
    },
  });
}

/** VLC refuses to be root. */
async function vlcUser(): Promise<string[] | undefined> {
  if (ignoreWithout("cvlc")) return undefined;
  if (Deno.uid() !== 0) return ["cvlc"];
  if (ignoreWithout("setpriv")) return undefined;
  const user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const { code, stderr } = await run(user[0]!, [...user.slice(1), "cvlc", "--version"], {
    env: { HOME: "/tmp" },
  });
  if (code === 0) return [...user, "cvlc"];
  console.log(`Tests with VLC are skipped, since it does not run here: ${stderr.slice(0, 200)}`);
  return undefined;
}

const vlc = await vlcUser();

Deno.test({
  name: "RtspClient plays from VLC's server over UDP, from 461 to the good-bye (R060, R080)",
  ignore: withoutFfmpeg || vlc === undefined,
  async fn() {
    await using folder = new TemporaryFolder();
    const path = `${folder.path}/source.mp4`;
    await makeRecording(path, { seconds: 4 });
    await Deno.chmod(folder.path, 0o755);
    const port = freePort();
    const url = `rtsp://127.0.0.1:${port}/x`;
    await using _server = new RunningProcess(
      vlc![0]!,
      [
        ...vlc!.slice(1),
        ...["-I", "dummy", "--no-dbus", "--play-and-exit", path],
        ...["--sout", `#rtp{sdp=${url}}`],
      ],
      { env: { HOME: "/tmp" } },
    );
    await using refused = await connectSoon(url, { transport: "tcp" });
    // VLC describes the stream once it has opened the file.
    const description = await describedSoon(refused);
    assertEquals(description.media.map(({ kind }) => kind).sort(), ["audio", "video"]);
    const error = await refused.play().catch((error) => error);
    assertEquals(error.status, 461);

    await using client = await connectSoon(url, {});
    const playback = await client.play();
    assertEquals(playback.protocol, "udp");
    const units: MediaUnit[] = [];
    for await (const unit of playback) units.push(unit);
    const media = units.filter(({ role }) => role === "media");
    assert(media.some(({ kind, keyFrame }) => kind === "video" && keyFrame));
    assert(media.some(({ kind }) => kind === "audio"));
    for (const { statistics } of playback.tracks) {
      assertEquals([statistics.lost, statistics.malformed], [0, 0]);
    }
  },
});

async function describedSoon(client: RtspClient): Promise<SessionDescription> {
  const end = performance.now() + 10_000;
  for (;;) {
    try {
      const description = await client.describe();
      if (description.media.length === 2 || performance.now() > end) return description;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const transport of ["tcp", "udp"] as const) {
  Deno.test(`RtspClient publishes to weir and plays from it over ${transport} (R080, R115)`, async () => {
    const address = { hostname: "127.0.0.1", port: 0 };
    const server = new Server({ rtsp: address, rtp: address, hub: { lingerMs: 0 } });
    await server.listen();
    try {
      const { port } = server.addresses.find(({ protocol }) => protocol === "rtsp")!;
      const url = `rtsp://127.0.0.1:${port}/live/radio`;
      await using publisher = await RtspClient.connect(url, { transport });
      await publisher.announce(parseSdp("v=0\ns=radio\nm=audio 0 RTP/AVP 8\n"));
      const recording = await publisher.record();
      const writer = recording.tracks[0]!.getWriter();
      await writer.write(sound(0));
      await using player = await RtspClient.connect(url, { transport });
      const playback = await player.play();
      assertEquals([recording.protocol, playback.protocol], [transport, transport]);
      const reader = playback.getReader();
      const received: number[] = [];
      for (let number = 1; received.at(-1) !== 60; number++) {
        const next = reader.read();
        await writer.write(sound(number));
        const { value } = await next;
        assert(value?.payload.format === "rtp");
        received.push(value.payload.packets[0]!.at(-1)!);
      }
      assertEquals(received, [...received.keys()].map((index) => received[0]! + index));
      assertEquals(playback.tracks[0]!.statistics.lost, 0);
    } finally {
      await server.stop();
    }
  });
}
