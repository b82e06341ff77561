/** Publishers and players at the desk: how they begin, wait, and are sent away, whatever their state is. */
import { assert, assertEquals } from "@std/assert";
import type { ConnectionEnd, PublishTicket } from "../../src/gate/mod.ts";
import { settled } from "../support/turned_clock.ts";
import { END, GateBench, granted, kindOf, password, UNIT } from "./gate_bench.ts";

/** A guest whose door notes what it is told when it is kicked, and ends the connection as doors do. */
async function kickable(bench: GateBench, kicks: string[] = []) {
  const guest = await bench.entered();
  guest.onKick = (why) => {
    kicks.push(why);
    guest.leave({ clean: false, reason: "kicked", message: why });
    guest.release();
  };
  return guest;
}

Deno.test("a live publisher that is kicked gives the name back, is told once, and can be kicked no more", async () => {
  const bench = new GateBench();
  const kicks: string[] = [];
  const ends: ConnectionEnd[] = [];
  const ticket = await bench.publisher(await kickable(bench, kicks), { ends });
  const { id } = ticket.info;
  assertEquals(bench.gate.kick(id, "Not today"), true);
  assertEquals(ends, [{ clean: false, reason: "kicked", message: "Not today" }]);
  assertEquals([bench.hub.get("live/cam")?.isLive ?? false, ticket.write(UNIT)], [false, false]);
  assertEquals(bench.gate.kick(id, "Again"), false);
  ticket.kick("Again");
  ticket.end(END);
  assertEquals([ends.length, kicks, ticket.info.state], [1, [], "ended"]);
  assertEquals(bench.heard, ["publish live/cam", "unpublish live/cam: kicked"]);
});

Deno.test("a live player that is kicked is told once, and ended even where its door forgets to", async () => {
  const bench = new GateBench();
  const ends: ConnectionEnd[] = [];
  const kicks: string[] = [];
  const ticket = await bench.player(await kickable(bench, kicks), { ends });
  ticket.kick("Not today");
  ticket.kick("Again");
  assertEquals(ends, [{ clean: false, reason: "kicked", message: "Not today" }]);
  assertEquals([bench.tickets, kicks], [[], []]);
  assertEquals(bench.heard, ["play live/cam", "stop live/cam"]);
});

Deno.test("a player that kicks itself over while it is told of its end is told once", async () => {
  const bench = new GateBench();
  const ticket = granted(await (await bench.entered()).play({ name: "live/cam" }));
  let told = 0;
  ticket.start({
    onEnded: () => {
      told++;
      ticket.kick("Again");
      ticket.end();
    },
  });
  ticket.kick("Not today");
  assertEquals([told, bench.heard], [1, ["play live/cam", "stop live/cam"]]);
});

for (const action of ["publish", "play"] as const) {
  Deno.test(`who may ${action} and has not begun loses its connection when it is kicked, and cannot begin`, async () => {
    const bench = new GateBench();
    const kicks: string[] = [];
    const guest = await kickable(bench, kicks);
    const ticket = granted<PublishTicket | { kick(why: string): void; start(s: never): unknown }>(
      await guest[action]({ name: "live/cam" }),
    );
    assertEquals(bench.tickets, [`${action} live/cam granted`]);
    ticket.kick("Not today");
    ticket.kick("Again");
    assertEquals([kicks, bench.tickets], [["Not today"], []]);
    const told: unknown[] = [];
    const started = ticket.start({ onEnded: (end: unknown) => told.push(end) } as never);
    if (action === "play") assertEquals(started, false);
    else assertEquals(started, { refused: "denied", why: "Not today" });
    assertEquals([told, bench.heard], [[], ["disconnect 1: kicked"]]);
    assertEquals(bench.hub.streams, []);
  });

  Deno.test(`the server's own that may ${action} and has not begun cannot begin once it is kicked`, async () => {
    const bench = new GateBench();
    const own = bench.gate.own("program");
    const ticket = granted<PublishTicket | { kick(why: string): void; start(s: never): unknown }>(
      await own[action]({ name: "live/cam" }),
    );
    ticket.kick("Not today");
    const started = ticket.start({ onEnded: () => {} } as never);
    if (action === "play") assertEquals(started, false);
    else assertEquals(started, { refused: "denied", why: "Not today" });
    assertEquals([bench.tickets, bench.heard], [[], []]);
  });
}

Deno.test("a player that waits is told why it is kicked, and closed then", async () => {
  const bench = new GateBench();
  const kicks: string[] = [];
  const guest = await kickable(bench, kicks);
  const ticket = granted(await guest.play({ name: "live/cam" }));
  const found = ticket.stream({ waitMs: 10_000 });
  assertEquals(bench.tickets, ["play live/cam waiting"]);
  ticket.kick("Not today");
  const close = { clean: false, reason: "kicked", message: "Not today" };
  assertEquals(await found, { refused: "denied", why: "Not today", close });
  assertEquals([kicks, bench.tickets, bench.hub.streams, bench.clock.pending], [[], [], [], 0]);
});

Deno.test("a player waits for its stream as long as it is said, and counts as absent then", async () => {
  const bench = new GateBench();
  const guest = await bench.entered();
  const ticket = granted(await guest.play({ name: "live/cam" }));
  const waits: string[] = [];
  const found = ticket.stream({ waitMs: 3000, onWait: () => waits.push("waits") });
  await bench.clock.turnSlowly(2999);
  assertEquals([bench.tickets, waits], [["play live/cam waiting"], ["waits"]]);
  await bench.clock.turnSlowly(1);
  assertEquals(await found, { refused: "absent", why: "There is no stream live/cam" });
  assertEquals([bench.tickets, bench.gate.counts.absent], [["play live/cam granted"], 1]);
  // It may ask again, and finds what has come meanwhile.
  const again = ticket.stream({ waitMs: 3000 });
  await bench.publisher(guest);
  assertEquals(granted(await again).name, "live/cam");
  assertEquals(
    granted(await ticket.stream({ waitMs: 0, onWait: () => waits.push("no") })).isLive,
    true,
  );
  assertEquals([waits.length, bench.clock.pending], [1, 0]);
});

Deno.test("a ticket that is ended while it waits waits no longer, and is not counted as absent", async () => {
  const bench = new GateBench();
  const ticket = granted(await (await bench.entered()).play({ name: "live/cam" }));
  const found = ticket.stream({ waitMs: 10_000 });
  ticket.end();
  assertEquals(kindOf(await found), "absent");
  assertEquals(kindOf(await ticket.stream({ waitMs: 10_000 })), "absent", "nor does it again");
  assertEquals([bench.gate.counts.absent, bench.hub.streams, bench.clock.pending], [0, [], 0]);
  // Its publisher comes at that very moment.
  const other = granted(await (await bench.entered()).play({ name: "live/cam" }));
  const late = other.stream({ waitMs: 10_000 });
  granted(
    granted(await (await bench.entered()).publish({ name: "live/cam" })).start({
      onEnded: () => {},
    }),
  );
  other.end();
  assertEquals(kindOf(await late), "absent");
});

Deno.test("what the hub refuses keeps its kind and its cause", async () => {
  const bench = new GateBench({ hub: { maxStreams: 1, maxWaitedNames: 1 } });
  const [guest, other] = [await bench.entered(), await bench.entered()];
  (await bench.publisher(guest, { name: "live/a" })).write(UNIT);
  const publish = async (name: string) => {
    const ticket = granted(await other.publish({ name }));
    const answer = ticket.start({ onEnded: () => {} });
    ticket.end(END);
    return "refused" in answer ? [answer.refused, answer.cause?.code] : ["granted"];
  };
  assertEquals(await publish("live/a"), ["taken", "name-taken"]);
  assertEquals(await publish("live/b"), ["full", "too-many-streams"]);
  const wait = async (name: string) => {
    const answer = await granted(await other.play({ name })).stream({ waitMs: 1000 });
    return "refused" in answer ? [answer.refused, answer.cause?.code] : ["granted"];
  };
  const first = wait("live/c");
  await settled();
  assertEquals(await wait("live/d"), ["full", "too-many-waited"]);
  await bench.clock.turnSlowly(1000);
  assertEquals(await first, ["absent", undefined]);
  bench.hub.close();
  assertEquals(await publish("live/e"), ["absent", "closed"]);
  assertEquals(await wait("live/e"), ["absent", "closed"]);
  const { taken, full, absent } = bench.gate.counts;
  assertEquals({ taken, full, absent }, { taken: 1, full: 3, absent: 2 });
});

Deno.test("a hub that closes ends its publishers as stopped", async () => {
  const bench = new GateBench();
  const ends: ConnectionEnd[] = [];
  await bench.publisher(await bench.entered(), { ends });
  bench.hub.close();
  assertEquals(ends.map(({ reason }) => reason), ["stopped"]);
  assertEquals(bench.heard, ["publish live/cam", "unpublish live/cam: stopped"]);
});

Deno.test("a connection that leaves ends what it has not begun, and leaves to its door what it has", async () => {
  const bench = new GateBench();
  const guest = await bench.entered();
  const unused = granted(await guest.publish({ name: "live/b" }));
  const waiting = granted(await guest.play({ name: "live/c" })).stream({ waitMs: 10_000 });
  const live = await bench.publisher(guest, { name: "live/a" });
  const player = await bench.player(guest, { name: "live/a" });
  guest.leave(END);
  assertEquals(bench.tickets, ["publish live/a live", "play live/a live"]);
  assertEquals([kindOf(await waiting), unused.info.state], ["absent", "ended"]);
  assertEquals(kindOf(unused.start({ onEnded: () => {} })), "absent");
  player.end();
  live.end(END);
  assertEquals(bench.heard, [
    "publish live/a",
    "play live/a",
    "disconnect 1: closed",
    "stop live/a",
    "unpublish live/a: closed",
  ]);
  assertEquals([bench.tickets, bench.hub.streams, bench.clock.pending], [[], [], 0]);
});

Deno.test("answers that come after a connection has left grant nothing, and nobody else is asked", async () => {
  const answers: ((allowed: { allow: "anonymous" }) => void)[] = [];
  const asked: string[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: () => new Promise((resolve) => answers.push(resolve)),
      onPublish: () => void asked.push("publish"),
      onPlay: () => void asked.push("play"),
    },
  });
  const guest = await bench.entered();
  const asking = [guest.publish({ name: "live/a" }), guest.play({ name: "live/a" })] as const;
  await settled();
  // Both happen in one turn: the answers come first.
  for (const answer of answers) answer({ allow: "anonymous" });
  guest.leave(END);
  for (const answer of await Promise.all(asking)) assertEquals(kindOf(answer), "absent");
  for (const answer of [guest.publish({ name: "a" }), guest.play({ name: "a" }), guest.enter()]) {
    assertEquals(kindOf(await answer), "absent", "nor does it get anything later");
  }
  assertEquals([asked, answers.length, bench.tickets], [[], 2, []]);
  assertEquals([bench.gate.counts.absent, bench.clock.pending], [0, 0], "nobody was refused");
});

Deno.test("whenever a connection leaves, nobody is asked about it from then on, and it has nothing", async () => {
  for (const action of ["publish", "play"] as const) {
    for (let turns = 0; turns < 40; turns++) {
      const bench: GateBench = new GateBench({
        hooks: {
          authenticate: () => {
            bench.heard.push("authenticate");
            return { allow: { user: "alice" } };
          },
          onPublish: () => void bench.heard.push("ask"),
          onPlay: () => void bench.heard.push("ask"),
        },
      });
      const guest = await bench.entered();
      const answering = guest[action]({ name: "live/cam", credentials: password("alice", "x") });
      for (let turn = 0; turn < turns; turn++) await null;
      guest.leave(END);
      const answer = await answering;
      assertEquals(bench.heard.at(-1), "disconnect 1: closed", `${turns} turns later`);
      // What nobody has answered may have been a guess, what nobody was asked about was none.
      if (!bench.heard.includes("authenticate")) assertEquals(bench.clock.pending, 0);
      bench.clock.turn(1000);
      assertEquals([bench.tickets, bench.clock.pending], [[], 0]);
      assert(turns < 39 || kindOf(answer) === "granted");
    }
  }
});

Deno.test("a hook may end the connection that it is asked about, which gets nothing then", async () => {
  for (const action of ["publish", "play"] as const) {
    const leave = (): void => guest.leave(END);
    const bench = new GateBench({ hooks: { onPublish: leave, onPlay: leave } });
    const guest = await bench.entered();
    assertEquals(kindOf(await guest[action]({ name: "live/cam" })), "absent");
    assertEquals(bench.tickets, []);
  }
});

Deno.test("a connection that has left while onConnect thinks is not let in by its answer", async () => {
  const answer = Promise.withResolvers<void>();
  const bench = new GateBench({ hooks: { onConnect: () => answer.promise } });
  const guest = bench.guest();
  const entering = guest.enter();
  guest.leave(END);
  answer.resolve();
  assertEquals(kindOf(await entering), "absent");
  assertEquals(bench.heard, ["disconnect 1: closed"], "its end is told");
});

Deno.test("a publisher that its own start hook sends away is refused, and not told of it twice", async () => {
  const bench: GateBench = new GateBench({
    hooks: {
      onPublishStart: ({ name }) => {
        bench.heard.push(`publish ${name}`);
        for (const ticket of bench.gate.tickets.values()) ticket.kick("Not today");
      },
    },
  });
  const ticket = granted(await (await bench.entered()).publish({ name: "live/cam" }));
  const told: unknown[] = [];
  const started = ticket.start({ onEnded: (end) => void told.push(end) });
  assertEquals(started, { refused: "denied", why: "Not today" });
  assertEquals([told, bench.tickets, bench.hub.streams], [[], [], []]);
  assertEquals(bench.heard, ["publish live/cam", "unpublish live/cam: kicked"]);
});

Deno.test("a publisher that is sent away as it takes a stream over holds no name", async () => {
  const bench: GateBench = new GateBench({
    hub: { conflict: "takeover" },
    hooks: { onPublishEnd: () => next.kick("Not you either") },
  });
  await bench.publisher(await bench.entered());
  const next = granted(await (await bench.entered()).publish({ name: "live/cam" }));
  assertEquals(next.start({ onEnded: () => {} }), { refused: "denied", why: "Not you either" });
  assertEquals([bench.tickets, bench.hub.get("live/cam")?.isLive ?? false], [[], false]);
  assertEquals(bench.heard, ["publish live/cam"], "it has never begun");
});

Deno.test("a publisher that loses its name to a third as it takes it over is refused as taken", async () => {
  let third: PublishTicket | undefined;
  const bench: GateBench = new GateBench({
    hub: { conflict: "takeover" },
    hooks: {
      onPublishEnd: () => {
        const ticket = third;
        third = undefined;
        if (ticket !== undefined) granted(ticket.start({ onEnded: () => {} }));
      },
    },
  });
  const guest = await bench.entered();
  await bench.publisher(guest);
  third = granted(await guest.publish({ name: "live/cam" }));
  const second = granted(await guest.publish({ name: "live/cam" }));
  assertEquals(kindOf(second.start({ onEnded: () => {} })), "taken");
  assertEquals(bench.tickets, ["publish live/cam live"]);
  assertEquals(bench.heard, ["publish live/cam", "publish live/cam"]);
});

Deno.test("a player that its own start hook sends away is told, and knows that it has not begun", async () => {
  const bench: GateBench = new GateBench({
    hooks: { onPlayStart: () => void bench.gate.kick(1, "Not today") },
  });
  const ticket = granted(await (await bench.entered()).play({ name: "live/cam" }));
  const told: string[] = [];
  assertEquals(ticket.start({ onEnded: ({ message }) => void told.push(message) }), false);
  assertEquals([told, bench.tickets, bench.heard], [["Not today"], [], ["stop live/cam"]]);
});

Deno.test("a connection that asks on and uses nothing has 64 tickets, the newest, and those that wait", async () => {
  const bench = new GateBench();
  const guest = await bench.entered();
  const waiting = granted(await guest.play({ name: "live/wait" }));
  const found = waiting.stream({ waitMs: 10_000 });
  await bench.publisher(guest, { name: "live/live" });
  for (let number = 0; number < 200; number++) await guest.publish({ name: `live/${number}` });
  assertEquals(bench.tickets.length, 65);
  assertEquals(bench.tickets.at(-1), "publish live/199 granted");
  assertEquals(bench.tickets.slice(0, 2), ["play live/wait waiting", "publish live/live live"]);
  waiting.end();
  await found;
  guest.leave(END);
  assertEquals(bench.tickets, ["publish live/live live"]);
});

Deno.test("tickets and guests are listed by numbers that are their own", async () => {
  const bench = new GateBench();
  const [first, second] = [await bench.entered(), await bench.entered({ protocol: "rtsp" })];
  await bench.publisher(first);
  await bench.player(second);
  assertEquals([...bench.gate.guests.keys()], [first.id, second.id]);
  for (const [number, { info }] of bench.gate.tickets) assertEquals(info.id, number);
  assertEquals(
    Array.from(bench.gate.tickets.values(), ({ info }) => [info.connection, info.protocol]),
    [[first.id, "rtmp"], [second.id, "rtsp"]],
  );
  assertEquals(bench.gate.kick(99, "Nobody"), false);
  assert(first.id !== second.id);
});
