/** The directory of machines, in simulated time: leases, epochs, heartbeats, conflicts, and trees. */
import { assert, assertEquals } from "@std/assert";
import {
  type Claimant,
  type ClaimPolicy,
  LeaseDirectory,
  type NodeRecord,
  rankHolders,
} from "../../src/cluster/mod.ts";
import { granted, kindOf } from "../gate/gate_bench.ts";
import { LogBook } from "../support/test_server.ts";
import { settled, TurnedClock } from "../support/turned_clock.ts";
import { MemoryStore, SharedRecords } from "./memory_store.ts";

const POLICY: ClaimPolicy = { identity: "user ann", conflict: "same-identity", silentMs: 2000 };
const OTHER: ClaimPolicy = { ...POLICY, identity: "user bob" };

/** Some machines, with what they share. */
class Machines {
  readonly clock = new TurnedClock();
  readonly shared = new SharedRecords(this.clock);
  readonly log = new LogBook();
  readonly #runs = new Map<string, number>();

  async start(
    node: string,
    options: Partial<Pick<NodeRecord, "region" | "maxFeeds" | "feeds">> = {},
  ) {
    const store = new MemoryStore(this.shared);
    const run = (this.#runs.get(node) ?? 0) + 1;
    this.#runs.set(node, run);
    const self: { -readonly [K in keyof NodeRecord]: NodeRecord[K] } = {
      node,
      run: String(run),
      url: `rtmp://${node}`,
      region: "",
      feeds: 0,
      maxFeeds: 8,
      connections: 0,
      maxConnections: 1000,
      streams: 0,
      clients: {},
      isDraining: false,
      ...options,
    };
    const directory = new LeaseDirectory({
      store,
      self: () => self,
      clock: this.clock,
      unixMs: () => 1e12 + this.clock.now(),
      log: this.log,
    });
    await directory.start();
    return { node, store, self, directory };
  }

  /** Lets time go by; what is due is done before it goes on. */
  async pass(ms: number): Promise<void> {
    await this.clock.turnSlowly(ms);
  }
}

function claimant(member: string, silentMs = 0): Claimant & { readonly ends: string[] } {
  const ends: string[] = [];
  return { member, ends, onLost: ({ reason }) => void ends.push(reason), silentMs: () => silentMs };
}

function seek(member: string, except?: string) {
  return { member, except, signal: new AbortController().signal };
}

Deno.test("of ten machines that claim a name at once one has it", async () => {
  const machines = new Machines();
  const nodes = await Promise.all(Array.from({ length: 10 }, (_, at) => machines.start(`n${at}`)));
  const answers = await Promise.all(
    nodes.map(({ node, directory }, at) =>
      directory.claim("live/cam", claimant(node), { ...POLICY, identity: `user ${at}` })
    ),
  );
  assertEquals(answers.map(kindOf).filter((kind) => kind === "granted").length, 1);
});

Deno.test("the same publisher takes over at another machine, the epoch grows, and the first is told", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  const first = claimant("a");
  const lease = granted(await a.directory.claim("live/cam", first, POLICY));
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "taken");
  const second = granted(await b.directory.claim("live/cam", claimant("b"), POLICY));
  await settled();
  assertEquals([lease.epoch, second.epoch, first.ends], [1, 2, ["replaced"]]);
  lease.release();
  await settled();
  const [holder] = await a.directory.find("live/cam", seek("a"));
  assertEquals([holder?.member, holder?.url], ["b", "rtmp://b"]);
});

Deno.test("a publisher is ended from any machine, told why, and its name is free", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  for (const from of [a, b]) {
    const told: string[] = [];
    const here: Claimant = {
      ...claimant("a"),
      onLost: ({ reason, message }) => void told.push(reason, message),
    };
    const lease = granted(await a.directory.claim("live/a b", here, POLICY));
    from.directory.end("live/a b", "Not that");
    await settled();
    lease.release();
    await settled();
    assertEquals(told, ["kicked", "Not that"]);
    assertEquals(machines.shared.keys().filter((key) => !key.startsWith("node.")), []);
  }
  b.directory.end("live/none", "There is none");
  await settled();
});

Deno.test("a publisher that has been silent may be taken over by anybody at another machine", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  granted(await a.directory.claim("live/cam", claimant("a", 1999), POLICY));
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "taken");
  granted(await a.directory.claim("live/cam", claimant("a", 2000), POLICY));
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "granted");
});

Deno.test("what a machine had that has died is free after its heartbeats have missed, and no sooner", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  await machines.pass(60_000);
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "taken");
  a.store.cut();
  await machines.pass(3500);
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "taken");
  await machines.pass(3000);
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "granted");
});

Deno.test("a machine that starts again has nothing of what it had before", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  a.store.cut();
  await machines.start("a");
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "granted");
});

Deno.test("two machines of one name are told of each other, and one that starts again is not", async () => {
  const machines = new Machines();
  const first = await machines.start("a");
  first.store.cut();
  await machines.start("a");
  await machines.pass(10_000);
  assertEquals(machines.log.lines, []);
  first.store.heal();
  await machines.pass(10_000);
  const said = machines.log.lines.map(({ level, message }) => `${level} ${message.slice(0, 44)}`);
  assertEquals(said, Array(2).fill("error another machine has the name of this one: gi"));
});

Deno.test("while the store is away names are granted here, and claimed when it is back", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  a.store.cut();
  const publisher = claimant("a");
  granted(await a.directory.claim("live/new", publisher, POLICY));
  assertEquals(a.directory.unconfirmed, 1);
  await machines.pass(30_000);
  a.store.heal();
  await settled();
  assertEquals([a.directory.unconfirmed, publisher.ends], [0, []]);
  assertEquals(kindOf(await b.directory.claim("live/new", claimant("b"), OTHER)), "taken");
});

Deno.test("of two that had a name while they did not see each other the older keeps it, and it is said", async () => {
  for (const isCutOlder of [true, false]) {
    const machines = new Machines();
    const [a, b] = [await machines.start("a"), await machines.start("b")];
    a.store.cut();
    const [here, there] = [claimant("a"), claimant("b")];
    const claims = [
      () => a.directory.claim("live/cam", here, POLICY),
      () => b.directory.claim("live/cam", there, OTHER),
    ];
    for (const claim of isCutOlder ? claims : claims.reverse()) {
      granted(await claim());
      await machines.pass(1000);
    }
    a.store.heal();
    await settled();
    assertEquals([here.ends, there.ends], isCutOlder ? [[], ["replaced"]] : [["replaced"], []]);
    const said = machines.log.lines.filter(({ message }) => message.includes("two publishers"));
    assertEquals(said.length, 1);
    await machines.pass(60_000);
    assertEquals(here.ends.length + there.ends.length, 1, "it is settled once");
  }
});

Deno.test("who was taken over by the rules while it was cut off does not come back", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  const [here, there] = [claimant("a"), claimant("b")];
  granted(await a.directory.claim("live/cam", here, POLICY));
  a.store.cut();
  granted(await b.directory.claim("live/cam", there, POLICY));
  await machines.pass(1000);
  a.store.heal();
  await settled();
  assertEquals([here.ends, there.ends], [["replaced"], []]);
});

Deno.test("a store that has lost everything is told of it again", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  for (const key of machines.shared.keys()) machines.shared.delete(key);
  a.store.heal();
  await settled();
  const [holder] = await b.directory.find("live/cam", seek("b"));
  assertEquals(holder?.member, "a");
});

Deno.test("who looks for a stream waits for it, and finds the publisher's machine or a copy with room, by region", async () => {
  const machines = new Machines();
  const [a, b, c, d] = [
    await machines.start("a", { region: "eu", maxFeeds: 1 }),
    await machines.start("b", { region: "us" }),
    await machines.start("c", { region: "us" }),
    await machines.start("d", { region: "eu" }),
  ];
  let found: string | undefined;
  const finding = b.directory.find("live/cam", seek("b")).then((holders) => {
    found = holders[0]?.member;
    return holders[0]!;
  });
  await machines.pass(5000);
  assertEquals(found, undefined);
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  await machines.pass(1000);
  const replica = b.directory.announceReplica("live/cam", { member: "b", of: await finding });
  await settled();
  const membersFor = async ({ node, directory }: typeof a) =>
    (await directory.find("live/cam", seek(node))).map(({ member }) => member);
  assertEquals(await membersFor(c), ["b", "a"], "a copy of its region first");
  assertEquals(await membersFor(d), ["a"], "the publisher's, of its region: no copy is better");
  assertEquals(await membersFor(d), ["a", "b"], "it asks again, as it could not read from there");
  a.self.feeds = 1;
  await machines.pass(2500);
  assertEquals(await membersFor(d), ["b", "a"], "the publisher's machine is full");
  assertEquals(await membersFor(b), ["a"], "nobody fetches what has passed itself");
  replica.release();
  await settled();
  assertEquals(await membersFor(c), ["a"]);
});

Deno.test("a copy of a former publisher is no copy", async () => {
  const machines = new Machines();
  const [a, b, c] = [
    await machines.start("a"),
    await machines.start("b"),
    await machines.start("c"),
  ];
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  const [holder] = await b.directory.find("live/cam", seek("b"));
  b.directory.announceReplica("live/cam", { member: "b", of: holder! });
  await settled();
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  await settled();
  const holders = await c.directory.find("live/cam", seek("c"));
  assertEquals(holders.map(({ member, epoch }) => [member, epoch]), [["a", 2]]);
});

Deno.test("names and copies cost the store nothing while nothing changes, and are there for as long as that", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  for (let stream = 0; stream < 100; stream++) {
    granted(await a.directory.claim(`live/${stream}`, claimant("a"), POLICY));
    const [of] = await b.directory.find(`live/${stream}`, seek("b"));
    b.directory.announceReplica(`live/${stream}`, { member: "b", of: of! });
  }
  await machines.pass(1000);
  const before = machines.shared.writes;
  await machines.pass(10 * 60_000);
  // Two machines tell of themselves each 2 s.
  assertEquals(machines.shared.writes - before, 2 * 10 * 60 / 2);
  await machines.pass(2 * 3_600_000);
  assertEquals(machines.shared.keys().filter((key) => !key.startsWith("node.")).length, 200);
});

Deno.test("what was given up while the store was away is removed when it is back", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  const lease = granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  const [of] = await b.directory.find("live/cam", seek("b"));
  const copy = b.directory.announceReplica("live/cam", { member: "b", of: of! });
  await settled();
  for (const { store } of [a, b]) store.cut();
  lease.release();
  copy.release();
  await machines.pass(1000);
  for (const { store } of [a, b]) store.heal();
  await settled();
  assertEquals(machines.shared.keys().filter((key) => !key.startsWith("node.")), []);
  assertEquals(kindOf(await b.directory.claim("live/cam", claimant("b"), OTHER)), "granted");
});

Deno.test("a copy that is given up and told of anew at once stays", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  granted(await a.directory.claim("live/cam", claimant("a"), POLICY));
  const [of] = await b.directory.find("live/cam", seek("b"));
  const first = b.directory.announceReplica("live/cam", { member: "b", of: of! });
  first.release();
  const second = b.directory.announceReplica("live/cam", { member: "b", of: of! });
  await machines.pass(1000);
  assertEquals(machines.shared.keys().filter((key) => key.startsWith("replica.")).length, 1);
  second.release();
  await settled();
  assertEquals(machines.shared.keys().filter((key) => key.startsWith("replica.")).length, 0);
});

Deno.test("a machine that was halted for so long that it was taken for dead ends what another has now", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  const [here, there] = [claimant("a"), claimant("b")];
  granted(await a.directory.claim("live/cam", here, POLICY));
  a.store.cut();
  await machines.pass(7000);
  granted(await b.directory.claim("live/cam", there, OTHER));
  await machines.pass(1000);
  // Its connection was there all the time: nothing tells it that the store can be reached again.
  a.store.isReachable = true;
  await machines.pass(2000);
  assertEquals([here.ends.length + there.ends.length, a.directory.unconfirmed], [1, 0]);
});

Deno.test("who is told that its name is another's is told until it has heard", async () => {
  const machines = new Machines();
  const [a, b] = [await machines.start("a"), await machines.start("b")];
  const here = claimant("a");
  granted(await a.directory.claim("live/cam", here, POLICY));
  const heard = machines.shared.handlers.get("a")!;
  machines.shared.handlers.delete("a");
  granted(await b.directory.claim("live/cam", claimant("b"), POLICY));
  await machines.pass(1500);
  assertEquals(here.ends, []);
  machines.shared.handlers.set("a", heard);
  await machines.pass(1500);
  assertEquals(here.ends, ["replaced"]);
});

Deno.test("a tree forms by itself: each machine has room for a few, and a thousand get the stream", () => {
  const room = 8;
  const holders = [{ member: "origin", depth: 0, path: ["origin"], region: "r0", feeds: 0 }];
  for (let edge = 0; edge < 1000; edge++) {
    const self = { member: `edge ${edge}`, region: `r${edge % 10}` };
    const [best] = rankHolders(
      holders.map((holder) => ({ ...holder, maxFeeds: room, isDraining: false })),
      self,
    );
    const from = holders.find(({ member }) => member === best!.member)!;
    assert(from.feeds < room);
    from.feeds++;
    holders.push({
      ...self,
      depth: from.depth + 1,
      path: [...from.path, self.member],
      feeds: 0,
    });
  }
  const depth = Math.max(...holders.map(({ depth }) => depth));
  assert(depth <= 5, `depth ${depth}`);
  const crossings = holders.filter(({ path, region }) => {
    const from = holders.find(({ member }) => member === path.at(-2));
    return from !== undefined && from.region !== region;
  }).length;
  assert(crossings <= 10, `${crossings} fetches between regions`);
});
