import { assert, assertEquals } from "@std/assert";
import { Chromium } from "../support/chromium.ts";
import { ffmpeg, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

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
    await wall.becomes(`document.querySelector(".card strong")?.textContent === "live/cam"`);
    assertEquals(await wall.evaluate("location.hash"), "");
    // What fails once is told, and all is there again.
    await wall.evaluate(`((real) => {
      globalThis.fetch = () => Promise.reject(new TypeError("It is away"));
      setTimeout(() => globalThis.fetch = real, 3000);
    })(fetch)`);
    await wall.becomes(`document.getElementById("summary").textContent.includes("not answer")`);
    await wall.becomes(`document.getElementById("summary").textContent.startsWith("1 live")`);
    assertEquals(await wall.evaluate(`document.querySelectorAll(".card").length`), 1);

    const page = await chromium.page(`${base}/live/cam`);
    for (const way of ["HTTP-FLV", "LL-HLS", "WebRTC"]) {
      await page.becomes(`document.querySelectorAll("main button").length > 3`);
      await page.evaluate(
        `[...document.querySelectorAll("button")].find((b) => b.textContent === "${way}").click()`,
      );
      await page.becomes(
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

/** JavaScript that presses the button of a name. */
const press = (title: string): string =>
  `[...document.querySelectorAll("button")].find((b) => b.textContent === "${title}").click()`;

/** Whether a canvas shows more than one colour. */
const isDrawn = (selector: string): string =>
  `((c) => c && new Set(new Uint32Array(
    c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size > 20
  )(document.querySelector(${JSON.stringify(selector)}))`;

Deno.test({
  name: "Chromium plays all streams of the wall at once, and goes by keys",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({ http: LOCAL, webrtc: LOCAL });
    const { server } = weir;
    const { port } = server.addresses.find(({ protocol }) => protocol === "http")!;
    const names = Array.from({ length: 8 }, (_, at) => `live/cam${at}`);
    await using _ = ffmpeg([
      ...["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=15", "-c:v", "libx264"],
      ...["-preset", "ultrafast", "-tune", "zerolatency", "-g", "15", "-pix_fmt", "yuv420p"],
      ...["-flags", "+global_header", "-map", "0:v", "-f", "tee"],
      names.map((name) => `[f=flv]${weir.url}/${name}`).join("|"),
    ], { limitMs: 60_000 });
    await weir.log.line(({ fields }) => fields.stream === names.at(-1));
    await using chromium = await Chromium.start();
    const wall = await chromium.page(`http://127.0.0.1:${port}/#token=${server.apiToken}`);
    await wall.becomes(`document.querySelectorAll(".card").length === 8`);
    await wall.evaluate(press("Play all"));
    // More than the six connections that browsers have of HTTP: and the page asks the API all the same.
    await wall.becomes(
      `[...document.querySelectorAll(".card video")].filter((v) => v.currentTime > 1).length === 8`,
    );
    await wall.becomes(`document.querySelector(".card").textContent.includes("1 ws-flv")`);
    await wall.evaluate(press("Play all"));
    await wall.becomes(`document.querySelector(".card").textContent.includes("0 players")`);
    // The last pictures stay, and streams are found by their names.
    await wall.becomes(isDrawn(".card .still:not([hidden])"));
    const shown = `[...document.querySelectorAll(".card")].filter((card) => !card.hidden)`;
    const find = (text: string): string =>
      `((s) => { s.value = "${text}"; s.dispatchEvent(new Event("input")); })` +
      `(document.querySelector("input[type=search]"))`;
    await wall.evaluate(find("CAM5"));
    await wall.becomes(`${shown}.length === 1 && ${shown}[0].textContent.includes("live/cam5")`);
    await wall.evaluate(find(""));
    await wall.becomes(`${shown}.length === 8`);
    const page = await chromium.page(`http://127.0.0.1:${port}/live/cam0`);
    for (const [key, way] of [["1", "WebRTC"], ["3", "LL-HLS"], ["2", "HTTP-FLV"]]) {
      await page.evaluate(`dispatchEvent(new KeyboardEvent("keydown", { key: "${key}" }))`);
      await page.becomes(`document.querySelector("[aria-pressed=true]").textContent === "${way}"`);
      await page.becomes(`document.querySelector("video").currentTime > 0.5`);
    }
    await page.evaluate(`dispatchEvent(new KeyboardEvent("keydown", { key: "m" }))`);
    await page.becomes(`!document.querySelector("video").muted`);
  },
});

Deno.test({
  name:
    "a player that is kicked is told so by each way to watch, and the keyboard stays where it is",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  async fn() {
    await using weir = await TestServer.start({ http: LOCAL, webrtc: LOCAL });
    const { server } = weir;
    const { port } = server.addresses.find(({ protocol }) => protocol === "http")!;
    await using _ = ffmpeg([
      ...["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=15", "-c:v", "libx264"],
      ...["-preset", "ultrafast", "-tune", "zerolatency", "-g", "15", "-pix_fmt", "yuv420p"],
      ...["-f", "flv", `${weir.url}/live/cam`],
    ], { limitMs: 120_000 });
    await weir.log.line(({ message }) => message.includes("publish started"));
    await using chromium = await Chromium.start();
    const base = `http://127.0.0.1:${port}/live/cam`;
    const page = await chromium.page(`${base}#token=${server.apiToken}`);
    await page.becomes(`document.querySelector("main").textContent.includes("${weir.url}")`);
    const row = (text: string): string =>
      `[...document.querySelectorAll("tr")].find((r) => r.textContent.includes("${text}"))`;
    await page.becomes(`${row("publishes")} !== undefined`);
    const kick = `${row("publishes")}.querySelector("button")`;
    await page.evaluate(`(globalThis.focused = ${kick}).focus()`);
    for (
      const [way, protocol] of [
        ["WebRTC", "whep"],
        ["HTTP-FLV", "http-flv"],
        ["LL-HLS", "http-hls"],
      ]
    ) {
      await page.evaluate(press(way!));
      await page.becomes(`document.querySelector("video").currentTime > 0.5`);
      await page.becomes(`document.querySelector("h1").className === "live on"`);
      await page.becomes(`${row(`plays${protocol}`)} != null`);
      await page.evaluate(
        `${row(`plays${protocol}`)}.querySelector("button").click()`,
      );
      await page.becomes(`document.querySelector(".hint").textContent !== ""`);
      await page.becomes(`document.querySelector("h1").className === "live"`);
    }
    assertEquals(await page.evaluate(`document.activeElement === focused`), true);
    await page.evaluate("focused.click()");
    await weir.log.line(({ message }) => message.includes("publish ended"));
  },
});

Deno.test({
  name: "Chromium shows what was recorded on a time line, with pictures that it decodes itself",
  ignore: ignoreWithout("chromium", "ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    await using weir = await TestServer.start({
      http: LOCAL,
      record: [{ name: "*", to: folder.path, segmentMs: 2000 }],
    });
    const { server } = weir;
    const { port } = server.addresses.find(({ protocol }) => protocol === "http")!;
    await using publisher = ffmpeg([
      ...["-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-t", "6", "-c:v", "libx264"],
      ...["-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"],
      ...["-f", "flv", `${weir.url}/live/cam`],
    ], { limitMs: 60_000 });
    await publisher.ended;
    await using chromium = await Chromium.start();
    const url = `http://127.0.0.1:${port}/recordings#token=${server.apiToken}`;
    const page = await chromium.page(url);
    await page.becomes(`document.querySelector("select")?.value === "live/cam"`);
    await page.becomes(isDrawn(".pictures button:not(:disabled) canvas"));
    await page.evaluate(
      `document.querySelector("canvas.timeline")
        .dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }))`,
    );
    await page.becomes(
      `((v) => v.currentTime > 1 && v.videoWidth === 320)(document.querySelector("video"))`,
    );
    const cut = await page.evaluate<number>(
      `fetch(document.querySelector("a[download]").href).then((r) => r.arrayBuffer())
        .then(({ byteLength }) => byteLength)`,
    );
    assert(cut > 10_000, `${cut} bytes`);
  },
});

Deno.test({
  name: "the page's button publishes Chromium's camera, which plays over RTMP, RTSP and LL-HLS",
  ignore: ignoreWithout("chromium", "ffmpeg", "ffprobe"),
  async fn() {
    await using weir = await TestServer.start({ rtsp: LOCAL, http: LOCAL, webrtc: LOCAL });
    const portOf = (protocol: string): number =>
      weir.server.addresses.find((address) => address.protocol === protocol)!.port;
    const base = `http://127.0.0.1:${portOf("http")}`;
    await using chromium = await Chromium.start();
    const camera = await chromium.page(`${base}/live/me?way=webrtc`);
    await camera.becomes(`document.querySelector("main h1") !== null`);
    await camera.evaluate(press("Publish this camera"));
    await weir.log.line(({ message }) => message === "whip publish started");
    const player = await chromium.page(`${base}/live/me?embed=1&way=hls`);
    await player.becomes(
      `((v) => v.currentTime > 1 && v.getVideoPlaybackQuality().totalVideoFrames > 10 &&
        v.webkitAudioDecodedByteCount > 1000)(document.querySelector("video"))`,
    );
    const codecsOf = async (...input: string[]) => {
      const args = "-v error -analyzeduration 2000000 -show_entries stream=codec_name -of csv=p=0";
      const { stdout } = await run("ffprobe", [...args.split(" "), ...input], { limitMs: 40_000 });
      return new TextDecoder().decode(stdout).trim().split("\n").filter(Boolean).sort();
    };
    const rtsp = `rtsp://127.0.0.1:${portOf("rtsp")}/live/me`;
    assertEquals(await codecsOf("-rtsp_transport", "tcp", rtsp), ["h264", "opus"]);
    // FFmpeg 5 knows no Opus in FLV.
    assert((await codecsOf(`${weir.url}/live/me`)).includes("h264"));
    await camera.evaluate(press("Stop"));
    const ended = await weir.log.line(({ message }) => message === "whip publish ended");
    assertEquals(ended.fields.reason, "unpublished");
  },
});
