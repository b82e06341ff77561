import { assert } from "@std/assert";
import { ffmpeg } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** FFmpeg's tone of 440 Hz has an eighth of the full scale: neighbours differ by no more than this, or are garbled. */
const MOST_STEP = 300;

async function assertPlaysTone(input: readonly string[]): Promise<void> {
  await using player = ffmpeg([
    ...["-analyzeduration", "500000"],
    ...[...input, "-t", "1", "-f", "s16le", "-"],
  ]);
  const { stdout, stderr } = await player.ended;
  const view = new DataView(stdout.buffer, stdout.byteOffset, stdout.byteLength);
  assert(stdout.length >= 80_000, `${stdout.length} bytes: ${stderr}`);
  let most = 0;
  let loudest = 0;
  for (let at = 0; at + 4 <= view.byteLength; at += 2) {
    most = Math.max(most, Math.abs(view.getInt16(at + 2, true) - view.getInt16(at, true)));
    loudest = Math.max(loudest, view.getInt16(at, true));
  }
  assert(most < MOST_STEP && loudest > 3000, `steps of ${most}, up to ${loudest}`);
}

for (const published of ["RTMP", "RTSP"] as const) {
  Deno.test({
    name: `linear samples that FFmpeg publishes over ${published} are heard over RTMP and RTSP`,
    ignore: ignoreWithout("ffmpeg"),
    async fn() {
      await using weir = await TestServer.start({ rtsp: LOCAL, rtp: false });
      const { port } = weir.server.addresses.find(({ protocol }) => protocol === "rtsp")!;
      const rtsp = `rtsp://127.0.0.1:${port}/live/cam`;
      const rtmp = `${weir.url}/live/cam`;
      const output = published === "RTMP"
        ? ["-c:a", "pcm_s16le", "-f", "flv", rtmp]
        : ["-c:a", "pcm_s16be", "-f", "rtsp", "-rtsp_transport", "tcp", rtsp];
      await using _publisher = ffmpeg([
        ...["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=15"],
        ...output,
      ]);
      await until(() => (weir.server.hub.get("live/cam")?.lastDtsUs ?? 0) > 0);
      await Promise.all([
        assertPlaysTone(["-i", rtmp]),
        assertPlaysTone(["-rtsp_transport", "tcp", "-i", rtsp]),
      ]);
    },
  });
}
