import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run, RunningProcess, startWeir } from "../support/process.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Starts a command as the README has it, with no permission but those that its help names. */
function weir(permissions: readonly string[], ...args: string[]): RunningProcess {
  return new RunningProcess(Deno.execPath(), ["run", ...permissions, "mod.ts", ...args], {
    limitMs: 60_000,
  });
}

Deno.test({
  name: "files are published, and the stream is probed, played and loaded, by the command alone",
  ignore: ignoreWithout("ffmpeg", "ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    const file = `${folder.path}/in.mp4`;
    await makeRecording(file, { seconds: 2 });
    await using server = await startWeir();
    const url = `${server.url}/live/cam`;
    await using publisher = weir(
      ["--allow-net", `--allow-read=${file}`],
      ...["publish", file, file, url, "--loop"],
    );
    await server.line(/publish started.*live\/cam/);

    await using probe = weir(["--allow-net"], "probe", url, "--seconds", "3", "--json");
    const probed = await probe.ended;
    assertEquals(probed.code, 0, probed.stderr);
    const { tracks, health } = JSON.parse(text(probed.stdout));
    assertEquals(tracks.map(({ codec }: { codec: string }) => codec).sort(), ["aac", "h264"]);
    const video = tracks.find(({ kind }: { kind: string }) => kind === "video");
    assertEquals([video.width, video.height], [160, 120]);
    const measured = health.tracks.find(({ kind }: { kind: string }) => kind === "video");
    assert(measured.frameRate > 15 && measured.frameRate <= 25.5, `${measured.frameRate}`);
    assertEquals(measured.keyIntervalMs, 1000);
    assertEquals(measured.hasBFrames, true);

    const copy = `${folder.path}/out.flv`;
    await using player = weir(
      ["--allow-net", `--allow-write=${copy}`],
      ...["play", url, "-o", copy, "--seconds", "2"],
    );
    const played = await player.ended;
    assertEquals(played.code, 0, played.stderr);
    const { stdout } = await run("ffprobe", [
      ...["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", copy],
    ]);
    assertEquals(text(stdout).trim().split("\n").sort(), ["aac", "h264"]);

    await using load = weir(["--allow-net"], ...["bench", url, "-n", "20", "--seconds", "1"]);
    const loaded = await load.ended;
    assertEquals(loaded.code, 0, loaded.stderr);
    assertMatch(text(loaded.stdout), /^20 players, 0 failed; [\d.]+ [kM]b\/s/);

    publisher.kill("SIGINT");
    assertEquals((await publisher.ended).code, 0);
    await server.line(/publish ended.*live\/cam.*unpublished/);
  },
});

Deno.test("what cannot be published, played or probed is said, with an exit code", async () => {
  await using server = await startWeir(["--wait", "0"]);
  const cases: readonly [readonly string[], number, string][] = [
    [["probe", `${server.url}/live/none`, "--seconds", "1"], 1, "There is no stream"],
    [["play", "rtmp://127.0.0.1:1/live/cam"], 1, "Cannot connect to 127.0.0.1 at port 1"],
    [["publish", "in.mp4", `${server.url}/live/cam`], 1, "add --allow-read=in.mp4"],
    [["play", `${server.url}/live/cam`, "-o", "out.flv"], 1, "add --allow-write=out.flv"],
    [["publish", `${server.url}/live/cam`], 2, "publish needs a FILE"],
    [["probe", "http://secret@host/"], 2, "the URL of a stream is missing or wrong"],
    [["bench", `${server.url}/live/cam`, "-n", "0"], 2, '--players "0" is wrong'],
    [["play", "--loudly"], 2, "unknown option --loudly"],
  ];
  await Promise.all(cases.map(async ([args, code, message]) => {
    await using command = weir(["--allow-net"], ...args);
    const ended = await command.ended;
    assertStringIncludes(ended.stderr, message);
    assertEquals(ended.code, code, args.join(" "));
    assert(!ended.stderr.includes("secret"));
  }));
});

for (const name of ["publish", "play", "probe", "bench"]) {
  Deno.test(`weir ${name} --help says how it is used`, async () => {
    await using command = weir([], name, "--help");
    const { stdout, code } = await command.ended;
    assertMatch(text(stdout), new RegExp(`Usage: weir ${name} `));
    assertEquals(code, 0);
  });
}
