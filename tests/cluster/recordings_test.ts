/** What a machine of a cluster keeps of recordings, as the others list and play it. */
import { assert, assertEquals } from "@std/assert";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { NatsServer } from "./nats_server.ts";
import { NodeProcess } from "./node_process.ts";
import { studio } from "./studio.ts";

Deno.test({
  name:
    "each machine lists what all keep of recordings and says which does not answer, and sends players to the one that has it",
  ignore: ignoreWithout("nats-server"),
  async fn() {
    await using nats = await NatsServer.start();
    await using folder = new TemporaryFolder();
    const record = [{ name: "live/*", folder: folder.path, segment: "1s", part: "200ms" }];
    const options = { nats: nats.address };
    const [a, b, c] = await Promise.all([
      NodeProcess.start("a", { ...options, settings: { record } }),
      NodeProcess.start("b", { ...options, workers: 2 }),
      NodeProcess.start("c", options),
    ]);
    await using _a = a;
    await using _b = b;
    await using _c = c;
    {
      await using _source = await studio(a);
      const untilMs = performance.now() + 15_000;
      while ((await b.api.clusterRecordings({ name: "live/cam" })).total < 2) {
        assert(performance.now() < untilMs, "files are listed after a while");
      }
    }
    await a.line(/publish ended/);
    while ((await b.api.clusterRecordings()).items.some(({ isOpen }) => isOpen));
    const all = await b.api.clusterRecordings();
    assertEquals(all.silent, []);
    assertEquals(
      new Set(all.items.map(({ node, name }) => `${node} ${name}`)),
      new Set(["a live/cam"]),
    );
    assertEquals(await a.api.clusterRecordings(), all, "the machine that has them says the same");
    const pages = [];
    for (let after: string | undefined, page; page === undefined || after !== undefined;) {
      page = await c.api.clusterRecordings(
        after === undefined ? { limit: 1 } : { limit: 1, after },
      );
      pages.push(...page.items);
      after = page.next;
    }
    assertEquals(pages, all.items);
    const [first, second] = all.items;
    const before = await b.api.clusterRecordings({ to: new Date(second!.start) });
    assertEquals(before.items, [first!]);

    const at = ({ httpPort }: NodeProcess, path: string) =>
      `http://127.0.0.1:${httpPort}/v1/recordings/live/${path}`;
    const start = `cam/segment.mp4?start=${Date.parse(first!.start)}`;
    assertEquals(first!.url, at(a, start));
    for (const path of [start, "cam/index.m3u8", `cam.mp4?from=${first!.start}&duration=1`]) {
      for (const node of [b, c]) {
        const answer = await fetch(at(node, path), { redirect: "manual" });
        await answer.body?.cancel();
        assertEquals([answer.status, answer.headers.get("location")], [307, at(a, path)]);
      }
      const played = await fetch(at(b, path));
      assertEquals(played.status, 200);
      assert((await played.bytes()).length > 100);
    }
    for (
      const path of ["none/index.m3u8", "cam/segment.mp4?start=5", "cam.mp4?from=5&duration=1"]
    ) {
      for (const node of [a, b]) {
        const answer = await fetch(at(node, path), { redirect: "manual" });
        await answer.body?.cancel();
        assertEquals([path, answer.status], [path, 404]);
      }
    }

    c.kill("SIGSTOP");
    const startedMs = performance.now();
    const without = await b.api.clusterRecordings();
    c.kill("SIGCONT");
    assert(performance.now() - startedMs < 3000);
    assertEquals([without.silent, without.items], [["c"], all.items]);
  },
});
