/** WHEP and WHIP with Chromium, beside the one test of the default suite. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Chromium } from "../../support/chromium.ts";
import { ignoreWithout, run, RunningProcess } from "../../support/process.ts";
import { READ_STAMPS, type StampsRead } from "../../support/stamped_picture.ts";
import { StampedPublisher } from "../../support/stamped_publisher.ts";
import { TestServer, until } from "../../support/test_server.ts";
import { publish, watch } from "../../support/webrtc_page.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ignore = ignoreWithout("chromium", "ffmpeg", "ffprobe");

async function start() {
  const weir = await TestServer.start({ rtsp: LOCAL, http: LOCAL, webrtc: LOCAL });
  const portOf = (protocol: string) =>
    weir.server.addresses.find((address) => address.protocol === protocol)!.port;
  return {
    weir,
    http: `http://127.0.0.1:${portOf("http")}`,
    rtmp: `rtmp://127.0.0.1:${portOf("rtmp")}`,
    rtsp: `rtsp://127.0.0.1:${portOf("rtsp")}`,
  };
}

/** FFmpeg, which publishes a test picture, and a tone as `audio` says. */
function ffmpeg(url: string, options: readonly string[]): RunningProcess {
  return new RunningProcess("ffmpeg", [
    ..."-v error -re -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=frequency=440"
      .split(" "),
    ..."-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 60".split(" "),
    ...options,
    url,
  ], { limitMs: 110_000 });
}

async function codecs(url: string, args: readonly string[] = []): Promise<string[]> {
  const { stdout } = await run("ffprobe", [
    ..."-v error -show_entries stream=codec_name -of csv=p=0 -analyzeduration 3000000".split(" "),
    ...args,
    url,
  ], { limitMs: 40_000 });
  return new TextDecoder().decode(stdout).trim().split("\n").sort();
}

Deno.test({
  name:
    "Chromium plays H.264 of an RTMP publisher by WHEP, from the newest key frame on, and is told of AAC",
  ignore,
  async fn() {
    const { weir, http, rtmp } = await start();
    await using _ = weir;
    await using _publisher = ffmpeg(
      `${rtmp}/live/cam`,
      "-tune zerolatency -bf 0 -c:a aac -f flv".split(" "),
    );
    await weir.log.line(({ message }) => message === "rtmp publish started");
    await using chromium = await Chromium.start();
    for (let player = 0; player < 2; player++) {
      const page = await chromium.page(`${http}/healthz`);
      const watched = await watch(page, `${http}/live/cam/whep`, { frames: 90 });
      assertEquals([watched.status, watched.width], [201, 640]);
      assertMatch(watched.headers["weir-left-out"]!, /^audio 0 \(aac\)/);
      assert(watched.currentTime > 0.5 && watched.keyFramesDecoded >= 1, JSON.stringify(watched));
      assertEquals(watched.packetsLost, 0);
    }
  },
});

/** B frames alone; and such as others are made from, where each picture is made of one before it. */
const B_FRAMES = {
  "B frames": "-bf 2 -b_strategy 0 -x264-params b-pyramid=none",
  "a pyramid of B frames": "-bf 3 -b_strategy 0 -refs 1 -x264-params b-pyramid=normal",
};

for (const [what, tuning] of Object.entries(B_FRAMES)) {
  Deno.test({
    name: `Chromium shows a stream with ${what} in order, without them, and is told so`,
    ignore,
    async fn() {
      const { weir, http, rtmp } = await start();
      await using _ = weir;
      await using _publisher = new StampedPublisher(
        [..."ENCODER -an -f flv".split(" "), `${rtmp}/live/cam`],
        { tuning: tuning.split(" ") },
      );
      await weir.log.line(({ message }) => message === "rtmp publish started");
      await using chromium = await Chromium.start();
      const page = await chromium.page(`${http}/live/cam?embed=1&way=webrtc`);
      await page.evaluate(READ_STAMPS);
      const { shown, wrong } = await page.evaluate<StampsRead>(`(async () => {
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      const video = () => document.querySelector("video");
      while (!(video()?.currentTime > 0.1)) await wait(20);
      const reader = readStamps(video());
      while (reader.result().shown.length < 30) await wait(50);
      return reader.result();
    })()`);
      const stamps = shown.map(({ stamp }) => stamp);
      assertEquals([wrong, stamps], [0, stamps.toSorted((a, b) => a - b)]);
      assertMatch(
        (await weir.log.line(({ level }) => level === "warn")).message,
        /has B frames.*fewer pictures a second/,
      );
    },
  });
}

Deno.test({
  name: "Chromium plays H.264 and Opus, and G.711, of an RTSP publisher by WHEP",
  ignore,
  async fn() {
    const { weir, http, rtsp } = await start();
    await using _ = weir;
    await using chromium = await Chromium.start();
    for (const [codec, args] of [["opus", "libopus -ac 2"], ["alaw", "pcm_alaw -ar 8000 -ac 1"]]) {
      await using _publisher = ffmpeg(
        `${rtsp}/live/${codec}`,
        `-tune zerolatency -bf 0 -c:a ${args} -f rtsp -rtsp_transport tcp`.split(" "),
      );
      await weir.log.line(({ message, fields }) =>
        message === "rtsp publish started" && fields.stream === `live/${codec}`
      );
      const page = await chromium.page(`${http}/healthz`);
      const watched = await watch(page, `${http}/live/${codec}/whep`, { frames: 60 });
      assertEquals(watched.status, 201);
      assert(watched.audioPackets > 20, JSON.stringify(watched));
      assertEquals(watched.headers["weir-left-out"], undefined);
    }
  },
});

Deno.test({
  name: "Chromium's camera, published by WHIP, is read by ffprobe over RTMP and RTSP",
  ignore,
  async fn() {
    const { weir, http, rtmp, rtsp } = await start();
    await using _ = weir;
    await using chromium = await Chromium.start();
    const page = await chromium.page(`${http}/healthz`);
    assertEquals((await publish(page, `${http}/live/cam/whip`)).status, 201);
    assertEquals(await codecs(`${rtsp}/live/cam`, ["-rtsp_transport", "tcp"]), ["h264", "opus"]);
    // FFmpeg 5.1 knows no Opus in FLV: it is given the picture alone.
    const silent = await chromium.page(`${http}/healthz`);
    const { status, session } = await publish(silent, `${http}/live/silent/whip`, { audio: false });
    assertEquals(status, 201);
    assertEquals(await codecs(`${rtmp}/live/silent`), ["h264"]);
    await silent.evaluate(`fetch("${session}", { method: "DELETE" })`);
    await weir.log.line(({ message }) => message === "whip publish ended");
  },
});

Deno.test({
  name: "Chromium publishes VP8, VP9 and AV1 by WHIP, and plays each by WHEP",
  ignore,
  async fn() {
    const { weir, http } = await start();
    await using _ = weir;
    await using chromium = await Chromium.start();
    for (const codec of ["VP8", "VP9", "AV1"]) {
      const camera = await chromium.page(`${http}/healthz`);
      const { status, session } = await publish(camera, `${http}/live/${codec}/whip`, { codec });
      assertEquals(status, 201, session);
      const player = await chromium.page(`${http}/healthz`);
      const watched = await watch(player, `${http}/live/${codec}/whep`, { frames: 15 });
      assertEquals(watched.status, 201);
      assert(watched.width > 0, `${codec}: ${JSON.stringify(watched)}`);
      await camera.evaluate(`fetch("${session}", { method: "DELETE" })`);
    }
  },
});

Deno.test({
  name: "Chromium's WHEP session ends with its stream, and its page's end ends the session",
  ignore,
  async fn() {
    const { weir, http, rtmp } = await start();
    await using _ = weir;
    const publisher = ffmpeg(`${rtmp}/live/cam`, "-tune zerolatency -bf 0 -an -f flv".split(" "));
    await weir.log.line(({ message }) => message === "rtmp publish started");
    await using chromium = await Chromium.start();
    const page = await chromium.page(`${http}/healthz`);
    await watch(page, `${http}/live/cam/whep`, { frames: 10, keepOpen: true });
    await page.evaluate("player.close()");
    const plays = () =>
      [...weir.server.tickets.values()].filter(({ info }) => info.action === "play").length;
    await until(() => plays() === 0);
    await watch(page, `${http}/live/cam/whep`, { frames: 10, keepOpen: true });
    await publisher[Symbol.asyncDispose]();
    const ended = await page.evaluate<string>(`new Promise((resolve) => {
      const look = () => /closed|failed|disconnected/.test(player.connectionState)
        ? resolve(player.connectionState)
        : setTimeout(look, 50);
      look();
    })`);
    assertMatch(ended, /closed|failed|disconnected/);
    assertEquals(plays(), 0);
  },
});
