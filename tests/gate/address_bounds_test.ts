/** What clients may have in all and by address, and that each gets it back once. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AddressCounter,
  AddressNames,
  AddressRate,
  boundedAddress,
  GATE_LIMITS,
  type GateLimits,
  isLocalAddress,
} from "../../src/gate/mod.ts";
import { settled } from "../support/turned_clock.ts";
import { END, GateBench, granted, kindOf, password, PRIVATE, PUBLIC } from "./gate_bench.ts";

Deno.test("loopback, private and link-local addresses are those of the RFCs, and no neighbours of them", () => {
  const local = "127.0.0.1 127.255.255.255 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 " +
    "192.168.0.1 192.168.255.255 169.254.1.1 100.64.0.1 100.127.255.255 ::1 ::ffff:10.0.0.1 " +
    "fc00::1 fd12:3456::1 fe80::1 febf::1 fe80::1%eth0";
  for (const address of local.split(" ")) assert(isLocalAddress(address), address);
  const others = "126.255.255.255 128.0.0.1 9.255.255.255 11.0.0.1 172.15.255.255 172.32.0.1 " +
    "192.167.255.255 192.169.0.1 169.253.0.1 100.63.255.255 100.128.0.1 203.0.113.9 8.8.8.8 " +
    "::2 2001:db8::1 fb00::1 fe00::1 fec0::1 fd::1 ::ffff:8.8.8.8 10.0.0.1.example 10.0.0 localhost";
  for (const address of ["", ...others.split(" ")]) assert(!isLocalAddress(address), address);
});

Deno.test("an IPv6 address counts as its network of 64 bits, an IPv4 address inside of one as itself (RFC 4291, 2.2)", () => {
  const network = "2001:db8:0:7::/64";
  const same =
    "2001:db8:0:7::1 2001:db8:0:7::2 2001:db8::7:0:0:0:1 2001:0DB8:0000:0007:ffff:1:2:3 " +
    "2001:db8:0:7:: 2001:db8:0:7::192.0.2.1 2001:db8:0:7:1:2:3:4%eth0";
  for (const address of same.split(" ")) assertEquals(boundedAddress(address), network, address);
  const others: readonly (readonly [string, string])[] = [
    ["2001:db8:0:8::1", "2001:db8:0:8::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:c000:0201", "192.0.2.1"],
    // Behind NAT64 (RFC 6052) all of IPv4 has one network of 96 bits.
    ["64:ff9b::192.0.2.1", "192.0.2.1"],
    ["64:ff9b::c000:202", "192.0.2.2"],
    ["64:ff9b:1::192.0.2.1", "64:ff9b:1:0::/64"],
  ];
  for (const [address, expected] of others) assertEquals(boundedAddress(address), expected);
  const texts =
    "192.0.2.1 tunnel:7 : ::: 1::2::3 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 1:2:3:4::5:6:7:8 " +
    "12345::1 g::1 192.0.2.1.example pipe";
  for (const text of ["", ...texts.split(" ")]) assertEquals(boundedAddress(text), text);
});

Deno.test("who has a whole IPv6 network has no more than an address: connections, handshakes, names, guesses", async () => {
  let last = 0;
  const next = (): string => `2001:db8:0:7::${(++last).toString(16)}`;
  const other = "2001:db8:0:8::1";
  const { gate } = new GateBench({ limits: { maxHandshakesPerSecond: Infinity } });
  for (let count = 0; count < GATE_LIMITS.maxConnectionsPerAddress; count++) {
    granted(gate.arrive({ protocol: "rtmp", remoteAddress: next() }));
  }
  assertEquals(kindOf(gate.arrive({ protocol: "rtmp", remoteAddress: next() })), "full");
  granted(gate.arrive({ protocol: "rtmp", remoteAddress: other }));

  const rated = new GateBench();
  const opens = (remoteAddress: string): string =>
    kindOf(rated.gate.arrive({ protocol: "rtmp", remoteAddress }));
  const answers = Array.from({ length: 101 }, () => opens(next()));
  assertEquals([answers.indexOf("full"), opens(other)], [100, "granted"]);

  const waiting = new GateBench({ limits: { maxWaitedNamesPerAddress: 2 } });
  const wait = async (name: string, remoteAddress: string): Promise<string> => {
    const guest = await waiting.entered({ remoteAddress });
    return kindOf(await granted(await guest.play({ name })).stream({ waitMs: 1000 }));
  };
  const waits = [wait("a", next()), wait("b", next()), wait("c", next()), wait("c", other)];
  await settled();
  await waiting.clock.turnSlowly(1000);
  assertEquals(await Promise.all(waits), ["absent", "absent", "full", "absent"]);

  let judged = 0;
  const guessed = new GateBench({
    hooks: { authenticate: () => (judged++, { refuse: "Wrong" }) },
  });
  const guess = async (remoteAddress: string): Promise<void> => {
    const guest = await guessed.entered({ remoteAddress });
    void guest.publish({ name: "live/cam", credentials: password("alice", "looking-glass") });
    await settled();
  };
  for (let tries = 0; tries < 20; tries++) await guess(next());
  assertEquals(judged, 5);
  await guess(other);
  assertEquals(judged, 6);
});

/** How many of 1200 connections at once are let in. */
function letIn(remoteAddress: string, limits: Partial<GateLimits> = {}): number {
  const { gate } = new GateBench({ limits: { maxHandshakesPerSecond: Infinity, ...limits } });
  let count = 0;
  for (let tries = 0; tries < 1200; tries++) {
    if ("granted" in gate.arrive({ protocol: "rtmp", remoteAddress })) count++;
  }
  assertEquals(gate.counts.connections, 1200 - count);
  return count;
}

Deno.test("a public address has 1000 connections by default, a private one any number; a set bound holds for both", () => {
  assertEquals(letIn(PUBLIC), 1000);
  assertEquals([letIn(PRIVATE), letIn("127.0.0.1"), letIn("::1")], [1200, 1200, 1200]);
  const limits = { maxConnectionsPerAddress: 7 };
  assertEquals([letIn(PUBLIC, limits), letIn(PRIVATE, limits)], [7, 7]);
  assertEquals(letIn(PRIVATE, { maxConnections: 30 }), 30);
  assertEquals(letIn(PUBLIC, { maxConnectionsPerAddress: undefined as unknown as number }), 1000);
});

/** How many of 200 connections at once and then 200 more half a second later are let in. */
function opened(remoteAddress: string, limits: Partial<GateLimits> = {}): [number, number] {
  const { gate, clock } = new GateBench({ limits });
  const some = (): number => {
    let count = 0;
    for (let tries = 0; tries < 200; tries++) {
      const arrival = gate.arrive({ protocol: "rtmp", remoteAddress });
      if (!("granted" in arrival)) continue;
      count++;
      arrival.granted.release();
    }
    return count;
  };
  const first = some();
  clock.turn(500);
  return [first, some()];
}

Deno.test("a public address opens 100 connections a second by default, a private one any number; a set bound holds for both", () => {
  assertEquals(opened(PUBLIC), [100, 50]);
  assertEquals([opened(PRIVATE), opened("::1")], [[200, 200], [200, 200]]);
  const limits = { maxHandshakesPerSecond: 10 };
  assertEquals([opened(PUBLIC, limits), opened(PRIVATE, limits)], [[10, 5], [10, 5]]);
});

Deno.test("connections of requests are opened by the same rule as all others, together with them", () => {
  const refused: string[] = [];
  const { gate, clock } = new GateBench({
    hooks: { onRefused: ({ refused: kind, why }) => void refused.push(`${kind}: ${why}`) },
  });
  const opens = (remoteAddress: string): boolean =>
    gate.refusesToOpen({ protocol: "http", remoteAddress }) === undefined;
  const some = (remoteAddress: string): number =>
    Array.from({ length: 200 }, () => opens(remoteAddress)).filter((isOpen) => isOpen).length;
  for (let times = 0; times < 40; times++) {
    granted(gate.arrive({ protocol: "rtmp", remoteAddress: PUBLIC }));
  }
  assertEquals(some(PUBLIC), 60);
  assertEquals(gate.counts.connections, 140);
  assertEquals(refused.length, 140);
  assertEquals(refused[0], "full: the address opens over 100 connections a second");
  clock.turn(500);
  assertEquals([some(PUBLIC), some(PRIVATE), some("::1")], [50, 200, 200]);
  // Its requests are bounded by themselves, and it is no connection that counts.
  granted(gate.arrive({ protocol: "http", remoteAddress: PUBLIC, isRequest: true }));
  assertEquals(gate.guests.size, 41);
});

Deno.test("all connections together are bounded, whatever their addresses", () => {
  const { gate } = new GateBench();
  for (let number = 0; number < GATE_LIMITS.maxConnections; number++) {
    const remoteAddress = `2001:db8:0:${number.toString(16)}::1`;
    granted(gate.arrive({ protocol: "rtmp", remoteAddress }));
  }
  assertEquals(kindOf(gate.arrive({ protocol: "rtmp", remoteAddress: PUBLIC })), "full");
});

Deno.test("a connection counts until it is released, and is given back once, whatever is repeated", () => {
  const bench = new GateBench({ limits: { maxConnectionsPerAddress: 2 } });
  const [first, second] = [bench.guest(), bench.guest()];
  const third = () => bench.gate.arrive({ protocol: "rtmp", remoteAddress: PUBLIC });
  first.leave(END);
  assertEquals(kindOf(third()), "full", "its socket is open still");
  for (let times = 0; times < 3; times++) first.release();
  granted(third());
  assertEquals(kindOf(third()), "full", "given back once");
  second.release();
  granted(third());
  assertEquals(bench.gate.guests.size, 2);
});

Deno.test("counters of addresses keep nothing of those that have nothing", () => {
  const [counter, names, rate] = [new AddressCounter(), new AddressNames(), new AddressRate()];
  // What is given back again is not another's.
  const [mine, others] = [[counter.take("b"), names.take("b", "n")], [
    counter.take("b"),
    names.take("b", "n"),
  ]];
  for (const give of [...mine, ...mine]) give();
  assertEquals([counter.of("b"), names.has("b", "n")], [1, true]);
  for (const give of others) give();
  const giveBack = Array.from({ length: 100 }, (_, number) => [
    counter.take(`a${number % 10}`),
    names.take(`a${number % 10}`, `n${number % 20}`),
  ]).flat();
  assertEquals([counter.size, counter.of("a3"), names.size, names.of("a3")], [10, 10, 10, 2]);
  for (const give of [...giveBack, ...giveBack]) give();
  assertEquals([counter.size, counter.of("a3"), names.size, names.of("a3")], [0, 0, 0, 0]);
  for (let number = 0; number < 1000; number++) {
    rate.take(`a${number}`, { perSecond: 10, nowMs: number * 20 });
  }
  assert(rate.size <= 101, `${rate.size} are remembered`);
});

Deno.test("limits that are no numbers, negative or broken are refused, and not taken for none", () => {
  for (const key of Object.keys(GATE_LIMITS)) {
    for (const value of [NaN, -1, 1.5, "7", null]) {
      assertThrows(() => new GateBench({ limits: { [key]: value } }), RangeError, key);
    }
  }
  for (const hookMs of [NaN, -1, Infinity, 2 ** 31]) {
    assertThrows(() => new GateBench({ hookMs }), RangeError, "hookMs");
  }
});

Deno.test("players of an address wait for 64 names, counted apart from others, and any number for one of them", async () => {
  const bench = new GateBench({ limits: { maxHandshakesPerSecond: Infinity } });
  const guest = await bench.entered();
  const answers: string[] = [];
  const wait = async (name: string, who = guest): Promise<void> => {
    const ticket = granted(await who.play({ name }));
    answers.push(kindOf(await ticket.stream({ waitMs: 10_000 })));
    ticket.end();
  };
  for (let number = 0; number < 64; number++) void wait(`live/${number}`);
  await settled();
  await wait("live/over");
  const friend = await bench.entered();
  await wait("live/over", friend);
  assertEquals(answers, ["full", "full"], "all connections of the address together");
  for (let number = 0; number < 200; number++) void wait("live/3", await bench.entered());
  const other = await bench.entered({ remoteAddress: "198.51.100.4" });
  void wait("live/over", other);
  await settled();
  assertEquals(answers.length, 2, "they wait");
  assertEquals(bench.hub.waitedCount, 65);
  // One name is free again when the last that waits for it has gone.
  const publisher = await bench.publisher(await bench.entered(), { name: "live/5" });
  await settled();
  void wait("live/over");
  await settled();
  assertEquals(answers, ["full", "full", "granted"]);
  publisher.end(END);
  await bench.clock.turnSlowly(10_000);
  assertEquals(answers.length, 3 + 63 + 200 + 2);
  assertEquals([bench.tickets, bench.hub.streams, bench.clock.pending], [[], [], 0]);
});

Deno.test("the server's own players wait for as many names as the hub has room for", async () => {
  const bench = new GateBench({ hub: { maxWaitedNames: 100 } });
  const waits = Array.from({ length: 120 }, async (_, number) => {
    const ticket = granted(await bench.gate.own("program").play({ name: `live/${number}` }));
    return kindOf(await ticket.stream({ waitMs: 1000 }));
  });
  await bench.clock.turnSlowly(1000);
  const kinds = await Promise.all(waits);
  assertEquals(kinds.filter((kind) => kind === "full").length, 20);
  assertEquals(kinds.filter((kind) => kind === "absent").length, 100);
});
