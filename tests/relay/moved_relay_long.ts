/** Relays whose remote server goes out of service, and sends them to another in the words of its protocol. */
import { assert, assertEquals } from "@std/assert";
import { RtmpClient } from "../../src/client/mod.ts";
import { PartDrain } from "../../src/server/part_drain.ts";
import { LoopedPublisher } from "../doors/http/looped_publisher.ts";
import { relayStory, TestRelay } from "../support/test_relay.ts";
import { TestServer, until } from "../support/test_server.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };

function urlOf(weir: TestServer, scheme: "rtmp" | "rtsp"): string {
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === scheme)!;
  return `${scheme}://127.0.0.1:${port}`;
}

/** Sends the clients of a server to another, little by little, until `done`. */
async function moveTo(from: TestServer, to: TestServer, done: () => boolean): Promise<void> {
  const node = {
    ...{ node: "b", region: "", connections: 0, maxConnections: 1000 },
    clients: { rtmp: urlOf(to, "rtmp"), rtsp: urlOf(to, "rtsp") },
  };
  const endMs = performance.now() + 20_000;
  while (!done()) {
    const leftMs = endMs - performance.now();
    assert(leftMs > 0, "nobody moves");
    PartDrain.of(from.server).step({ totalMs: 40_000, leftMs: 20_001, region: "", nodes: [node] });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Plays a stream, and keeps how long it was without a picture, and whether its time ever went back. */
class Watcher implements AsyncDisposable {
  longestGapMs = 0;
  pictures = 0;
  wentBack = 0;
  longestStepMs = 0;
  readonly #client: RtmpClient;
  readonly #done: Promise<void>;

  private constructor(client: RtmpClient) {
    this.#client = client;
    this.#done = this.#run();
  }

  static async start(url: string): Promise<Watcher> {
    const watcher = new Watcher(await RtmpClient.connect(url));
    await until(() => watcher.pictures > 10);
    return watcher;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    let lastMs: number | undefined;
    let lastUs: number | undefined;
    for await (const { kind, role, dtsUs } of await this.#client.play()) {
      if (kind !== "video" || role !== "media") continue;
      const nowMs = performance.now();
      if (lastMs !== undefined) this.longestGapMs = Math.max(this.longestGapMs, nowMs - lastMs);
      if (lastUs !== undefined) {
        if (dtsUs < lastUs) this.wentBack++;
        this.longestStepMs = Math.max(this.longestStepMs, (dtsUs - lastUs) / 1000);
      }
      [lastMs, lastUs] = [nowMs, dtsUs];
      this.pictures++;
    }
  }
}

for (const scheme of ["rtmp", "rtsp"] as const) {
  Deno.test(`a pull by ${scheme} goes on at the server that it is sent to, and its players see no gap`, async () => {
    const doors = { rtsp: LOCAL } as const;
    await using a = await TestServer.start(doors);
    await using b = await TestServer.start(doors);
    await using edge = await TestServer.start();
    await using _first = new LoopedPublisher(a.server, "live/cam", ["h264", "aac"]);
    await using _second = new LoopedPublisher(b.server, "live/cam", ["h264", "aac"]);
    await using relay = new TestRelay(edge, {
      mode: "pull",
      name: "live/cam",
      url: `${urlOf(a, scheme)}/live/cam`,
    });
    await using watcher = await Watcher.start(`${edge.url}/live/cam`);
    watcher.longestGapMs = 0;
    await moveTo(a, b, () => b.server.tickets.size === 2 && a.server.tickets.size === 1);
    const before = watcher.pictures;
    await until(() => watcher.pictures > before + 25);
    console.log(
      `gap ${Math.round(watcher.longestGapMs)} ms, step ${Math.round(watcher.longestStepMs)} ms`,
    );
    assert(watcher.longestGapMs < 500, `${watcher.longestGapMs} ms`);
    assertEquals(watcher.wentBack, 0);
    assertEquals([relay.statistics.attempts, relay.statistics.failures], [1, 0]);
    await relay.relay.stop();
    assertEquals(relayStory(edge.log), ["started", "moved", "ended: stopped"]);
  });

  Deno.test(`a push by ${scheme} goes on at the server that it is sent to before it leaves the first`, async () => {
    const doors = { rtsp: LOCAL } as const;
    await using a = await TestServer.start(doors);
    await using b = await TestServer.start(doors);
    await using near = await TestServer.start();
    await using _publisher = new LoopedPublisher(near.server, "live/cam", ["h264", "aac"]);
    await using relay = new TestRelay(near, {
      mode: "push",
      name: "live/cam",
      url: `${urlOf(a, scheme)}/live/cam`,
    });
    await until(() => a.server.hub.get("live/cam")?.isLive === true);
    await moveTo(a, b, () => {
      const isThere = b.server.hub.get("live/cam")?.publisher !== undefined;
      const isHere = a.server.hub.get("live/cam")?.publisher !== undefined;
      return isThere && !isHere;
    });
    await using watcher = await Watcher.start(`${b.url}/live/cam`);
    assert(watcher.longestGapMs < 500, `${watcher.longestGapMs} ms`);
    assertEquals([relay.statistics.attempts, relay.statistics.failures], [1, 0]);
    await relay.relay.stop();
    assertEquals(relayStory(near.log), ["started", "moved", "ended: stopped"]);
  });
}
