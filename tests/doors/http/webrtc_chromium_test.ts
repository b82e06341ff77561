import { assert, assertEquals } from "@std/assert";
import { Chromium } from "../../support/chromium.ts";
import { ignoreWithout, run } from "../../support/process.ts";
import { TestServer } from "../../support/test_server.ts";
import { publish, watch } from "../../support/webrtc_page.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

Deno.test({
  name: "Chromium's camera is published by WHIP, and plays by WHEP in another page and by RTSP",
  ignore: ignoreWithout("chromium", "ffprobe"),
  async fn() {
    await using weir = await TestServer.start({
      rtmp: false,
      rtsp: LOCAL,
      http: LOCAL,
      webrtc: LOCAL,
    });
    const portOf = (protocol: string) =>
      weir.server.addresses.find((address) => address.protocol === protocol)!.port;
    const base = `http://127.0.0.1:${portOf("http")}`;
    await using chromium = await Chromium.start();
    const camera = await chromium.page(`${base}/healthz`);
    const { status, session } = await publish(camera, `${base}/live/cam/whip`);
    assertEquals(status, 201);
    const player = await chromium.page(`${base}/healthz`);
    const watched = await watch(player, `${base}/live/cam/whep`, { frames: 20 });
    assertEquals(watched.status, 201);
    assert(watched.width > 0 && watched.audioPackets > 0, JSON.stringify(watched));
    assertEquals(watched.headers["weir-left-out"], undefined);
    const probed = await run("ffprobe", [
      ..."-v error -rtsp_transport tcp -show_entries stream=codec_name -of csv=p=0".split(" "),
      `rtsp://127.0.0.1:${portOf("rtsp")}/live/cam`,
    ]);
    assertEquals(new TextDecoder().decode(probed.stdout).trim().split("\n").sort(), [
      "h264",
      "opus",
    ]);
    assertEquals(
      await camera.evaluate<number>(
        `fetch("${session}", { method: "DELETE" }).then((r) => r.status)`,
      ),
      200,
    );
    const ended = await weir.log.line(({ message }) => message === "whip publish ended");
    assertEquals(ended.fields.reason, "unpublished");
  },
});
