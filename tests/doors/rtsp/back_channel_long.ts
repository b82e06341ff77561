/**
 * Cameras and players of other makers that talk through weir: of gortsplib, which needs Go and its module proxy, and of
 * GStreamer, which needs Debian's python3-gi and gir1.2-gst-rtsp-server-1.0.
 */
import { assert, assertEquals } from "@std/assert";
import { freePort } from "../../support/free_port.ts";
import { TemporaryFolder } from "../../support/media_file.ts";
import { ignoreWithout, ROOT, run, RunningProcess } from "../../support/process.ts";
import { TestRelay } from "../../support/test_relay.ts";
import { TestServer, until } from "../../support/test_server.ts";
import type { ServerOptions } from "../../../mod.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const HERE = `${ROOT}tests/doors/rtsp`;

/** Debian's own, which has the bindings; another may stand before it in the path. */
const PYTHON = "/usr/bin/python3";

const ANYBODY: ServerOptions = {
  rtmp: false,
  rtsp: LOCAL,
  rtp: LOCAL,
  hooks: { authenticate: () => ({ allow: "anonymous" }) },
};

function rtspUrl({ server }: TestServer): string {
  const { port } = server.addresses.find(({ protocol }) => protocol === "rtsp")!;
  return `rtsp://127.0.0.1:${port}/live/cam`;
}

/** A server that pulls from another, and that others may talk through. */
async function pull(url: string): Promise<{ weir: TestServer; relay: TestRelay }> {
  const weir = await TestServer.start(ANYBODY);
  const relay = new TestRelay(weir, { mode: "pull", name: "live/cam", url, backchannel: true });
  await until(() => weir.server.stream("live/cam").backChannel !== undefined);
  return { weir, relay };
}

Deno.test({
  name:
    "gortsplib's players talk to a camera of gortsplib, by TCP and UDP, through one server and two",
  ignore: ignoreWithout("go"),
  async fn() {
    await using folder = new TemporaryFolder();
    const peer = `${folder.path}/peer`;
    const built = await run("go", ["build", "-o", peer, "."], {
      cwd: `${HERE}/gortsplib`,
      limitMs: 300_000,
    });
    if (/dial tcp|no such host|Forbidden/.test(built.stderr)) {
      return console.log("Skipped, since gortsplib cannot be downloaded here");
    }
    assertEquals(built.code, 0, built.stderr);
    const port = freePort();
    await using camera = new RunningProcess(peer, ["camera", String(port)], { limitMs: 90_000 });
    await camera.line(/^listening$/m);
    const near = await pull(`rtsp://127.0.0.1:${port}/cam`);
    await using _near = near.weir;
    await using _nearRelay = near.relay;
    const far = await pull(rtspUrl(near.weir));
    await using _far = far.weir;
    await using _farRelay = far.relay;
    let talks = 0;
    for (const weir of [near.weir, far.weir]) {
      for (const over of ["tcp", "udp"]) {
        const { stdout } = await run(peer, ["talk", over, rtspUrl(weir)], { limitMs: 30_000 });
        const text = new TextDecoder().decode(stdout);
        assertEquals(text, "offered 8\noffered 0\nsaid, heard: true\n", over);
        talks++;
        // The camera counts what each says, and shows which packet it was.
        await until(() => camera.lines.filter((line) => line === "heard 50 8 49").length === talks);
        await until(() => near.weir.server.stream("live/cam").backChannel?.isTaken === false);
      }
    }
  },
});

/** Whether GStreamer's server can be had by Python. */
async function hasBindings(): Promise<boolean> {
  const program = "import gi; gi.require_version('GstRtspServer', '1.0')";
  try {
    return (await run(PYTHON, ["-c", program], { limitMs: 10_000 })).code === 0;
  } catch {
    return false;
  }
}

Deno.test("GStreamer's rtspsrc talks to a camera of GStreamer's server, by TCP and UDP", async () => {
  if (!await hasBindings()) {
    return console.log(
      "Skipped, since python3-gi and gir1.2-gst-rtsp-server-1.0 are not installed",
    );
  }
  await using camera = new RunningProcess(PYTHON, [`${HERE}/gstreamer/camera.py`], {
    limitMs: 90_000,
  });
  const [, port] = await camera.line(/^port (\d+)$/m);
  const { weir, relay } = await pull(`rtsp://127.0.0.1:${port}/cam`);
  await using _weir = weir;
  await using _relay = relay;
  const heard = (line: string) => Number(/^heard (\d+)$/.exec(line)?.[1] ?? 0);
  const talks: number[] = [];
  for (const over of ["tcp", "udp"]) {
    const talker = [`${HERE}/gstreamer/talker.py`, rtspUrl(weir), "5", over];
    const { stdout } = await run(PYTHON, talker, { limitMs: 30_000 });
    const [, said, seen] = /^said (\d+)\nseen (\w+)\n/.exec(new TextDecoder().decode(stdout))!;
    assert(Number(said) > 10_000, `${over}: ${said} octets said`);
    assertEquals(seen, "True", over);
    await until(() => weir.server.stream("live/cam").backChannel?.isTaken === false);
    // Each talk is counted anew; the last packets may come when the session ends.
    const least = Number(said) - 10 * 160;
    await until(() => camera.lines.filter((line) => heard(line) >= least).length >= 1);
    talks.push(camera.lines.filter((line) => heard(line) === 160).length);
  }
  assertEquals(talks, [1, 2]);
});
