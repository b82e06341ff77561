/** A machine is taken out of service under load: with real processes, and players of each protocol. */
import { assert, assertEquals } from "@std/assert";
import { ignoreWithout, RunningProcess } from "../support/process.ts";
import { MovingViewer, VIEWER_KINDS } from "./moving_viewers.ts";
import { NatsServer } from "./nats_server.ts";
import { API_TOKEN, NodeProcess } from "./node_process.ts";
import { studio } from "./studio.ts";

const ignore = ignoreWithout("nats-server");

async function until(done: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!await done()) {
    assert(performance.now() < endMs, "it does not come to be");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function report(viewers: readonly MovingViewer[]): string {
  return VIEWER_KINDS.map((kind) => {
    const gaps = viewers.filter((viewer) => viewer.kind === kind).map(({ gapMs }) => gapMs);
    return `${kind} ${Math.round(Math.max(...gaps))} ms`;
  }).join(", ");
}

/** Starts a publisher at `node`, and `count` players of each protocol. */
async function loaded(node: NodeProcess, count: number) {
  const stack = new AsyncDisposableStack();
  stack.use(await studio(node));
  const viewers = VIEWER_KINDS.flatMap((kind) =>
    Array.from({ length: count }, () => stack.use(new MovingViewer(kind, node)))
  );
  await until(() => viewers.every(({ pictures }) => pictures > 5), 30_000);
  return { stack, viewers };
}

for (const workers of [1, 2]) {
  Deno.test({
    name: `weir drain under load: no player without picture for more than 2 s (${workers} workers)`,
    ignore,
    async fn() {
      await using nats = await NatsServer.start();
      const options = { nats: nats.address, workers };
      await using a = await NodeProcess.start("a", options);
      await using b = await NodeProcess.start("b", options);
      const { stack, viewers } = await loaded(a, 6);
      await using _stack = stack;
      for (const viewer of viewers) viewer.longestGapMs = 0;
      await using command = new RunningProcess("sh", [
        "-c",
        `echo "${API_TOKEN}" | ${Deno.execPath()} run --allow-net mod.ts drain ` +
        `http://127.0.0.1:${a.httpPort} --timeout 8s`,
      ], { limitMs: 60_000 });
      await command.line(/all have left/);
      assertEquals((await command.ended).code, 0);
      const pictures = viewers.map(({ pictures }) => pictures);
      await until(
        () => viewers.every((viewer, at) => viewer.pictures > pictures[at]! + 20),
        20_000,
      );
      console.log(report(viewers));
      for (const { kind, gapMs } of viewers) assert(gapMs < 2000, `${kind}: ${gapMs} ms`);
      const { items } = await b.api.clusterNodes();
      assertEquals(items.map(({ node, isDraining, streams }) => [node, isDraining, streams]), [
        ["a", true, 0],
        ["b", false, 1],
      ]);
      assertEquals((await b.api.clusterStreams()).items.map(({ name, node }) => [name, node]), [
        ["live/cam", "b"],
      ]);
      assertEquals((await a.api.drainState()).left, 0);
    },
  });
}

Deno.test({
  name: "SIGTERM drains a machine of a cluster, and another machine may ask for a drain by the API",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const options = { nats: nats.address, settings: { drain: { timeout: "5s" } } };
    await using a = await NodeProcess.start("a", options);
    await using b = await NodeProcess.start("b", options);
    await using c = await NodeProcess.start("c", options);
    const { stack, viewers } = await loaded(a, 3);
    await using _stack = stack;
    for (const viewer of viewers) viewer.longestGapMs = 0;
    await c.api.drainNode("b");
    await b.line(/the server is drained: all have left/);
    const ready = await fetch(`http://127.0.0.1:${b.httpPort}/readyz`);
    await ready.body?.cancel();
    assertEquals(ready.status, 503);
    // All go to the one that is left.
    a.kill("SIGTERM");
    assertEquals((await a.ended).code, 0);
    await a.line(/the server is drained: all have left .*left=0/);
    // Whoever comes to a machine that is gone needs a balancer: those who were moved are at c.
    await until(() => viewers.some(({ pictures }) => pictures > 0), 1000);
    console.log(report(viewers));
    const { items } = await c.api.players({ limit: 1000 });
    assert(items.length > 0);
  },
});

Deno.test({
  name: "a machine that has a copy is taken out of service: those who fetch from it go to another",
  ignore,
  async fn() {
    await using nats = await NatsServer.start();
    const options = { nats: nats.address, maxFeeds: 1 };
    await using a = await NodeProcess.start("a", options);
    await using b = await NodeProcess.start("b", options);
    await using c = await NodeProcess.start("c", options);
    await using _studio = await studio(a);
    await using near = new MovingViewer("rtmp", b);
    await until(() => near.pictures > 5, 10_000);
    await using far = new MovingViewer("rtmp", c);
    await until(() => far.pictures > 5, 10_000);
    await c.line(/stream is fetched .*via=b/);
    far.longestGapMs = 0;
    await b.api.drain({ timeoutMs: 4000 });
    await b.line(/the server is drained: all have left/);
    // The publisher's machine has room for one alone: the copy is there until the machine goes.
    b.kill("SIGTERM");
    await until(() => c.count(/stream is fetched .*via=a/) > 0, 10_000);
    const before = far.pictures;
    await until(() => far.pictures > before + 25, 10_000);
    console.log(`gap ${Math.round(far.gapMs)} ms`);
    assert(far.gapMs < 2000, `${far.gapMs} ms`);
  },
});
