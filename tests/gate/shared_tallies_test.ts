/** What several gates count together, in shared memory. */
import { assert, assertEquals } from "@std/assert";
import {
  forgetMember,
  SharedTallies,
  type SharedTalliesMemory,
  sharedTalliesMemory,
} from "../../src/gate/mod.ts";

function members(count: number, clock = { nowMs: 1_800_000_000_000 }) {
  const memory = sharedTalliesMemory(count, [7, 11]);
  const all = Array.from(
    { length: count },
    (_, member) => new SharedTallies(memory, { member, nowUnixMs: () => clock.nowMs }),
  );
  return { memory, all: all as [SharedTallies, SharedTallies, ...SharedTallies[]], clock };
}

Deno.test("SharedTallies counts connections of all members together, and forgets those of one that dies", () => {
  const { memory, all: [a, b] } = members(2);
  const leave = [a, b, b].map((one) => one.connections.take("192.0.2.7"));
  a.connections.take("2001:db8::1");
  b.connections.take("2001:db8::2");
  for (const one of [a, b]) {
    assertEquals(one.connections.of("192.0.2.7"), 3);
    assertEquals(one.connections.of("2001:db8::3"), 2);
    assertEquals(one.connections.of("192.0.2.8"), 0);
    assertEquals(one.connections.total, 5);
  }
  leave[1]!();
  leave[1]!();
  assertEquals([a.connections.of("192.0.2.7"), a.connections.total], [2, 4]);
  forgetMember(memory, 1);
  assertEquals([a.connections.of("192.0.2.7"), a.connections.total], [1, 2]);
  leave[0]!();
  assertEquals([b.connections.of("192.0.2.7"), b.connections.total], [0, 1]);
});

Deno.test("SharedTallies lets an address do as much in a second as it may, whatever member it comes to", () => {
  const { all, clock } = members(2);
  const taken = (
    tries: number,
    perSecond: number,
    kind: "handshakes" | "requests" = "handshakes",
  ) =>
    Array.from({ length: tries }, (_, at) => at)
      .filter((at) => all[at % 2]![kind].take("192.0.2.7", { perSecond, nowMs: 0 })).length;
  assertEquals(taken(100, 10), 10);
  assertEquals(taken(3, Infinity), 3);
  assertEquals(taken(3, 0), 0);
  assertEquals(taken(100, 20, "requests"), 20);
  assert(all[0].handshakes.take("192.0.2.8", { perSecond: 10, nowMs: 0 }));
  clock.nowMs += 350;
  assertEquals(taken(100, 10), 3);
  clock.nowMs += 10_000;
  assertEquals(taken(100, 10), 10);
  // A clock that is set back by an hour shuts nobody out.
  clock.nowMs -= 3_600_000;
  assertEquals(taken(100, 10), 10);
});

Deno.test("SharedTallies counts each name that an address waits for once a member", () => {
  const { all: [a, b] } = members(2);
  const leave = [a.waited.take("192.0.2.7", "x"), a.waited.take("192.0.2.7", "x")];
  leave.push(b.waited.take("192.0.2.7", "y"));
  assertEquals([a.waited.of("192.0.2.7"), b.waited.of("192.0.2.7")], [2, 2]);
  assertEquals([a.waited.has("192.0.2.7", "x"), b.waited.has("192.0.2.7", "x")], [true, false]);
  leave[0]!();
  leave[0]!();
  assertEquals(b.waited.of("192.0.2.7"), 2);
  leave[1]!();
  assertEquals(b.waited.of("192.0.2.7"), 1);
  leave[2]!();
  assertEquals(a.waited.of("192.0.2.7"), 0);
});

Deno.test("SharedTallies tells addresses apart, and threads that count at once lose nothing", async () => {
  const { memory, all: [a] } = members(3);
  const program = `
    import { SharedTallies } from "${new URL("../../src/gate/shared_tallies.ts", import.meta.url)}";
    onmessage = ({ data: { memory, member } }) => {
      const tallies = new SharedTallies(memory, { member, nowUnixMs: () => 1e12 });
      let paced = 0;
      for (let at = 0; at < 20000; at++) {
        tallies.connections.take("10.0." + (at % 200) + ".1");
        if (tallies.handshakes.take("192.0.2.7", { perSecond: 8000, nowMs: 0 })) paced++;
      }
      postMessage(paced);
    };`;
  const url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  const workers = [1, 2].map((member) => ({ member, worker: new Worker(url, { type: "module" }) }));
  const paced = await Promise.all(workers.map(({ member, worker }) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(
      { memory, member } satisfies { memory: SharedTalliesMemory; member: number },
    );
    return promise;
  }));
  for (const { worker } of workers) worker.terminate();
  URL.revokeObjectURL(url);
  assertEquals(a.connections.total, 40_000);
  for (let at = 0; at < 200; at++) assertEquals(a.connections.of(`10.0.${at}.1`), 200);
  // One that is in between the rows as a row is full may pass by the other.
  const sum = paced[0]! + paced[1]!;
  assert(sum >= 8000 && sum <= 8002, String(sum));
});
