/** Machines that die, networks that part, stores that go away: with real processes and their real deadlines. */
import { assert, assertEquals } from "@std/assert";
import { ignoreWithout } from "../support/process.ts";
import { RtmpClient } from "../support/rtmp_client.ts";
import { NatsServer } from "./nats_server.ts";
import { NodeProcess, races } from "./node_process.ts";
import { StoppingProxy } from "./stopping_proxy.ts";

const ignore = ignoreWithout("nats-server");

/** A publisher of 25 frames a second, each with the next number, until it is closed. */
class Camera implements AsyncDisposable {
  readonly client: RtmpClient;
  readonly #done: Promise<void>;
  #isOver = false;

  private constructor(client: RtmpClient, first: number) {
    this.client = client;
    this.#done = this.#run(first);
  }

  static async start(port: number, options: { key?: string; first?: number } = {}) {
    const { key = "cam", first = 0 } = options;
    return new Camera(await RtmpClient.publisher(port, key), first);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.client.close();
  }

  async #run(first: number): Promise<void> {
    try {
      for (let number = first; !this.#isOver; number++) {
        await this.client.frames(number, 1);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    } catch {
      // Its machine has died.
    }
  }
}

/** Reads on, and keeps the longest time between two frames. */
class Viewer implements Disposable {
  readonly client: RtmpClient;
  longestGapMs = 0;
  frames = 0;
  #isOver = false;

  private constructor(client: RtmpClient) {
    this.client = client;
    void this.#run();
  }

  static async start(port: number, key = "cam"): Promise<Viewer> {
    const viewer = new Viewer(await RtmpClient.player(port, key));
    await viewer.more(1);
    return viewer;
  }

  /** Resolves when so many frames more have come; fails when none comes for half a minute. */
  async more(count: number): Promise<void> {
    const wanted = this.frames + count;
    let lastMs = performance.now();
    for (let before = this.frames; this.frames < wanted;) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (this.frames > before) lastMs = performance.now();
      before = this.frames;
      assert(performance.now() - lastMs < 30_000, "nothing comes");
      assert(!this.#isOver, "the player was sent away");
    }
  }

  [Symbol.dispose](): void {
    this.client.close();
  }

  async #run(): Promise<void> {
    let lastMs: number | undefined;
    try {
      for (let message; (message = await this.client.message()) !== undefined;) {
        if (message.kind !== "video") continue;
        const now = performance.now();
        if (lastMs !== undefined) this.longestGapMs = Math.max(this.longestGapMs, now - lastMs);
        lastMs = now;
        this.frames++;
      }
    } catch {
      // Closed.
    }
    this.#isOver = true;
  }
}

async function started(
  names: readonly string[],
  options: Parameters<typeof NodeProcess.start>[1],
): Promise<NodeProcess[]> {
  return await Promise.all(names.map((name) => NodeProcess.start(name, options)));
}

Deno.test({
  name:
    "a machine is killed: its publisher comes back at another, and players of a third see one gap of less than 10 s",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const [a, b, c] = await started(["a", "b", "c"], { nats: nats.address });
    await using _a = a!;
    await using _b = b!;
    await using _c = c!;
    const camera = await Camera.start(a!.port);
    using viewer = await Viewer.start(c!.port);
    await viewer.more(25);
    a!.kill("SIGKILL");
    await a!.ended;
    await camera[Symbol.asyncDispose]();
    await using _again = await Camera.start(b!.port, { first: 1000 });
    await viewer.more(50);
    console.log(`gap ${Math.round(viewer.longestGapMs)} ms`);
    assert(viewer.longestGapMs < 10_000, `${viewer.longestGapMs} ms`);
  },
});

Deno.test({
  name: "nobody else has the name of a machine that was killed until its lease is over",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const [a, b] = await started(["a", "b"], { nats: nats.address, conflict: "reject" });
    await using _a = a!;
    await using _b = b!;
    const camera = await Camera.start(a!.port);
    a!.kill("SIGKILL");
    await a!.ended;
    await camera[Symbol.asyncDispose]();
    const killedMs = performance.now();
    using second = await RtmpClient.open(b!.port);
    const streamId = await second.createStream();
    await second.command("publish", { args: ["cam", "live"], streamId });
    await second.status("NetStream.Publish.BadName");
    for (;;) {
      using other = await RtmpClient.open(b!.port);
      const id = await other.createStream();
      await other.command("publish", { args: ["cam", "live"], streamId: id });
      const { args } = await other.status("");
      if ((args[0] as { code?: string }).code === "NetStream.Publish.Start") break;
      assert(performance.now() - killedMs < 30_000, "the name is never free");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const freeMs = performance.now() - killedMs;
    console.log(`free after ${Math.round(freeMs)} ms`);
    assert(freeMs > 1000, "a lease lasts longer than a heartbeat");
  },
});

Deno.test({
  name:
    "NATS is killed and comes back: what flows goes on, and what began meanwhile is found by all then",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const [a, b] = await started(["a", "b"], { nats: nats.address });
    await using _a = a!;
    await using _b = b!;
    await using _camera = await Camera.start(a!.port);
    using viewer = await Viewer.start(b!.port);
    await nats.kill();
    await viewer.more(250);
    await using _new = await Camera.start(a!.port, { key: "new" });
    using near = await Viewer.start(a!.port, "new");
    await near.more(25);
    await nats.restart();
    using far = await Viewer.start(b!.port, "new");
    await far.more(25);
    await viewer.more(25);
    console.log(`gap ${Math.round(viewer.longestGapMs)} ms`);
    assert(viewer.longestGapMs < 2000, `${viewer.longestGapMs} ms`);
  },
});

Deno.test({
  name: "a machine does not see the directory for 30 s: no player of a stream that flows notices",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    using proxy = new StoppingProxy(nats.port);
    await using a = await NodeProcess.start("a", { nats: proxy.address });
    await using b = await NodeProcess.start("b", { nats: nats.address });
    await using _camera = await Camera.start(a.port);
    using here = await Viewer.start(a.port);
    using there = await Viewer.start(b.port);
    proxy.stop();
    await Promise.all([here.more(30 * 24), there.more(30 * 24)]);
    proxy.go();
    await Promise.all([here.more(100), there.more(100)]);
    for (const viewer of [here, there]) {
      console.log(`gap ${Math.round(viewer.longestGapMs)} ms`);
      assert(viewer.longestGapMs < 2000, `${viewer.longestGapMs} ms`);
    }
    using late = await Viewer.start(b.port);
    await late.more(5);
  },
});

Deno.test({
  name: "of two publishers that race for a name at two machines one has it, a thousand times",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const [a, b] = await started(["a", "b"], { nats: nats.address, conflict: "reject" });
    await using _a = a!;
    await using _b = b!;
    assertEquals(await races([a!, b!], 1000), 1000);
  },
});

Deno.test({
  name:
    "machines fetch from each other where the publisher's is full, and from another when the one between dies",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const options = { nats: nats.address, maxFeeds: 1 };
    const [a, b, c] = await started(["a", "b", "c"], options);
    await using _a = a!;
    await using _b = b!;
    await using _c = c!;
    await using _camera = await Camera.start(a!.port);
    using near = await Viewer.start(b!.port);
    await near.more(5);
    using far = await Viewer.start(c!.port);
    await far.more(25);
    await c!.line(/stream is fetched .*via=b/);
    b!.kill("SIGKILL");
    await b!.ended;
    await far.more(25);
    await c!.line(/stream is fetched .*via=a/);
    console.log(`gap ${Math.round(far.longestGapMs)} ms`);
    assert(far.longestGapMs < 10_000, `${far.longestGapMs} ms`);
  },
});
