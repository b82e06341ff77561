/** A server that is killed while it records: every file plays, and little is lost. */
import { assert, assertEquals } from "@std/assert";
import { RecordingPlayback, type Recordings } from "../../src/record/mod.ts";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, ROOT, run, RunningProcess } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const KILLS = 50;
const AT_ONCE = 5;
const FORMATS = ["mp4", "mp4", "mkv", "flv", "ts"] as const;

/** What a crash may lose: a part, and what the machine is late. */
const MOST_LOST_MS = 1000 + 700;

/** Records a file over and over until it is killed; how long it recorded, milliseconds. */
async function recordUntilKilled(
  { folder, source, format, afterMs }: {
    readonly folder: string;
    readonly source: string;
    readonly format: string;
    readonly afterMs: number;
  },
): Promise<number> {
  const config = `${folder}.yaml`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      rtmp: { port: false },
      rtsp: { port: false },
      webrtc: { port: false },
      http: { port: "127.0.0.1:0" },
      record: [{ name: "live/*", folder, format }],
      sources: [{ name: "live/cam", files: [source] }],
    }),
  );
  await using weir = new RunningProcess(Deno.execPath(), [
    ...["run", "--allow-net", `--allow-read=${folder},${source},${config}`],
    ...[`--allow-write=${folder}`, "mod.ts", "--config", config],
  ], { cwd: ROOT, limitMs: 60_000 });
  await weir.line(/recording started/);
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  weir.kill("SIGKILL");
  const lasted = performance.now() - startMs;
  await weir.ended;
  return lasted;
}

function onlyFile(folder: string): string {
  const paths: string[] = [];
  for (const { name } of Deno.readDirSync(`${folder}/live/cam`)) {
    for (const file of Deno.readDirSync(`${folder}/live/cam/${name}`)) {
      paths.push(`${folder}/live/cam/${name}/${file.name}`);
    }
  }
  assertEquals(paths.length, 1);
  return paths[0]!;
}

Deno.test({
  name: `after a kill at ${KILLS} random moments all files play, up to the last fragment at least`,
  ignore: ignoreWithout("ffmpeg", "ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    const source = `${folder.path}/source.flv`;
    await makeRecording(source, { seconds: 4 });
    let mostLostMs = 0;
    const one = async (number: number): Promise<void> => {
      const format = FORMATS[number % FORMATS.length]!;
      const to = `${folder.path}/${number}`;
      await Deno.mkdir(to);
      const afterMs = 500 + Math.random() * 3500;
      const lasted = await recordUntilKilled({ folder: to, source, format, afterMs });
      const path = onlyFile(to);
      const { code, stdout } = await run("ffmpeg", [
        ...["-v", "fatal", "-i", path, "-map", "0:v", "-fps_mode", "passthrough"],
        ...["-f", "framehash", "-"],
      ], { limitMs: 60_000 });
      const pictures = new TextDecoder().decode(stdout).match(/^0,/gm)?.length ?? 0;
      const lostMs = lasted - pictures * 40;
      mostLostMs = Math.max(mostLostMs, lostMs);
      assert(lostMs <= MOST_LOST_MS, `${path}: of ${lasted} ms ${pictures} pictures are there`);
      // Who was killed within the first fragment has left none.
      assertEquals(code, pictures === 0 ? code : 0, path);
      if (format === "mp4" && pictures > 0) await playsOverHttp(to, pictures);
    };
    for (let number = 0; number < KILLS; number += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => one(number + at)));
    }
    console.log(`${KILLS} kills: at most ${Math.round(mostLostMs)} ms were lost`);
  },
});

/** The next server finds the file, and plays what is whole. */
async function playsOverHttp(to: string, pictures: number): Promise<void> {
  await using server = await TestServer.start({ rtmp: false, record: [{ name: "live/*", to }] });
  const recordings: Recordings = server.server.recordings;
  const playback = new RecordingPlayback(recordings);
  const cut = await playback.cut("live/cam", { fromUnixMs: 0, toUnixMs: Infinity });
  await cut.readable.cancel();
  assert(Math.abs(cut.durationMs - pictures * 40) <= 1100, `${cut.durationMs} ${pictures}`);
}
