import { assert, assertEquals } from "@std/assert";
import { Chromium } from "../support/chromium.ts";
import { ignoreWithout } from "../support/process.ts";
import { READ_STAMPS, type StampsRead } from "../support/stamped_picture.ts";
import { StampedPublisher } from "../support/stamped_publisher.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** A way to watch. */
interface Way {
  readonly stream: string;
  /** How far it may be behind here, where others keep the machine busy. */
  readonly boundMs: number;
  readonly apartMs?: number;
}

type Ways = Readonly<Record<string, Way>>;

const WAYS: Ways = {
  // Chromium begins with what it has, and brings sound and picture together within some seconds.
  "webrtc": { stream: "live/opus", boundMs: 1500, apartMs: 500 },
  "flv": { stream: "live/aac", boundMs: 2000 },
  "ws-flv": { stream: "live/aac", boundMs: 2000 },
  "hls": { stream: "live/aac", boundMs: 5000 },
  "plain-hls": { stream: "live/aac", boundMs: 10_000 },
  "mp4": { stream: "live/aac", boundMs: 5000 },
};

/**
 * How far sound and picture may be apart here: a picture lasts 33 ms, and is drawn up to that long after its time stamp
 * says; a frame of AAC lasts 21, the clocks are read late, and on a busy machine Chromium shows pictures late. What
 * weir does to time stamps is tested by these themselves.
 */
const APART_MS = 220;

/** JavaScript that plays all ways in frames of a page, until each has shown a second of pictures, and heard a tone in sync. */
const watchAll = (ways: Ways): string =>
  `(async () => {
  const APART_MS = ${APART_MS};
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const limit = performance.now() + 15000;
  const ways = ${JSON.stringify(ways)};
  const watch = async ([way, { stream, apartMs = APART_MS }]) => {
    const frame = document.createElement("iframe");
    frame.src = "/" + stream + "?embed=1&way=" + way;
    document.body.append(frame);
    const video = () => frame.contentDocument?.querySelector("video");
    while (!(video()?.currentTime > 0.1) && performance.now() < limit) await wait(20);
    video().muted = false;
    const reader = readStamps(video(), { sound: true });
    const isDone = ({ shown, offsetsMs }) =>
      shown.length > 30 && offsetsMs.some((ms) => Math.abs(ms) <= apartMs);
    while (!isDone(reader.result()) && performance.now() < limit) await wait(50);
    const result = { ...reader.result(), hint: frame.contentDocument.querySelector(".hint").textContent };
    reader.stop();
    frame.remove();
    return [way, result];
  };
  return Object.fromEntries(await Promise.all(Object.entries(ways).map(watch)));
})()`;

/** Has Chromium watch streams that FFmpeg publishes, encoded by `outputs` of a server at `url`. */
async function watched(ways: Ways, outputs: (url: { rtmp: string; rtsp: string }) => string[]) {
  await using weir = await TestServer.start({ rtsp: LOCAL, http: LOCAL, webrtc: LOCAL });
  const portOf = (protocol: string) =>
    weir.server.addresses.find((address) => address.protocol === protocol)!.port;
  await using _publisher = new StampedPublisher(
    outputs({ rtmp: weir.url, rtsp: `rtsp://127.0.0.1:${portOf("rtsp")}` }),
  );
  await weir.log.line(({ message }) => message.endsWith("publish started"));
  await using chromium = await Chromium.start();
  const page = await chromium.page(`http://127.0.0.1:${portOf("http")}/healthz`);
  await page.evaluate(READ_STAMPS);
  const read = await page.evaluate<Record<string, StampsRead & { hint: string }>>(watchAll(ways));
  for (const [way, { boundMs, apartMs = APART_MS }] of Object.entries(ways)) {
    const { shown, wrong, offsetsMs, hint } = read[way]!;
    const told = `${way}: ${shown.length} pictures, ${wrong} wrong, ${offsetsMs} ms, ${hint}`;
    assert(shown.length > 30, told);
    assertEquals(hint, "", told);
    // A canvas may miss a picture that is replaced as it is read.
    assert(wrong * 20 <= shown.length, told);
    // A player that has fallen behind, as on a busy machine, begins again at the newest key frame.
    const stepsBack = shown.filter(({ stamp }, at) => at > 0 && stamp < shown[at - 1]!.stamp);
    assert(stepsBack.length <= 1, `${told}: ${stepsBack.length} steps back`);
    const behindMs = shown.at(-1)!.behindMs;
    assert(behindMs > 0 && behindMs < boundMs, `${told}: ${behindMs} ms behind`);
    assert(offsetsMs.some((ms) => Math.abs(ms) <= apartMs), told);
  }
}

Deno.test({
  name: "Chromium shows the right picture, in sync with its sound, by each way to watch",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  fn: () =>
    watched(WAYS, ({ rtmp, rtsp }) => [
      ..."ENCODER -c:a aac -b:a 64k -f flv".split(" "),
      `${rtmp}/live/aac`,
      ..."ENCODER -c:a libopus -f rtsp -rtsp_transport tcp".split(" "),
      `${rtsp}/live/opus`,
    ]),
});

Deno.test({
  name: "Chromium plays MP3 beside a picture by LL-HLS, in sync with it",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  fn: () =>
    watched({ "hls": { stream: "live/mp3", boundMs: WAYS["hls"]!.boundMs } }, ({ rtmp }) => [
      ..."ENCODER -c:a libmp3lame -b:a 64k -f flv".split(" "),
      `${rtmp}/live/mp3`,
    ]),
});
