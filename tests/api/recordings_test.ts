import { assert, assertEquals, assertMatch } from "@std/assert";
import { fixedUsers } from "../../mod.ts";
import type { Server, ServerOptions } from "../../mod.ts";
import { fileUnits } from "../../src/files/mod.ts";
import type { RecordingStore } from "../../src/record/mod.ts";
import { makeRecording, TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

const TOKEN = "a-token-of-the-tests";

const authorized = { headers: { authorization: `Bearer ${TOKEN}` } };

/** A server with a recording of three seconds of `live/cam`. */
async function recorded(folder: string, options: ServerOptions = {}) {
  const source = `${folder}/source.flv`;
  await makeRecording(source, { seconds: 3 });
  const weir = await TestServer.start({
    rtmp: false,
    hub: { lingerMs: 0 },
    api: { tokens: [TOKEN] },
    record: [{ name: "live/*", to: `${folder}/recordings`, partMs: 300 }],
    ...options,
  });
  await weir.server.publish("live/cam", fileUnits([source]));
  await weir.log.line(({ message }) => message === "recording ended");
  return weir;
}

const get = (server: Server, path: string, init: RequestInit = {}): Promise<Response> =>
  server.fetch(new Request(`http://localhost${path}`, init));

async function refused(answer: Promise<Response>): Promise<[number, string]> {
  const { status, body } = await answer.then(async (response) => ({
    status: response.status,
    body: await response.json(),
  }));
  return [status, body.code];
}

Deno.test({
  name: "recordings are listed, played as HLS and as a cut, loaded in ranges, and removed",
  ignore: ignoreWithout("ffmpeg", "ffprobe"),
  async fn() {
    await using folder = new TemporaryFolder();
    await using weir = await recorded(folder.path);
    const { server } = weir;
    const { items, total } = await (await get(server, "/v1/recordings?name=live/cam", authorized))
      .json();
    assertEquals([items.length, total], [1, 1]);
    const [{ start, bytes, durationMs }] = items;
    assert(durationMs > 2900 && durationMs < 3100, `${durationMs}`);

    const playlist = await (await get(server, "/v1/recordings/live/cam/index.m3u8?token=x")).text();
    assertMatch(playlist, /^segment\.mp4\?start=\d+&token=x$/m);
    const uri = /^segment.*$/m.exec(playlist)![0];
    const [, length, offset] = /BYTERANGE:(\d+)@(\d+)/.exec(playlist)!.map(Number);
    const range = `bytes=${offset}-${offset! + length! - 1}`;
    const part = await get(server, `/v1/recordings/live/cam/${uri}`, { headers: { range } });
    assertEquals(part.status, 206);
    assertEquals(part.headers.get("content-range"), `${range.replace("=", " ")}/${bytes}`);
    assertEquals((await part.bytes()).length, length);
    const beyond = { headers: { range: `bytes=${bytes}-` } };
    assertEquals(await refused(get(server, `/v1/recordings/live/cam/${uri}`, beyond)), [
      416,
      "range",
    ]);

    const cut = await get(server, `/v1/recordings/live/cam.mp4?from=${start}&duration=2`);
    assertEquals(cut.headers.get("content-type"), "video/mp4");
    const file = await cut.bytes();
    assertEquals(String(file.length), cut.headers.get("content-length"));
    await Deno.writeFile(`${folder.path}/cut.mp4`, file);
    const { stdout, stderr } = await run("ffprobe", [
      ...["-v", "warning", "-count_packets", "-select_streams", "v"],
      ...["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", `${folder.path}/cut.mp4`],
    ]);
    assertEquals(stderr, "");
    const pictures = Number(new TextDecoder().decode(stdout));
    assert(pictures >= 50 && pictures <= 60, `${pictures}`);

    const remove = { method: "DELETE", ...authorized };
    const path = `/v1/recordings/live/cam?start=${encodeURIComponent(start)}`;
    assertEquals(await refused(get(server, path, { method: "DELETE" })), [401, "token"]);
    assertEquals((await get(server, path, remove)).status, 204);
    assertEquals(await refused(get(server, path, remove)), [404, "absent"]);
    assertEquals(await refused(get(server, "/v1/recordings/live/cam.mp4")), [404, "absent"]);
  },
});

Deno.test("whoever may not play a stream may not play what was recorded of it, and lists need the token", async () => {
  await using folder = new TemporaryFolder();
  const authenticate = fixedUsers({ ann: "secret" });
  await using weir = await recorded(folder.path, { hooks: { authenticate } });
  const { server } = weir;
  const ways = ["live/cam/index.m3u8", "live/cam.mp4", "live/cam/segment.mp4?start=1"];
  for (const way of ways) {
    assertEquals(await refused(get(server, `/v1/recordings/${way}`)), [401, "credentials"]);
  }
  assertEquals(await refused(get(server, "/v1/recordings")), [401, "token"]);
  const answer = await get(server, "/v1/recordings/live/cam/index.m3u8?user=ann&pass=secret");
  assertEquals(answer.status, 200);
  assertMatch(await answer.text(), /segment\.mp4\?start=\d+&user=ann&pass=secret/);
});

Deno.test("odd questions about recordings get a reason, and lead nowhere else", async () => {
  await using weir = await TestServer.start({
    rtmp: false,
    api: { tokens: [TOKEN] },
    // A path that leads out of the recordings is that of a stream, which is waited for.
    timing: { playWaitMs: 0 },
  });
  const { server } = weir;
  for (
    const [path, status, code] of [
      ["/v1/recordings?limit=0", 400, "query"],
      ["/v1/recordings?from=yesterday", 400, "query"],
      ["/v1/recordings/live/cam.mp4?duration=-1", 400, "query"],
      ["/v1/recordings/../../etc/passwd.mp4", 404, "absent"],
      ["/v1/recordings/live/cam/segment.mp4?start=0", 404, "absent"],
    ] as const
  ) {
    const answer = await get(server, path, authorized);
    const body = await answer.json().catch(() => ({}));
    assertEquals([answer.status, body.code ?? code], [status, code], path);
  }
  const started = get(server, "/v1/recordings/live/cam/start", { method: "POST", ...authorized });
  assertEquals(await refused(started), [404, "absent"]);
  const put = get(server, "/v1/recordings", { method: "PUT", ...authorized });
  assertEquals(await refused(put), [405, "method"]);
});

Deno.test("a thousand files out of ten thousand are listed in 50 ms", async () => {
  const stored = Array.from({ length: 10_000 }, (_, number) => {
    const time = new Date(1_795_771_800_000 + number * 60_000).toISOString();
    const place = `${time.slice(0, 10)}/${time.slice(11, 23).replaceAll(/[:.]/g, "-")}`;
    return { path: `live/cam${number % 5}/${place}.mp4`, bytes: 1000, modifiedUnixMs: Date.now() };
  });
  const store: RecordingStore = {
    target: "a list",
    check: () => Promise.resolve(),
    create: () => Promise.resolve(undefined),
    list: () => ReadableStream.from(stored),
    read: () => Promise.resolve(new Uint8Array(0)),
    remove: () => Promise.resolve(),
  };
  await using weir = await TestServer.start({
    rtmp: false,
    api: { tokens: [TOKEN] },
    record: [{ name: "live/*", to: store }],
  });
  const times: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    for (const query of ["limit=1000", "name=live/cam3&limit=1000", "limit=1000&page=9"]) {
      const startMs = performance.now();
      const answer = await get(weir.server, `/v1/recordings?${query}`, authorized);
      const { items } = await answer.json();
      times.push(performance.now() - startMs);
      assertEquals(items.length, 1000);
    }
  }
  const median = times.sort((a, b) => a - b)[times.length >> 1]!;
  assert(median <= 50, `${median} ms`);
});
