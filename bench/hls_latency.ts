/**
 * Measures how far a browser is behind a publisher with low-latency HLS, and with HLS: hls.js in Chromium, of a stream
 * with a key frame a second that FFmpeg publishes by RTMP. What is shown is compared with when it came to the server,
 * by the times of the segments; the encoder has some 10 ms before that.
 *
 * `deno run -A bench/hls_latency.ts [SECONDS]`
 *
 * @module
 */
import { Chromium } from "../tests/support/chromium.ts";
import { watchHls } from "../tests/support/hls_page.ts";
import { startServer } from "./fanout/servers.ts";

const [seconds = 12] = Deno.args.map(Number);

await using server = await startServer("weir-http");
const { port, httpPort } = server;
const ffmpeg = new Deno.Command("ffmpeg", {
  args: [
    ..."-nostdin -v error -re -f lavfi -i testsrc2=size=640x360:rate=30".split(" "),
    ..."-f lavfi -i sine=frequency=440:sample_rate=48000".split(" "),
    ..."-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p".split(" "),
    ..."-c:a aac -f flv".split(" "),
    `rtmp://127.0.0.1:${port}/live/cam`,
  ],
  stdin: "null",
}).spawn();
try {
  await using chromium = await Chromium.start();
  const url = `http://127.0.0.1:${httpPort}/live/cam/index.m3u8`;
  const kinds = { "LL-HLS": true, "HLS": false };
  for (const [name, lowLatencyMode] of Object.entries(kinds)) {
    const page = await chromium.page(`http://127.0.0.1:${httpPort}/healthz`);
    const { behindS, latencyS, stalls, errors } = await watchHls(page, url, {
      seconds,
      options: { lowLatencyMode },
    });
    console.log(
      `${name}: ${behindS.toFixed(2)} s behind the publisher, ` +
        `${latencyS.toFixed(2)} s behind the playlist, ${stalls} stalls, ${errors.length} errors`,
    );
  }
} finally {
  ffmpeg.kill();
  await ffmpeg.status;
}
