import { assert, assertEquals } from "@std/assert";
import { fixedUsers, type Server, type ServerOptions } from "../../mod.ts";
import { fileUnits } from "../../src/files/mod.ts";
import { systemClock } from "../../src/transport/mod.ts";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const get = (server: Server, path: string): Promise<Response> =>
  server.fetch(new Request(`http://localhost${path}`));

async function status(answer: Promise<Response>): Promise<number> {
  const { status, body } = await answer;
  await body?.cancel();
  return status;
}

/** A server that keeps the last of its streams, one of which is published until the abort. */
async function kept(folder: string, options: ServerOptions = {}) {
  const source = `${folder}/source.flv`;
  await makeRecording(source, { seconds: 3 });
  const weir = await TestServer.start({ rtmp: false, keep: { ms: 60_000 }, ...options });
  const abort = new AbortController();
  const units = fileUnits([source], { loop: true, clock: systemClock, signal: abort.signal });
  const publishing = weir.server.publish("live/cam", units, { signal: abort.signal });
  await weir.log.line(({ message }) => message === "recording started");
  return { weir, end: () => (abort.abort(), publishing) };
}

Deno.test({
  name: "the last seconds of a live stream are there as a file, without any recording set up",
  ignore: ignoreWithout("ffmpeg", "ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    const { weir, end } = await kept(folder.path);
    await using _ = weir;
    // Some have to come before they are the last ones.
    let published = 0;
    for await (const unit of weir.server.stream("live/cam").units({ tracks: ["video"] })) {
      if (unit.role === "media" && ++published === 60) break;
    }
    const bytes = await (await get(weir.server, "/live/cam/clip.mp4?last=30")).bytes();
    const file = `${folder.path}/clip.mp4`;
    await Deno.writeFile(file, bytes);
    const { stdout, stderr } = await run("ffprobe", [
      ...["-v", "warning", "-count_frames", "-select_streams", "v", "-show_entries"],
      ...["stream=nb_read_frames", "-of", "csv=p=0", file],
    ]);
    assertEquals(stderr, "");
    assert(Number(new TextDecoder().decode(stdout)) >= 25);
    assertEquals(await status(get(weir.server, "/live/cam/clip.mp4?last=x")), 400);
    assertEquals(await status(get(weir.server, "/live/none/clip.mp4")), 404);
    await end();
  },
});

Deno.test("who may not play gets no clip, and without a keep there is none", async () => {
  await using folder = new TemporaryFolder();
  const { weir, end } = await kept(folder.path, {
    hooks: { authenticate: fixedUsers({ ann: "secret" }) },
  });
  await using _ = weir;
  assertEquals(await status(get(weir.server, "/live/cam/clip.mp4")), 401);
  await end();
  await using other = await TestServer.start({ rtmp: false });
  assertEquals(await status(get(other.server, "/live/cam/clip.mp4")), 404);
});
