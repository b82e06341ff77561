import { assertEquals } from "@std/assert";
import { Chromium, type Page } from "../support/chromium.ts";
import { ffmpeg } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

/** Resolves when an expression is true in the page, which looks at each frame; fails after half a minute. */
async function becomes(page: Page, expression: string): Promise<void> {
  const found = await page.evaluate<boolean>(`new Promise((resolve) => {
    const limit = setTimeout(() => resolve(false), 30000);
    const look = () => {
      if (!(${expression})) return setTimeout(look, 50);
      clearTimeout(limit);
      resolve(true);
    };
    look();
  })`);
  assertEquals(found, true, expression);
}

Deno.test({
  name: "Chromium shows the wall, and plays a stream by HTTP-FLV, LL-HLS and WebRTC",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({ http: LOCAL, webrtc: LOCAL });
    const { server } = weir;
    const port = (protocol: string): number =>
      server.addresses.find((address) => address.protocol === protocol)!.port;
    await using _ = ffmpeg([
      ...["-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-f", "lavfi", "-i", "sine"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25"],
      ...["-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv"],
      `rtmp://127.0.0.1:${port("rtmp")}/live/cam`,
    ], { limitMs: 120_000 });
    await weir.log.line(({ message }) => message.includes("publish started"));
    const base = `http://127.0.0.1:${port("http")}`;
    await using chromium = await Chromium.start();
    const wall = await chromium.page(`${base}/#token=${server.apiToken}`);
    await becomes(wall, `document.querySelector(".card strong")?.textContent === "live/cam"`);
    assertEquals(await wall.evaluate("location.hash"), "");

    const page = await chromium.page(`${base}/live/cam`);
    for (const way of ["HTTP-FLV", "LL-HLS", "WebRTC"]) {
      await becomes(page, `document.querySelectorAll("main button").length > 3`);
      await page.evaluate(
        `[...document.querySelectorAll("button")].find((b) => b.textContent === "${way}").click()`,
      );
      await becomes(
        page,
        `((v) => v.currentTime > 1 && v.videoWidth === 320 &&
          v.getVideoPlaybackQuality().totalVideoFrames > 20)(document.querySelector("video"))`,
      );
      assertEquals(await page.evaluate(`document.querySelector(".hint").textContent`), "", way);
    }
    assertEquals(
      server.snapshot().tickets.some(({ protocol }) => protocol === "whep"),
      true,
    );
  },
});
