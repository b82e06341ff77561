/** Fallback, delay and time shift, as users have them: the command with a file, and FFmpeg at each end. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { ffmpeg, publishArguments, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run, RunningProcess } from "../support/process.ts";
import { until } from "../support/test_server.ts";

const GOP = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];

/**
 * Makes a file of 160x120 with sound. A camera is bright, and brighter by a step each second, so that a picture tells its
 * time; a slate is black.
 */
async function makeFile(path: string, kind: "camera" | "slate", seconds: number): Promise<void> {
  const picture = kind === "slate"
    ? "color=black:size=160x120:rate=25"
    : "color=black:size=160x120:rate=25,geq=lum='80+mod(floor(N/25),30)*5':cb=128:cr=128";
  const { code, stderr } = await run("ffmpeg", [
    ...["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", picture],
    ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-t", String(seconds)],
    ...[...GOP, "-c:a", "aac", "-y", path],
  ], { limitMs: 60_000 });
  assertEquals(code, 0, stderr);
}

/** A picture as a player has decoded it. */
interface Shown {
  readonly ptsMs: number;
  /** Mean of its brightness. */
  readonly mean: number;
  /** When that was, milliseconds since 1970. */
  readonly atMs: number;
}

/** A player that says what it sees. */
class Viewer implements AsyncDisposable {
  readonly shown: Shown[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #done: Promise<void>;

  constructor(args: readonly string[]) {
    this.#child = new Deno.Command("ffmpeg", {
      args: [
        ...["-nostdin", "-nostats", "-loglevel", "info", ...args, "-map", "0:v"],
        ...["-vf", "format=gray,showinfo", "-fps_mode", "passthrough", "-f", "null", "-"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#done = this.#read();
  }

  /** Whether the newest picture is the slate. */
  get seesSlate(): boolean {
    return isSlate(this.shown.at(-1));
  }

  /** The first picture since a time for which something holds. */
  first(sinceMs: number, holds: (picture: Shown) => boolean): Shown | undefined {
    return this.shown.find((picture) => picture.atMs >= sinceMs && holds(picture));
  }

  async #read(): Promise<void> {
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const text of lines) {
      const all = (rest + text).split("\n");
      rest = all.pop()!;
      const atMs = Date.now();
      for (const line of all) {
        const found = /pts_time:([-\d.]+).* mean:\[(\d+)/.exec(line);
        if (found === null) continue;
        this.shown.push({ ptsMs: Number(found[1]) * 1000, mean: Number(found[2]), atMs });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#done;
  }
}

function isSlate(picture: Shown | undefined): boolean {
  return picture !== undefined && picture.mean < 40;
}

const isCamera = (picture: Shown): boolean => !isSlate(picture);

/** The command with a configuration file. */
async function start(folder: string, settings: string) {
  const config = `${folder}/weir.yaml`;
  const ports = `rtmp: { port: "127.0.0.1:0" }
rtsp: { port: "127.0.0.1:0" }
rtp: { port: off }
http: { port: "127.0.0.1:0" }
`;
  await Deno.writeTextFile(config, ports + settings);
  const told = await run(Deno.execPath(), [
    ...["run", "--allow-net", `--allow-read=${config}`, "mod.ts", "permissions"],
    ...["--config", config],
  ]);
  const flags = new TextDecoder().decode(told.stdout).split(" ").filter((one) =>
    one.startsWith("--allow-") && !one.startsWith("--allow-net")
  );
  const weir = new RunningProcess(Deno.execPath(), [
    ...["run", "--allow-net", ...flags, "mod.ts", "--config", config],
  ], { limitMs: 240_000 });
  const port = async (protocol: string) =>
    (await weir.line(new RegExp(`${protocol} listening on 127\\.0\\.0\\.1:(\\d+)`)))[1]!;
  const [rtmp, rtsp, http] = [await port("rtmp"), await port("rtsp"), await port("http")];
  const [, token] = await weir.line(/#token=(\S+)/);
  return {
    weir,
    rtmp: `rtmp://127.0.0.1:${rtmp}`,
    rtsp: `rtsp://127.0.0.1:${rtsp}`,
    http: `http://127.0.0.1:${http}`,
    api: async (method: string, path: string) => {
      const answer = await fetch(`http://127.0.0.1:${http}/v1/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
      });
      return { status: answer.status, body: await answer.json() };
    },
  };
}

/** Resolves when something holds; within a minute. */
async function soon(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 6; turn++) {
    try {
      return await until(holds);
    } catch (error) {
      if (turn === 5) throw error;
    }
  }
}

Deno.test({
  name:
    "players of every door see the slate before a publisher, at its end and while it hangs, and else the camera",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const [camera, slate] = [`${folder.path}/camera.flv`, `${folder.path}/slate.mp4`];
    await makeFile(camera, "camera", 60);
    await makeFile(slate, "slate", 4);
    const server = await start(
      folder.path,
      `paths: { "live/*": { fallback: ${slate}, fallbackAfter: 1s } }\n`,
    );
    await using _ = server.weir;
    await using rtmp = new Viewer(["-i", `${server.rtmp}/live/cam`]);
    await using rtsp = new Viewer(["-rtsp_transport", "tcp", "-i", `${server.rtsp}/live/cam`]);
    await using flv = new Viewer(["-i", `${server.http}/live/cam.flv`]);
    await using ts = new Viewer(["-i", `${server.http}/live/cam.ts`]);
    await using mp4 = new Viewer(["-i", `${server.http}/live/cam.mp4`]);
    await using hls = new Viewer(["-i", `${server.http}/live/cam/index.m3u8`]);
    const viewers = { rtmp, rtsp, flv, ts, mp4, hls };
    const all = Object.values(viewers);
    await soon(() => all.every((viewer) => viewer.seesSlate));
    const list = await server.api("GET", "streams/live/cam");
    assertEquals([list.body.isLive, list.body.isFallback, list.body.publisher], [
      true,
      true,
      undefined,
    ]);
    const publisher = ffmpeg(publishArguments(camera, `${server.rtmp}/live/cam`), {
      limitMs: 100_000,
    });
    await soon(() => all.every((viewer) => !viewer.seesSlate));
    // It hangs, and keeps its connection.
    publisher.kill("SIGSTOP");
    const hungMs = Date.now();
    await soon(() => all.every((viewer) => viewer.seesSlate));
    publisher.kill("SIGCONT");
    const wokenMs = Date.now();
    await soon(() => all.every((viewer) => !viewer.seesSlate));
    publisher.kill("SIGKILL");
    await publisher.ended.catch(() => {});
    const endedMs = Date.now();
    await soon(() => all.every((viewer) => viewer.seesSlate));
    for (const [name, viewer] of Object.entries(viewers)) {
      const afterHang = viewer.first(hungMs, isSlate)!.atMs - hungMs;
      const afterWake = viewer.first(wokenMs, isCamera)!.atMs - wokenMs;
      const afterEnd = viewer.first(endedMs, isSlate)!.atMs - endedMs;
      console.log(
        `${name}: slate ${afterHang} ms after the hang (of which 1000 are the rule's), ` +
          `camera ${afterWake} ms after it went on, slate ${afterEnd} ms after the end`,
      );
      const times = viewer.shown.map(({ ptsMs }) => ptsMs);
      const back = times.slice(1).filter((time, at) => time <= times[at]!);
      assertEquals(back, [], `${name}: time goes back`);
      if (name === "hls") continue;
      assert(afterHang < 1000 + 1000, `${name}: ${afterHang} ms after the hang`);
      assert(afterEnd < 700, `${name}: ${afterEnd} ms after the end`);
    }
  },
});

Deno.test({
  name: "nobody sees what is delayed before its time, nor at all what a moderator has stopped",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const [camera, slate] = [`${folder.path}/camera.flv`, `${folder.path}/slate.flv`];
    await makeFile(camera, "camera", 60);
    await makeFile(slate, "slate", 4);
    const server = await start(
      folder.path,
      `paths: { "live/*": { delay: 8s, fallback: ${slate} } }\n`,
    );
    await using _ = server.weir;
    await using rtmp = new Viewer(["-i", `${server.rtmp}/live/cam`]);
    await using rtsp = new Viewer(["-rtsp_transport", "tcp", "-i", `${server.rtsp}/live/cam`]);
    await using flv = new Viewer(["-i", `${server.http}/live/cam.flv`]);
    const all = [rtmp, rtsp, flv];
    await soon(() => all.every((viewer) => viewer.seesSlate));
    const publish = () =>
      ffmpeg(publishArguments(camera, `${server.rtmp}/live/cam`), { limitMs: 100_000 });
    const first = publish();
    await server.weir.line(/rtmp publish started/);
    const startedMs = Date.now();
    await soon(() => all.every((viewer) => !viewer.seesSlate));
    for (const viewer of all) {
      assertAlmostEquals(viewer.first(startedMs, isCamera)!.atMs - startedMs, 8000, 1500);
    }
    const { body } = await server.api("GET", "streams/live/cam");
    assert(body.held.bytes > 0 && body.held.ms > 7000, JSON.stringify(body.held));
    // Eight seconds of it have come that nobody has seen.
    assertEquals((await server.api("DELETE", "streams/live/cam?reason=Not+that")).status, 200);
    const stoppedMs = Date.now();
    await first.ended.catch(() => {});
    await soon(() => all.every((viewer) => viewer.seesSlate));
    for (const viewer of all) {
      const slateMs = viewer.first(stoppedMs, isSlate)!.atMs - stoppedMs;
      console.log(`slate ${slateMs} ms after the moderator's word`);
      assert(slateMs < 1000, `${slateMs}`);
      assertEquals(viewer.first(stoppedMs + 1000, isCamera), undefined);
    }
    // What is held can be dropped while the publisher goes on.
    await using second = publish();
    await soon(() => all.every((viewer) => !viewer.seesSlate));
    assertEquals((await server.api("DELETE", "held/live/cam")).status, 200);
    await soon(() => all.every((viewer) => viewer.seesSlate));
    await soon(() => all.every((viewer) => !viewer.seesSlate));
    second.kill("SIGKILL");
    const endedMs = Date.now();
    await second.ended.catch(() => {});
    await soon(() => all.every((viewer) => viewer.seesSlate));
    // By its own end it has played out.
    for (const viewer of all) {
      assertAlmostEquals(viewer.first(endedMs, isSlate)!.atMs - endedMs, 8000, 1500);
    }
  },
});

Deno.test({
  name: "players of every door begin where they like, stay as far behind, or catch up",
  ignore: ignoreWithout("ffmpeg"),
  async fn() {
    await using folder = new TemporaryFolder();
    const camera = `${folder.path}/camera.flv`;
    await makeFile(camera, "camera", 60);
    const server = await start(folder.path, "keep: { time: 60s }\n");
    await using _ = server.weir;
    await using publisher = ffmpeg(publishArguments(camera, `${server.rtmp}/live/cam`), {
      limitMs: 100_000,
    });
    await using live = new Viewer(["-i", `${server.http}/live/cam.flv`]);
    await soon(() => (live.shown.at(-1)?.ptsMs ?? 0) > 15_000);
    const query = "from=-10";
    await using rtmp = new Viewer(["-i", `${server.rtmp}/live/cam?${query}`]);
    await using rtsp = new Viewer([
      ...["-rtsp_transport", "tcp", "-i", `${server.rtsp}/live/cam?${query}`],
    ]);
    await using flv = new Viewer(["-i", `${server.http}/live/cam.flv?${query}`]);
    await using ts = new Viewer(["-i", `${server.http}/live/cam.ts?${query}`]);
    await using mp4 = new Viewer(["-i", `${server.http}/live/cam.mp4?${query}`]);
    await using hls = new Viewer(["-i", `${server.http}/live/cam/index.m3u8?${query}`]);
    await using catching = new Viewer(["-i", `${server.http}/live/cam.flv?${query}&catchup=1`]);
    const shifted = { rtmp, rtsp, flv, ts, mp4, hls };
    await soon(() => Object.values(shifted).every(({ shown }) => shown.length > 12 * 25));
    await soon(() => (live.shown.at(-1)?.ptsMs ?? 0) > 35_000);
    const brightness = (viewer: Viewer) => viewer.shown.at(-1)!.mean;
    const stepsBehind = (viewer: Viewer) => {
      // Five steps of brightness are a second, of 30; full range has them a little larger.
      const steps = (brightness(live) - brightness(viewer)) / (5 * 255 / 219);
      return (steps + 30) % 30;
    };
    for (const [name, viewer] of Object.entries(shifted)) {
      const behind = stepsBehind(viewer);
      console.log(`${name}: ${behind.toFixed(1)} s behind who is live`);
      // FFmpeg takes segments of HLS as they are there, three seconds of them before their time.
      assertAlmostEquals(behind, name === "hls" ? 9 : 10.5, name === "hls" ? 4 : 2.5, name);
    }
    const behind = stepsBehind(catching);
    console.log(`catching up: ${behind.toFixed(1)} s behind who is live`);
    assert(behind < 3 || behind > 28, String(behind));
    publisher.kill("SIGKILL");
  },
});
