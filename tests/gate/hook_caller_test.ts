/** What hooks of an embedder do harms nobody but the request in question. */
import { assert, assertEquals } from "@std/assert";
import type { HookResult, ServerHooks } from "../../src/gate/mod.ts";
import { HookCaller } from "../../src/gate/hook_caller.ts";
import { settled } from "../support/turned_clock.ts";
import { END, GateBench, granted, kindOf, UNIT } from "./gate_bench.ts";

const ANSWERS: readonly (readonly [string, () => unknown, string])[] = [
  ["nothing", () => undefined, "granted"],
  ["null", () => null, "granted"],
  ["a promise of nothing", () => Promise.resolve(), "granted"],
  ["false", () => false, "denied"],
  ["true", () => true, "denied"],
  ["an empty text", () => "", "denied"],
  ["0", () => 0, "denied"],
  ["NaN", () => NaN, "denied"],
  ["{}", () => ({}), "denied"],
  ["a promise of false", () => Promise.resolve(false), "denied"],
  ["refuse", () => ({ refuse: "No" }), "denied"],
  ["refuse without words", () => ({ refuse: undefined }), "denied"],
  ["redirect", () => ({ redirect: "rtmp://b/live" }), "redirect"],
  ["a redirect to where its door cannot send", () => ({ redirect: "ftp://b/" }), "denied"],
  ["a rejection", () => Promise.reject(new Error("gone")), "denied"],
  ["a rejection without words", () => Promise.reject(Object.create(null)), "denied"],
  [
    "a throw",
    () => {
      throw new Error("gone");
    },
    "denied",
  ],
  ["what never comes", () => new Promise(() => {}), "denied"],
];

function locate(redirect: string): string {
  if (!redirect.startsWith("rtmp:")) throw new TypeError("no URL of this door");
  return redirect;
}

for (const [what, answer, right] of ANSWERS) {
  Deno.test(`a hook that decides and answers ${what}: ${right}, for connect, publish and play`, async () => {
    const hook = answer as () => HookResult;
    const bench = new GateBench({
      hookMs: 3000,
      hooks: { onConnect: hook, onPublish: hook, onPlay: hook },
    });
    const guest = bench.guest();
    const answers = [
      guest.enter({ locate }),
      guest.publish({ name: "live/cam", locate }),
      guest.play({ name: "live/cam", locate }),
    ];
    await bench.clock.turnSlowly(3000);
    for (const one of await Promise.all<Awaited<(typeof answers)[number]>>(answers)) {
      assertEquals(kindOf(one), right);
    }
    assertEquals(bench.tickets.length, right === "granted" ? 2 : 0);
    assertEquals(bench.clock.pending, 0);
  });
}

Deno.test("a hook that takes too long has its connection closed, and is not waited for any longer", async () => {
  const bench = new GateBench({ hookMs: 3000, hooks: { onPlay: () => new Promise(() => {}) } });
  const answering = (await bench.entered()).play({ name: "live/cam" });
  await bench.clock.turnSlowly(2999);
  assertEquals(bench.gate.counts.denied, 0);
  await bench.clock.turnSlowly(1);
  const answer = await answering;
  assert("refused" in answer);
  assertEquals([answer.why, answer.close?.reason], ["Internal error", "hook-timeout"]);
});

Deno.test("a question that is answered leaves neither a timer nor one that waits", async () => {
  const bench = new GateBench();
  const leavers = new Set<() => void>();
  const caller = new HookCaller(bench.log, { clock: bench.clock, hookMs: 3000 });
  assertEquals(await caller.ask(() => 7, leavers), { answer: 7 });
  await caller.ask(() => Promise.reject(new Error("gone")), leavers);
  assertEquals([leavers.size, bench.clock.pending], [0, 0]);
});

Deno.test("a connection is asked about once, and refused and counted once, however often it enters", async () => {
  let asked = 0;
  const bench = new GateBench({
    hooks: {
      onConnect: () => {
        asked++;
        return { refuse: "Not you" };
      },
    },
  });
  const guest = bench.guest();
  const answers = [guest.enter(), guest.enter()];
  for (const answer of await Promise.all(answers)) assertEquals(kindOf(answer), "denied");
  assertEquals(kindOf(await guest.enter()), "denied");
  assertEquals([asked, bench.gate.counts.denied], [1, 1]);
});

const LISTENING: readonly (keyof ServerHooks)[] = [
  "onPublishStart",
  "onUnit",
  "onPublishEnd",
  "onPlayStart",
  "onPlayEnd",
  "onDisconnect",
];

const FAILURES: readonly (readonly [string, () => unknown])[] = [
  ["rejects", () => Promise.reject(new Error("the data base is gone"))],
  ["rejects later", async () => {
    await settled();
    throw new Error("the data base is gone");
  }],
  ["throws", () => {
    throw new Error("the data base is gone");
  }],
  ["rejects without words", () => Promise.reject(Object.create(null))],
  ["answers what throws when it is waited for", () => ({
    then: () => {
      throw new Error("the data base is gone");
    },
  })],
  ["answers what cannot be looked at", () =>
    Object.defineProperty({}, "then", {
      get: () => {
        throw new Error("the data base is gone");
      },
    })],
];

for (const [how, fail] of FAILURES) {
  Deno.test(`a hook that only listens and ${how} is logged, and nothing else`, async () => {
    const hooks = Object.fromEntries(LISTENING.map((name) => [name, fail])) as ServerHooks;
    const bench = new GateBench({ hooks });
    const [guest, viewer] = [await bench.entered(), await bench.entered()];
    const ticket = await bench.publisher(guest);
    const player = await bench.player(viewer);
    assert(ticket.write(UNIT));
    player.end();
    ticket.end(END);
    guest.leave(END);
    for (let more = 0; more < 3; more++) await settled();
    assertEquals(bench.errors.length, LISTENING.length);
    assertEquals(bench.tickets, []);
  });
}

Deno.test("hooks that listen hear of each publisher and player once, in order, with its counts", async () => {
  const units: number[] = [];
  const bench = new GateBench({
    hooks: {
      onUnit: ({ name }, unit) => void units.push(name.length + unit.dtsUs),
      onPublishEnd: ({ units, bytes }, { reason, clean }) =>
        void bench.heard.push(`unpublish ${units} ${bytes} ${reason} ${clean}`),
    },
  });
  const guest = await bench.entered();
  const ticket = await bench.publisher(guest);
  assertEquals(kindOf(ticket.start({ onEnded: () => {} })), "granted", "again is nothing new");
  const player = await bench.player(guest);
  assert(player.start({ onEnded: () => {} }));
  ticket.write(UNIT);
  ticket.write(UNIT);
  ticket.commit();
  for (let times = 0; times < 2; times++) {
    player.end();
    ticket.end(END);
    guest.leave(END);
  }
  assertEquals(ticket.write(UNIT), false);
  assertEquals(bench.heard, [
    "publish live/cam",
    "play live/cam",
    "stop live/cam",
    "unpublish 2 6 closed true",
    "disconnect 1: closed",
  ]);
  assertEquals(units, [8, 8]);
});

Deno.test("one that never introduced itself is no connection to the hooks", () => {
  const bench = new GateBench();
  bench.guest().leave(END);
  assertEquals(bench.heard, []);
});

Deno.test("the server's own are heard of by hooks that listen, seen in the tickets, and asked about by nobody", async () => {
  const asked: string[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: () => {
        asked.push("authenticate");
        return { refuse: "No" };
      },
      onConnect: () => ({ refuse: String(asked.push("connect")) }),
      onPublish: () => ({ refuse: String(asked.push("publish")) }),
      onPlay: () => ({ refuse: String(asked.push("play")) }),
      onUnit: () => void bench.heard.push("unit"),
    },
  });
  const relay = bench.gate.own("relay");
  granted(await relay.enter());
  granted(await relay.prove("play", { name: "live/cam" }));
  const ticket = await bench.publisher(relay);
  const player = await bench.player(bench.gate.own("program"));
  ticket.write(UNIT);
  const infos = Array.from(bench.gate.tickets.values(), ({ info }) => info);
  assertEquals(infos.map(({ protocol, remoteAddress, user }) => [protocol, remoteAddress, user]), [
    ["relay", "", undefined],
    ["program", "", undefined],
  ]);
  assertEquals(infos.map(({ action, state }) => [action, state]), [["publish", "live"], [
    "play",
    "live",
  ]]);
  player.end();
  ticket.end(END);
  relay.leave(END);
  relay.release();
  assertEquals(bench.heard, [
    "publish live/cam",
    "play live/cam",
    "unit",
    "stop live/cam",
    "unpublish live/cam: closed",
  ]);
  assertEquals(asked, []);
});
