/**
 * Measures glass to glass: from a picture that is drawn before the encoder to the same picture on the screen of a
 * browser, by each way to watch. Pictures carry the time at which they were drawn; Chromium, the console's own player,
 * FFmpeg and the server share this machine.
 *
 * `deno run -A bench/glass_to_glass.ts [SECONDS [WAY…]]`
 *
 * @module
 */
import { Chromium, type Page } from "../tests/support/chromium.ts";
import { READ_STAMPS, type StampsRead } from "../tests/support/stamped_picture.ts";
import { StampedPublisher } from "../tests/support/stamped_publisher.ts";
import { startServer } from "./fanout/servers.ts";
import { programArguments } from "../scripts/program_arguments.ts";

/** A way to watch: the console's page, and the most that it may be behind, milliseconds. */
interface Way {
  readonly path: string;
  readonly boundMs: number;
}

const WAYS: Readonly<Record<string, Way>> = {
  "WHEP": { path: "live/cam?embed=1&way=webrtc", boundMs: 150 },
  "HTTP-FLV": { path: "live/cam?embed=1&way=flv", boundMs: 300 },
  "WS-FLV": { path: "live/cam?embed=1&way=ws-flv", boundMs: 300 },
  "LL-HLS": { path: "live/cam?embed=1&way=hls", boundMs: 1200 },
  "HLS": { path: "live/cam?embed=1&way=plain-hls", boundMs: 6000 },
  "fMP4": { path: "live/cam?embed=1&way=mp4", boundMs: Infinity },
};

/** What is shown before is the player's start. */
const SETTLING_S = 4;

const [seconds = "12", ...only] = programArguments(import.meta, { rest: "[SECONDS [WAY…]]" }).rest;

await using server = await startServer("weir-http");
await using _publisher = new StampedPublisher([
  ...["ENCODER", "-c:a", "aac", "-b:a", "64k", "-f", "flv"],
  `rtmp://127.0.0.1:${server.port}/live/cam`,
]);
await using chromium = await Chromium.start();
console.log("way        p50     p95     bound   pictures  read wrongly");
for (const [name, way] of Object.entries(WAYS)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const page = await chromium.page(`http://127.0.0.1:${server.httpPort}/${way.path}`);
  const { shown, wrong } = await read(page);
  await page.close();
  const behind = shown.map(({ behindMs }) => behindMs).sort((a, b) => a - b);
  const percentile = (part: number) =>
    `${(behind[Math.floor(behind.length * part)] ?? NaN).toFixed(0)} ms`.padEnd(8);
  const isWithin = behind[Math.floor(behind.length * 0.5)]! <= way.boundMs;
  console.log(
    name.padEnd(10),
    percentile(0.5) + percentile(0.95) + `${way.boundMs} ms`.padEnd(8) +
      String(behind.length).padEnd(10) + wrong,
    isWithin ? "" : "  over",
  );
}

async function read(page: Page): Promise<StampsRead> {
  await page.evaluate(READ_STAMPS);
  return await page.evaluate(`(async () => {
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const limit = performance.now() + 30000;
    const video = () => document.querySelector("video");
    while (!(video()?.currentTime > 0.1) && performance.now() < limit) await wait(50);
    await wait(${SETTLING_S * 1000});
    const reader = readStamps(video());
    await wait(${Number(seconds)} * 1000);
    reader.stop();
    return reader.result();
  })()`);
}
