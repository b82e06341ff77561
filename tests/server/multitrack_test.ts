/**
 * Streams of several tracks of a kind, as OBS sends a picture in several sizes, and a second sound for recordings. The
 * fixture is what FFmpeg 9 writes: pictures of 160x120 and 80x60, and sounds of 44.1 and 22.05 kHz.
 */
import { assertEquals } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import { FlvDecoder } from "../../src/flv/mod.ts";
import { ignoreWithout, run } from "../support/process.ts";
import { RtspPeer } from "../support/rtsp_peer.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const KINDS: Record<number, "audio" | "video" | "data"> = { 8: "audio", 9: "video", 18: "data" };
const LENGTH_MS = 1000;

/** Publishes the fixture again and again, at its pace. */
class Publisher implements AsyncDisposable {
  readonly #client: RtmpClient;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(client: RtmpClient, timer: ReturnType<typeof setInterval>) {
    this.#client = client;
    this.#timer = timer;
  }

  static async start(url: string): Promise<Publisher> {
    const bytes = await Deno.readFile(new URL("fixtures/multitrack.flv", import.meta.url));
    const tags = new FlvDecoder().push(bytes);
    const client = await RtmpClient.connect(url);
    const writer = (await client.publish()).getWriter();
    let index = 0;
    let round = 0;
    const begunMs = performance.now();
    const timer = setInterval(() => {
      for (;;) {
        const { type, timestampMs, body } = tags[index]!;
        const atMs = timestampMs + round * LENGTH_MS;
        if (atMs > performance.now() - begunMs) return;
        writer.write({ kind: KINDS[type]!, timestampMs: atMs, body }).catch(() => {});
        index = (index + 1) % tags.length;
        if (index === 0) round++;
      }
    }, 20);
    return new Publisher(client, timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.close();
  }
}

async function start(): Promise<{ weir: TestServer; rtsp: number; http: number }> {
  const weir = await TestServer.start({ rtsp: LOCAL, rtp: false, http: LOCAL });
  const port = (wanted: string) =>
    weir.server.addresses.find(({ protocol }) => protocol === wanted)!.port;
  return { weir, rtsp: port("rtsp"), http: port("http") };
}

/** Sizes of pictures, and rates of sounds, as ffprobe finds them. */
async function probe(...input: string[]): Promise<string[]> {
  const entries = "stream=width,sample_rate";
  const args = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", ...input];
  const { stdout } = await run("ffprobe", args);
  return new TextDecoder().decode(stdout).trim().split("\n").sort();
}

Deno.test({
  name:
    "of several tracks each player gets those that it chooses by ?track=, over RTSP, RTMP and HTTP",
  ignore: ignoreWithout("ffprobe"),
  async fn() {
    const { weir, rtsp, http } = await start();
    await using _ = weir;
    await using _publisher = await Publisher.start(`${weir.url}/live/cam`);
    await until(() => (weir.server.hub.get("live/cam")?.lastDtsUs ?? 0) > 500_000);
    const overTcp = ["-rtsp_transport", "tcp"];
    const urls = {
      rtsp: `rtsp://127.0.0.1:${rtsp}/live/cam`,
      rtmp: `${weir.url}/live/cam`,
      flv: `http://127.0.0.1:${http}/live/cam.flv`,
    };
    const found = await Promise.all([
      probe(...overTcp, urls.rtsp),
      probe(...overTcp, `${urls.rtsp}?track=1`),
      probe(...overTcp, `${urls.rtsp}?track=0,audio:1`),
      probe(urls.rtmp),
      probe(`${urls.rtmp}?track=1`),
      probe(`${urls.rtmp}?track=audio:1`),
      probe(`${urls.flv}?track=1,audio:1`),
    ]);
    assertEquals(found, [
      ["160", "22050", "44100", "80"],
      ["44100", "80"],
      ["160", "22050"],
      ["160", "44100"],
      ["44100", "80"],
      ["160", "22050"],
      ["22050", "80"],
    ]);
  },
});

Deno.test("who chooses a track that there is not is told so over RTSP", async () => {
  const { weir, rtsp } = await start();
  await using _ = weir;
  await using _publisher = await Publisher.start(`${weir.url}/live/cam`);
  using peer = await RtspPeer.dial(rtsp);
  const url = `rtsp://127.0.0.1:${rtsp}/live/cam?track=7,audio:7`;
  const { status, reason } = await peer.request("DESCRIBE", { url });
  assertEquals([status, /video 7 and audio 7/.test(reason)], [415, true]);
});

Deno.test("a push relay takes all tracks to a server that can take several", async () => {
  await using far = await TestServer.start();
  await using weir = await TestServer.start({
    relays: [{ mode: "push", name: "live/cam", url: `${far.url}/live/copy` }],
  });
  await using _publisher = await Publisher.start(`${weir.url}/live/cam`);
  await until(() => far.server.hub.get("live/copy")?.isLive === true);
  await using client = await RtmpClient.connect(`${far.url}/live/copy`);
  const tracks = new Set<string>();
  for await (const { kind, role, track } of await client.play()) {
    if (role === "media" && kind !== "data") tracks.add(`${kind} ${track}`);
    if (tracks.size === 4) break;
  }
  assertEquals([...tracks].sort(), ["audio 0", "audio 1", "video 0", "video 1"]);
});
