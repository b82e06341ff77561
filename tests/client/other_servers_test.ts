/** The client against servers of other makers. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import { parseOnMetaData } from "../../src/flv/mod.ts";
import { RtmpError } from "../../src/rtmp/mod.ts";
import { freePort } from "../support/free_port.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, RunningProcess } from "../support/process.ts";
import { frame, frameNumber, headers, readUntil, writeAll } from "./rtmp_media.ts";

const NGINX_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/** Connects, as soon as the server listens. */
async function connected(url: string): Promise<RtmpClient> {
  for (let attempt = 0;; attempt++) {
    try {
      return await RtmpClient.connect(url);
    } catch (error) {
      const isEarly = error instanceof RtmpError && error.code === "unreachable";
      if (!isEarly || attempt > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function playsWhatWasPublished(url: string): Promise<void> {
  await using publisher = await connected(url);
  const publication = await publisher.publish();
  await writeAll(publication, headers());
  for (let number = 0; number < 5; number++) await writeAll(publication, frame(number));
  await using player = await RtmpClient.connect(url);
  const playback = await player.play();
  // Some servers begin at the next key frame.
  for (let number = 5; number < 30; number++) {
    await writeAll(publication, frame(number, { bytes: 5000 }));
  }
  const units = await readUntil(playback, (unit) => frameNumber(unit) === 29);
  const metadata = units.find(({ role }) => role === "metadata");
  assert(metadata?.payload.format === "flv");
  assertEquals(parseOnMetaData(metadata.payload.body)?.width, 16);
  for (const [index, kind] of [[1, "video"], [2, "audio"]] as const) {
    const config = units.find((unit) => unit.kind === kind && unit.role === "config");
    assert(config?.payload.format === "flv");
    assertEquals(config.payload.body, headers()[index]!.body);
  }
  const video = units.filter((unit) => frameNumber(unit) !== undefined);
  const numbers = video.map((unit) => frameNumber(unit)!);
  const [first] = numbers;
  assert(video[0]?.keyFrame === true && first! <= 20, `it began with frame ${first}`);
  assertEquals(numbers, Array.from({ length: 30 - first! }, (_, index) => first! + index));
  assertEquals(
    video.map(({ dtsUs }) => dtsUs - video[0]!.dtsUs),
    numbers.map((number) => (number - first!) * 40_000),
  );
  const last = video.at(-1);
  assert(last?.payload.format === "flv");
  assertEquals(last.payload.body, frame(29, { bytes: 5000 })[0]!.body);
  await publication.close();
}

Deno.test({
  name: "RtmpClient publishes to nginx-rtmp, plays from it, pauses, and is refused a taken name",
  ignore: ignoreWithout("nginx") || isMissing(NGINX_MODULE),
  async fn() {
    await using folder = new TemporaryFolder();
    const port = freePort();
    const config = `${folder.path}/nginx.conf`;
    await Deno.writeTextFile(
      config,
      `load_module ${NGINX_MODULE};
daemon off;
master_process off;
pid ${folder.path}/nginx.pid;
error_log stderr;
events {}
rtmp { server { listen 127.0.0.1:${port}; application live { live on; wait_key on; } } }
`,
    );
    await using _nginx = new RunningProcess("nginx", ["-p", folder.path, "-c", config]);
    const url = `rtmp://127.0.0.1:${port}/live/cam`;
    await playsWhatWasPublished(url);

    await using client = await RtmpClient.connect(url);
    const publication = await client.publish();
    await writeAll(publication, [...headers(), ...frame(0)]);
    // It knows one stream a connection: its createStream answers 1, always.
    await using player = await RtmpClient.connect(url);
    const playback = await player.play();
    await playback.pause();
    await playback.resume();
    await writeAll(publication, frame(10));
    await readUntil(playback, (unit) => frameNumber(unit) === 10);
    await using other = await RtmpClient.connect(url);
    const error = await assertRejects(() => other.publish());
    assertInstanceOf(error, RtmpError);
    assertEquals([error.code, error.status], ["publish-rejected", "NetStream.Publish.BadName"]);
    const refused = await assertRejects(() =>
      RtmpClient.connect(`rtmp://127.0.0.1:${port}/no/cam`)
    );
    assertInstanceOf(refused, RtmpError);
    await playback.cancel();
  },
});

Deno.test({
  name: "RtmpClient publishes to Node-Media-Server and plays from it",
  async fn() {
    await using folder = new TemporaryFolder();
    const port = freePort();
    const program = `
      import NodeMediaServer from "npm:node-media-server@^4.4";
      new NodeMediaServer({
        bind: "127.0.0.1",
        rtmp: { port: ${port} },
        store: { path: ${JSON.stringify(folder.path)} },
      }).run();
    `;
    await using _server = new RunningProcess(Deno.execPath(), [
      "eval",
      "--ext=ts",
      "--no-check",
      program,
    ]);
    await playsWhatWasPublished(`rtmp://127.0.0.1:${port}/live/cam`);
  },
});

function isMissing(path: string): boolean {
  try {
    Deno.statSync(path);
    return false;
  } catch {
    console.log(`Tests are skipped, since this machine has no ${path}`);
    return true;
  }
}
