import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiClient, ApiError } from "../../src/api/mod.ts";
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
  await using other = await TestServer.start({ rtmp: false, timing: { playWaitMs: 0 } });
  assertEquals(await status(get(other.server, "/live/cam/clip.mp4")), 404);
});

Deno.test({
  name:
    "a clip is written to a folder by the API, of what is kept or recorded, and is the clip itself",
  ignore: ignoreWithout("ffmpeg", "ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    const { weir, end } = await kept(folder.path, {
      api: { tokens: ["a-token-of-the-tests"] },
      clips: { to: `${folder.path}/clips` },
    });
    await using _ = weir;
    const api = new ApiClient({
      url: "http://localhost/",
      token: "a-token-of-the-tests",
      fetch: (request) => weir.server.fetch(request),
    });
    let published = 0;
    for await (const unit of weir.server.stream("live/cam").units({ tracks: ["video"] })) {
      if (unit.role === "media" && ++published === 30) break;
    }
    const clips = await Promise.all([
      api.saveClip("live/cam"),
      api.saveClip("live/cam", { last: 1 }),
    ]);
    assertEquals(new Set(clips.map(({ path }) => path)).size, 2);
    for (const { path, bytes, name, durationMs } of clips) {
      const file = `${folder.path}/clips/${path}`;
      assertEquals([name, Deno.statSync(file).size], ["live/cam", bytes]);
      assert(path.startsWith("live/cam/") && durationMs >= 400, `${path} ${durationMs}`);
      const { stderr, code } = await run("ffprobe", ["-v", "warning", file]);
      assertEquals([code, stderr], [0, ""]);
    }
    await end();
    const refused = async (asking: Promise<unknown>) =>
      (await assertRejects(() => asking, ApiError)).code;
    assertEquals(await refused(api.saveClip("live/none")), "absent");
    assertEquals(await refused(api.saveClip("live/cam", { last: 1, from: new Date() })), "input");
    assertEquals(
      await refused(api.saveClip("live/cam", { from: new Date(0), to: new Date(1000) })),
      "absent",
    );
    const document = await api.openApi() as { readonly paths: Record<string, object> };
    assertEquals(Object.keys(document.paths["/v1/streams/{name}/clips"]!), ["post"]);
    await using bare = await TestServer.start({ rtmp: false });
    await assertRejects(() => bare.server.saveClip("live/cam"), Error, "set --clips FOLDER");
  },
});
