import { assert, assertEquals } from "@std/assert";
import { Chromium } from "../support/chromium.ts";
import { freePort } from "../support/free_port.ts";
import { ffmpeg } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { http: { hostname: "127.0.0.1", port: 0 } };

const WAYS = ["webrtc", "flv", "ws-flv", "hls"];

/** Pictures that all ways can show. */
const PICTURES =
  "-re -f lavfi -i testsrc=size=160x120:rate=15 -c:v libx264 -preset ultrafast -tune zerolatency " +
  "-g 15 -pix_fmt yuv420p -f flv";

/** JavaScript whose value tells whether something is so of each way's player: of `video`, and of `hint`, its words. */
const ofAll = (condition: string): string =>
  `[...document.querySelectorAll("iframe")].every(({ contentDocument }) => {
    const video = contentDocument?.querySelector("video");
    const hint = contentDocument?.querySelector(".hint")?.textContent;
    return ${condition};
  })`;

const IS_PLAYING = ofAll(`video?.currentTime > 0.3 && !video.paused && hint === ""`);

Deno.test({
  name:
    "the page's player says that a stream has ended or the server is away, and plays again by itself",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  async fn() {
    const ports = { rtmp: freePort(), http: freePort() };
    const start = () =>
      TestServer.start({
        rtmp: { hostname: "127.0.0.1", port: ports.rtmp },
        http: { hostname: "127.0.0.1", port: ports.http },
        webrtc: { hostname: "127.0.0.1", port: 0 },
        hub: { lingerMs: 0 },
      });
    const publish = () =>
      ffmpeg([...PICTURES.split(" "), `rtmp://127.0.0.1:${ports.rtmp}/live/cam`]);
    const saysAgain = (why: string) => ofAll(`/^(${why})\\. Trying again/.test(hint)`);
    await using chromium = await Chromium.start();
    await using weir = new AsyncDisposableStack();
    const first = weir.use(await start());
    const page = await chromium.page(`http://127.0.0.1:${ports.http}/healthz`);
    {
      await using _publisher = publish();
      await page.evaluate(`for (const way of ${JSON.stringify(WAYS)}) {
        const frame = document.createElement("iframe");
        frame.src = "/live/cam?embed=1&way=" + way;
        document.body.append(frame);
      }`);
      await page.becomes(IS_PLAYING);
    }
    await page.becomes(saysAgain("The stream has ended|The stream is not live"));
    assertEquals(await page.evaluate(ofAll(`video.currentTime === 0`)), true);
    {
      await using _publisher = publish();
      await page.becomes(IS_PLAYING);
      await first[Symbol.asyncDispose]();
      await page.becomes(saysAgain("The stream has ended|The server does not answer"));
    }
    weir.use(await start());
    await using _publisher = publish();
    // A browser that has its network again does not wait.
    await page.evaluate(`for (const { contentWindow } of document.querySelectorAll("iframe")) {
      contentWindow.dispatchEvent(new Event("online"));
    }`);
    await page.becomes(IS_PLAYING);
  },
});

Deno.test({
  name: "the page's player does not try again what the server has refused",
  ignore: ignoreWithout("chromium"),
  async fn() {
    const { http } = LOCAL;
    await using weir = await TestServer.start({
      ...{ rtmp: false, http, webrtc: http },
      hooks: { onPlay: () => ({ refuse: "Not today" }) },
    });
    const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
    await using chromium = await Chromium.start();
    const page = await chromium.page(`http://127.0.0.1:${port}/live/cam?way=webrtc`);
    for (const title of ["WebRTC", "HTTP-FLV", "LL-HLS"]) {
      await page.evaluate(
        `[...document.querySelectorAll("button")].find((b) => b.textContent === "${title}").click()`,
      );
      await page.becomes(`document.querySelector(".hint").textContent !== ""`);
      const hint = await page.evaluate<string>(`document.querySelector(".hint").textContent`);
      assert(!hint.includes("again"), hint);
    }
  },
});
