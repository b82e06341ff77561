/** Who is in when the rules change. */
import { assertEquals } from "@std/assert";
import { AddressRanges, type ConnectionEnd, type Refused } from "../../src/gate/mod.ts";
import { settled } from "../support/turned_clock.ts";
import { GateBench, granted, kindOf, PRIVATE, PUBLIC, UNIT } from "./gate_bench.ts";

const LONG_UNIT = { ...UNIT, payload: { format: "flv", body: new Uint8Array(125_000) } } as const;

/** A gate that lets users in, of whom `gone` may not stay. */
function benchOf(gone: ReadonlySet<string>, mayStay?: () => Promise<Refused | undefined>) {
  return new GateBench({
    hooks: {
      authenticate: ({ query }) => {
        const user = query.get("u")!;
        return { allow: { user }, grounds: `mark of ${user}` };
      },
      mayStay: mayStay ??
        (({ grounds }) => gone.has(String(grounds)) ? { refuse: "Not any more" } : undefined),
    },
  });
}

async function begin(bench: GateBench, user: string, action: "play" | "publish") {
  const ends: ConnectionEnd[] = [];
  const guest = await bench.entered();
  const query = new URLSearchParams({ u: user });
  const onEnded = (end: ConnectionEnd) => void ends.push(end);
  if (action === "play") {
    granted(await guest.play({ name: "live/cam", query })).start({ onEnded });
  } else granted(granted(await guest.publish({ name: `live/${user}`, query })).start({ onEnded }));
  return ends;
}

Deno.test("who may not stay when the rules change is told why, others and the server's own are left alone", async () => {
  const gone = new Set<string>();
  const bench = benchOf(gone);
  const [annPlays, annPublishes] = [
    await begin(bench, "ann", "play"),
    await begin(bench, "ann", "publish"),
  ];
  const bobPlays = await begin(bench, "bob", "play");
  granted(await bench.gate.own("relay").play({ name: "live/cam" })).start({ onEnded: () => {} });
  await bench.gate.review();
  assertEquals(bench.tickets.length, 4);
  gone.add("mark of ann");
  await bench.gate.review();
  const end = { clean: false, reason: "kicked", message: "Not any more" };
  assertEquals([annPlays, annPublishes, bobPlays], [[end], [end], []]);
  assertEquals(bench.tickets, ["play live/cam live", "play live/cam live"]);
  assertEquals(
    bench.log.lines.filter(({ message }) => message.startsWith("the rules have changed")).map((
      { fields },
    ) => fields),
    [{ connections: 0, roles: 2 }],
  );
});

Deno.test("where nobody can say whether somebody may stay, it may not", async () => {
  for (
    const mayStay of [
      () => Promise.reject(new Error("broken")),
      () => Promise.resolve(false as unknown as undefined),
      () => new Promise<undefined>(() => {}),
    ]
  ) {
    const bench = benchOf(new Set(), mayStay);
    const ends = await begin(bench, "ann", "play");
    const reviewing = bench.gate.review();
    await bench.clock.turnSlowly(30_000);
    await reviewing;
    assertEquals(ends.map(({ reason }) => reason), ["kicked"]);
  }
});

Deno.test("who was judged while the rules changed is judged by those of now", async () => {
  const gone = new Set(["mark of ann"]);
  const asked = Promise.withResolvers<{ allow: { user: string }; grounds: string }>();
  const bench = new GateBench({
    hooks: {
      authenticate: () => asked.promise,
      mayStay: ({ grounds }) => gone.has(String(grounds)) ? { refuse: "Not any more" } : undefined,
    },
  });
  const guest = await bench.entered();
  const [plays, publishes] = [guest.play({ name: "a" }), guest.publish({ name: "a" })];
  await settled();
  await bench.gate.review();
  asked.resolve({ allow: { user: "ann" }, grounds: "mark of ann" });
  assertEquals([kindOf(await plays), kindOf(await publishes)], ["denied", "denied"]);
  assertEquals(bench.tickets, []);
});

Deno.test("connections of addresses that are let in no longer end, and sessions that outlive theirs", async () => {
  const bench = new GateBench();
  const kicks: string[] = [];
  const ends: ConnectionEnd[] = [];
  const [stranger, neighbour] = [
    await bench.entered(),
    await bench.entered({ remoteAddress: PRIVATE }),
  ];
  stranger.onKick = (why) => kicks.push(`stranger: ${why}`);
  neighbour.onKick = (why) => kicks.push(`neighbour: ${why}`);
  await bench.player(stranger, { ends });
  await bench.player(neighbour, { ends });
  bench.gate.configure({ addresses: { denied: new AddressRanges([`${PUBLIC}/24`]) } });
  await bench.gate.review();
  assertEquals(kicks, ["stranger: The address is not let in any more"]);
  assertEquals(ends.map(({ message }) => message), ["The address is not let in any more"]);
  assertEquals(bench.tickets, ["play live/cam live"]);
});

Deno.test("who is in keeps to the bitrate of now: a lower one ends it once it was over that for 10 s, a higher one frees it", async () => {
  const bench = new GateBench({ limits: { maxPublisherBitrateBps: 4_000_000 } });
  const guest = await bench.entered();
  const ends: ConnectionEnd[] = [];
  const ticket = await bench.publisher(guest, { ends });
  /** 1 Mb/s for so many seconds. */
  const send = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      ticket.write(LONG_UNIT);
      await bench.clock.turnSlowly(1000);
    }
  };
  await send(15);
  bench.gate.configure({ limits: { maxPublisherBitrateBps: 500_000 } });
  await bench.gate.review();
  bench.gate.configure({ limits: {} });
  await bench.gate.review();
  await send(15);
  assertEquals([ends, bench.clock.pending], [[], 0]);
  bench.gate.configure({ limits: { maxPublisherBitrateBps: 500_000 } });
  await bench.gate.review();
  await send(8);
  assertEquals(ends, []);
  await send(4);
  assertEquals(ends.map(({ reason }) => reason), ["bitrate"]);
  assertEquals(bench.clock.pending, 0);
});

Deno.test("a player that talks is ended when it may not do that any more", async () => {
  const gone = new Set<string>();
  const bench = new GateBench({
    hooks: {
      authenticate: ({ action }) => ({ allow: { user: "ann" }, grounds: action }),
      mayStay: ({ action, grounds }) => {
        assertEquals(action, grounds);
        return gone.has(action) ? { refuse: "Not any more" } : undefined;
      },
    },
  });
  const guest = await bench.entered();
  const ticket = await bench.player(guest);
  gone.add("talk");
  await bench.gate.review();
  assertEquals(bench.tickets.length, 1);
  ticket.talks(granted(await guest.talk({ name: "live/cam" })));
  await bench.gate.review();
  assertEquals(bench.tickets, []);
});

Deno.test("of many who are in, some are looked at at a time, and all are in the end", async () => {
  let asking = 0;
  let most = 0;
  let asked = 0;
  const bench = benchOf(new Set(), async () => {
    most = Math.max(most, ++asking);
    await Promise.resolve();
    asking--;
    asked++;
    return asked % 2 === 0 ? { refuse: "Not any more" } : undefined;
  });
  const query = new URLSearchParams({ u: "ann" });
  for (let player = 0; player < 500; player++) {
    const guest = await bench.entered({ remoteAddress: PRIVATE });
    const ticket = granted(await guest.play({ name: "live/cam", query }));
    ticket.start({ onEnded: () => {} });
  }
  await bench.gate.review();
  assertEquals([most, asked, bench.tickets.length], [100, 500, 250]);
});
