/**
 * Clients of WebRTC of other makers publish and play, and not a picture is lost or changed: Pion, of which MediaMTX,
 * LiveKit and others are made (needs Go and its module proxy); libdatachannel, as OBS has it (npm); aiortc (`pip install
 * aiortc`, for the Python that `AIORTC_PYTHON` names, `python3` by default); and FFmpeg's WHIP (`pip install
 * imageio-ffmpeg`). What is missing is said.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { TemporaryFolder } from "../../support/media_file.ts";
import { currentFfmpeg } from "../../support/media_matrix.ts";
import { ignoreWithout, ROOT, run, RunningProcess } from "../../support/process.ts";
import { TestServer, until } from "../../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const ignore = ignoreWithout("ffmpeg");
const HERE = `${ROOT}tests/doors/http`;

/** Pictures that are published: six seconds, with a key frame each two. */
const PICTURES = 150;

/** What players are compared by: who sees a gap as the stream ends is too late to ask for it. */
const ASKED = PICTURES - 10;

/** What the client of Pion has seen. */
interface PionReport {
  readonly dropped: number;
  readonly nacks: number;
  readonly repaired: number;
  readonly audio: number;
  readonly reports: number;
}

async function start() {
  const weir = await TestServer.start({
    rtsp: LOCAL,
    http: LOCAL,
    webrtc: LOCAL,
    timing: { playWaitMs: 20_000, describeWaitMs: 20_000 },
  });
  const portOf = (protocol: string) =>
    weir.server.addresses.find((address) => address.protocol === protocol)!.port;
  return {
    weir,
    http: `http://127.0.0.1:${portOf("http")}`,
    rtsp: `rtsp://127.0.0.1:${portOf("rtsp")}`,
  };
}

/** The source in several containers, and the hashes of its pictures. */
class Source implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();
  hashes: readonly string[] = [];

  get path(): string {
    return this.#folder.path;
  }

  static async make(): Promise<Source> {
    const source = new Source();
    const { path } = source;
    await ffmpeg([
      ...`-f lavfi -i testsrc=size=320x240:rate=25:duration=6 -f lavfi`.split(" "),
      ...`-i sine=frequency=440:duration=6 -c:v libx264 -preset ultrafast -threads 1`.split(" "),
      ...`-tune zerolatency -pix_fmt yuv420p -bf 0 -g 50 -b:v 1500k`.split(" "),
      ...`-x264-params repeat-headers=1 -c:a libopus -ac 2 -ar 48000 ${path}/source.mkv`.split(" "),
    ]);
    const copy = ["-i", `${path}/source.mkv`, "-map", "0:v", "-c", "copy"];
    await ffmpeg([...copy, "-bsf:v", "h264_mp4toannexb", `${path}/source.h264`]);
    await ffmpeg([...copy, `${path}/source.ts`]);
    source.hashes = await hashesOf(["-i", `${path}/source.h264`]);
    assertEquals([source.hashes.length, new Set(source.hashes).size], [PICTURES, PICTURES]);
    return source;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function ffmpeg(args: readonly string[]): Promise<string> {
  const quiet = ["-nostdin", "-v", "error", "-y"];
  const { code, stdout, stderr } = await run("ffmpeg", [...quiet, ...args], { limitMs: 60_000 });
  assertEquals(code, 0, stderr);
  return new TextDecoder().decode(stdout);
}

/** The hash of each picture of an input. */
async function hashesOf(input: readonly string[]): Promise<string[]> {
  const list = await ffmpeg([
    ...[...input, "-map", "0:v", "-frames:v", String(PICTURES)],
    ...["-fps_mode", "passthrough", "-f", "framemd5", "-"],
  ]);
  return [...list.matchAll(/^\d.*, *([\da-f]{32})$/gm)].map(([, hash]) => hash!);
}

/** Builds the client of Pion; `undefined`, which is said, where it is not to be had. */
async function buildPion(folder: string): Promise<string | undefined> {
  if (ignoreWithout("go")) return undefined;
  const client = `${folder}/pion`;
  const cwd = `${HERE}/pion`;
  const { code, stderr } = await run("go", ["build", "-o", client, "."], {
    cwd,
    limitMs: 300_000,
  });
  if (/dial tcp|no such host|Forbidden/.test(stderr)) {
    console.log("Skipped, since Pion cannot be downloaded here");
    return undefined;
  }
  assertEquals(code, 0, stderr);
  return client;
}

/** The Python that has aiortc; `undefined`, which is said, where none has. */
async function pythonWithAiortc(): Promise<string | undefined> {
  const python = Deno.env.get("AIORTC_PYTHON") ?? "python3";
  const { code } = await run(python, ["-c", "import aiortc"]).catch(() => ({ code: 1 }));
  if (code === 0) return python;
  console.log(`Skipped, since ${python} has no aiortc`);
  return undefined;
}

/** Has a client publish, and compares what a player of RTSP decodes with what was published. */
async function assertPublishes(
  source: Source,
  publish: (urls: { readonly whip: string; readonly source: Source }) => Promise<string>,
): Promise<string> {
  const { weir, http, rtsp } = await start();
  await using _ = weir;
  const played = hashesOf(["-rtsp_transport", "tcp", "-i", `${rtsp}/live/cam`]);
  played.catch(() => {});
  await weir.log.line(({ message }) => message === "rtsp connected");
  const said = await publish({ whip: `${http}/live/cam/whip`, source });
  assertEquals(await played, source.hashes);
  await weir.log.line(({ message, fields }) =>
    message === "whip publish ended" && fields.reason === "unpublished"
  );
  return said;
}

async function output(
  program: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string> } = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, { limitMs: 60_000, ...options });
  assertEquals(code, 0, stderr);
  return new TextDecoder().decode(stdout).trim();
}

/** Publishes the source over RTSP once a player of WHEP is there, whose program is `player`. */
async function assertPlays(
  source: Source,
  start_: (whep: string) => RunningProcess,
  hashesOfPlayer: () => Promise<readonly string[]>,
): Promise<string> {
  const { weir, http, rtsp } = await start();
  await using _ = weir;
  await using player = start_(`${http}/live/cam/whep`);
  await until(() => [...weir.server.tickets.values()].some(({ info }) => info.action === "play"));
  await ffmpeg([
    ...["-re", "-i", `${source.path}/source.mkv`, "-c", "copy"],
    ...["-f", "rtsp", "-rtsp_transport", "tcp", `${rtsp}/live/cam`],
  ]);
  const { code, stdout, stderr } = await player.ended;
  assertEquals(code, 0, stderr);
  assertEquals((await hashesOfPlayer()).slice(0, ASKED), source.hashes.slice(0, ASKED));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: "Pion publishes and plays through losses, as the client and the server of DTLS",
  ignore,
  async fn() {
    await using source = await Source.make();
    const pion = await buildPion(source.path);
    if (pion === undefined) return;
    for (const side of ["client", "server"]) {
      const published: PionReport = JSON.parse(
        await assertPublishes(
          source,
          ({ whip }) => output(pion, ["publish", whip, `${source.path}/source.h264`, side]),
        ),
      );
      assert(published.dropped > 10, JSON.stringify(published));
      assert(published.repaired >= published.dropped && published.reports > 3);
      const path = `${source.path}/played.h264`;
      const line = await assertPlays(
        source,
        (whep) => new RunningProcess(pion, ["play", whep, path, side], { limitMs: 60_000 }),
        () => hashesOf(["-i", path]),
      );
      const played: PionReport = JSON.parse(line.split("\n").at(-1)!);
      assert(played.dropped > 10 && played.nacks > 0, line);
      assert(played.audio > 200 && played.reports > 3, line);
    }
  },
});

Deno.test({
  name: "libdatachannel publishes as OBS does, and deletes its session",
  ignore,
  async fn() {
    await using source = await Source.make();
    const said = await assertPublishes(
      source,
      ({ whip }) =>
        output(Deno.execPath(), [
          ...["run", "-A", "--no-config", `${HERE}/obs_publisher.ts`],
          ...[whip, `${source.path}/source.h264`, "secret"],
        ], { env: { DENO_NO_UPDATE_CHECK: "1" } }),
    );
    assertMatch(said, /deleted: 200, sent: 150$/);
  },
});

Deno.test({
  name: "FFmpeg publishes by its own WHIP, for which the server begins DTLS",
  ignore,
  async fn() {
    const current = await currentFfmpeg();
    const muxers = current && await output(current, ["-hide_banner", "-muxers"]);
    if (!muxers || !/ whip /.test(muxers)) {
      return console.log("Skipped, since Python has no imageio-ffmpeg with WHIP");
    }
    await using source = await Source.make();
    await assertPublishes(source, ({ whip }) =>
      output(current!, [
        ...["-nostdin", "-v", "error", "-re", "-i", `${source.path}/source.mkv`],
        ...["-c", "copy", "-f", "whip", whip],
      ]));
  },
});

Deno.test({
  name: "aiortc publishes, and plays from the first picture on",
  ignore,
  async fn() {
    const python = await pythonWithAiortc();
    if (python === undefined) return;
    await using source = await Source.make();
    const client = `${HERE}/aiortc_client.py`;
    await assertPublishes(
      source,
      ({ whip }) => output(python, [client, "publish", whip, `${source.path}/source.ts`]),
    );
    const path = `${source.path}/hashes`;
    await assertPlays(
      source,
      (whep) => new RunningProcess(python, [client, "play", whep, path], { limitMs: 60_000 }),
      async () => (await Deno.readTextFile(path)).split("\n"),
    );
  },
});
