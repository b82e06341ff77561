import { assert, assertEquals } from "@std/assert";
import { Chromium } from "../../support/chromium.ts";
import { watchHls } from "../../support/hls_page.ts";
import { ignoreWithout, RunningProcess } from "../../support/process.ts";
import { TestServer } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

Deno.test({
  name: "Chromium plays low-latency HLS by hls.js, part by part",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({ rtmp: LOCAL, rtsp: false, http: LOCAL });
    const portOf = (protocol: string) =>
      weir.server.addresses.find((address) => address.protocol === protocol)!.port;
    await using _publisher = new RunningProcess("ffmpeg", [
      ..."-nostdin -v error -re -f lavfi -i testsrc2=size=320x180:rate=30".split(" "),
      ..."-f lavfi -i sine=frequency=440:sample_rate=48000".split(" "),
      ..."-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p".split(" "),
      ..."-c:a aac -b:a 64k -f flv".split(" "),
      `rtmp://127.0.0.1:${portOf("rtmp")}/live/cam`,
    ], { limitMs: 60_000 });
    const base = `http://127.0.0.1:${portOf("http")}`;
    await using chromium = await Chromium.start();
    const page = await chromium.page(`${base}/healthz`);
    const watched = await watchHls(page, `${base}/live/cam/index.m3u8`, { seconds: 2 });
    assertEquals(watched.errors, []);
    assert(watched.isLowLatency && watched.parts > 0, JSON.stringify(watched));
    assertEquals(watched.width, 320);
    assert(watched.framesDecoded >= 30, JSON.stringify(watched));
    assert(watched.latencyS < 10, JSON.stringify(watched));
  },
});
