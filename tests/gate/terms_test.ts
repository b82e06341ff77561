/** What the desk says beside yes and no: for how long, by which name, how much, and who hears of it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type {
  AuthenticationAnswer,
  AuthenticationRequest,
  ConnectionEnd,
  RefusedInfo,
} from "../../src/gate/mod.ts";
import { AddressRanges } from "../../src/gate/mod.ts";
import { settled } from "../support/turned_clock.ts";
import { GateBench, granted, kindOf, password, PRIVATE, PUBLIC, UNIT } from "./gate_bench.ts";

/** A gate whose `authenticate` answers that. */
function answering(answer: (request: AuthenticationRequest) => unknown): GateBench {
  return new GateBench({
    hooks: { authenticate: answer as (request: AuthenticationRequest) => AuthenticationAnswer },
  });
}

const SOON = () => ({ allow: { user: "ann" }, expiresInMs: 5000 });

Deno.test("a publisher and a player whose permission ends are told so at that moment, not before", async () => {
  const bench = answering(SOON);
  const guest = await bench.entered();
  const ends: ConnectionEnd[] = [];
  const publisher = await bench.publisher(guest, { ends });
  await bench.player(guest, { ends });
  await bench.clock.turnSlowly(4999);
  assertEquals([ends, bench.tickets.length], [[], 2]);
  await bench.clock.turnSlowly(1);
  const end = { clean: false, reason: "expired", message: "The permission has expired" };
  assertEquals(ends, [end, end]);
  assertEquals([bench.tickets, bench.gate.counts.expired, bench.clock.pending], [[], 2, 0]);
  assertEquals(publisher.write(UNIT), false);
});

Deno.test("who waits, or has not begun, when the permission ends gets nothing, and its connection goes on", async () => {
  const bench = answering(SOON);
  const guest = await bench.entered();
  const kicks: string[] = [];
  guest.onKick = (why) => kicks.push(why);
  const announced = granted(await guest.publish({ name: "live/a" }));
  const described = granted(await guest.play({ name: "live/b" }));
  const found = granted(await guest.play({ name: "live/c" })).stream({ waitMs: 10_000 });
  await bench.clock.turnSlowly(5000);
  const answer = await found;
  assert("refused" in answer);
  assertEquals([answer.refused, answer.close?.reason], ["denied", "expired"]);
  assertEquals(announced.start({ onEnded: () => {} }), {
    refused: "denied",
    why: "The permission has expired",
  });
  assertEquals(described.start({ onEnded: () => {} }), false);
  assertEquals([bench.tickets, kicks, bench.gate.counts.expired], [[], [], 3]);
});

Deno.test("a permission that is longer than any timer holds as long as it says", async () => {
  const days = 40 * 86_400_000;
  const bench = answering(() => ({ allow: "anonymous", expiresInMs: days }));
  await bench.player(await bench.entered());
  bench.clock.turn(days - 1);
  await settled();
  assertEquals(bench.tickets.length, 1);
  bench.clock.turn(1);
  assertEquals([bench.tickets, bench.clock.pending], [[], 0]);
});

Deno.test("a permission that has ended before it began, or for a time that is none, lets nobody in", async () => {
  for (const expiresInMs of [0, -1, NaN, "5000", null]) {
    const bench = answering(() => ({ allow: "anonymous", expiresInMs }));
    const guest = await bench.entered();
    assertEquals(kindOf(await guest.play({ name: "a" })), "denied", `${expiresInMs}`);
  }
  const bench = answering(() => ({ allow: "anonymous", expiresInMs: Infinity }));
  assertEquals(kindOf(await (await bench.entered()).play({ name: "a" })), "granted");
  assertEquals(bench.clock.pending, 0);
});

Deno.test("a stream that was asked for by a secret is known by its public name alone", async () => {
  const asked: string[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: ({ name }) => ({
        allow: { user: "k" },
        name: name === "live/S3" ? "live/cam" : name,
      }),
      onPublish: ({ name }) => void asked.push(name),
    },
  });
  const ticket = await bench.publisher(await bench.entered(), { name: "live/S3" });
  assertEquals([ticket.info.stream, ticket.request.name, ticket.askedName], [
    "live/cam",
    "live/cam",
    "live/S3",
  ]);
  assertEquals([asked, bench.heard, bench.hub.get("live/S3")], [
    ["live/cam"],
    ["publish live/cam"],
    undefined,
  ]);
  assert(!JSON.stringify([bench.log.lines, ticket.info]).includes("S3"));
});

Deno.test("a public name that cannot be one lets nobody in", async () => {
  for (const name of ["", "../etc", 7, null, "a//b"]) {
    const bench = answering(() => ({ allow: "anonymous", name }));
    assertEquals(kindOf(await (await bench.entered()).publish({ name: "a" })), "denied", `${name}`);
  }
});

Deno.test("names that may be guesses of a secret count as wrong credentials, and slow their address", async () => {
  const bench = answering(({ name }) =>
    name === "live/right"
      ? { allow: "anonymous" }
      : { refuse: "No such key", isGuess: true, hidesName: true }
  );
  const refused: RefusedInfo[] = [];
  bench.gate.observe({ onRefused: (info) => void refused.push(info) });
  const guest = await bench.entered();
  for (let n = 0; n < 3; n++) {
    const answer = await guest.publish({ name: `live/wrong${n}` });
    assert("refused" in answer);
    assertEquals(
      [answer.hidesName, answer.close?.reason],
      n < 2 ? [true, undefined] : [undefined, "wrong-credentials"],
    );
  }
  assertEquals(bench.gate.counts.wrongCredentials, 3);
  assertEquals(refused.slice(0, 2).map(({ name, action, refused }) => [name, action, refused]), [
    ["", "publish", "denied"],
    ["", "publish", "denied"],
  ]);
  const other = await bench.entered();
  for (let n = 0; n < 2; n++) await other.publish({ name: "live/wrong" });
  // Five were wrong: who is right waits its turn too, and who comes from elsewhere does not.
  let answered = false;
  const waiting = (await bench.entered()).publish({ name: "live/right" }).then((answer) => {
    answered = true;
    return answer;
  });
  await settled();
  assertEquals(answered, false);
  const elsewhere = await bench.entered({ remoteAddress: PRIVATE });
  assertEquals(kindOf(await elsewhere.publish({ name: "live/right" })), "granted");
  await bench.clock.turnSlowly(1000);
  assertEquals(kindOf(await waiting), "granted");
});

Deno.test("right credentials for what is not allowed are no guess", async () => {
  const bench = answering(() => ({ refuse: "Not there", isGuess: false }));
  const guest = await bench.entered();
  for (let n = 0; n < 10; n++) {
    const answer = await guest.publish({ name: "a", credentials: password("ann", "right") });
    assertEquals(kindOf(answer), "denied");
    assert("refused" in answer && answer.close === undefined);
  }
  assertEquals(bench.gate.counts.wrongCredentials, 0);
});

Deno.test("the API is for who has proved to be somebody alone", async () => {
  const ask = { name: "", credentials: password("ann", "x") };
  const anonymous = await answering(() => ({ allow: "anonymous" })).entered();
  assertEquals(kindOf(await anonymous.prove("api", ask)), "challenge");
  const ann = await answering(({ action, name }) => ({ allow: { user: `${action} ${name}` } }))
    .entered();
  assertEquals(await ann.prove("api", ask), { granted: "api " });
  assertEquals(kindOf(await (await new GateBench().entered()).prove("api", ask)), "denied");
});

Deno.test("a stream has as many players as it may, and no more", async () => {
  const bench = new GateBench({ limits: { maxPlayersPerStream: 2 } });
  const guest = await bench.entered();
  const [first] = [await bench.player(guest), await bench.player(guest)];
  const third = await guest.play({ name: "live/cam" });
  assert("refused" in third);
  assertEquals([third.refused, third.why], [
    "full",
    "The stream live/cam has 2 players, as many as it may",
  ]);
  assertEquals(kindOf(await guest.play({ name: "live/other" })), "granted");
  assertEquals(kindOf(await bench.gate.own("record").play({ name: "live/cam" })), "granted");
  first.end();
  assertEquals(kindOf(await guest.play({ name: "live/cam" })), "granted");
  assertEquals(bench.gate.counts.full, 1);
});

Deno.test("a user publishes as many streams as it may, and may come back to those it has", async () => {
  const bench = new GateBench({
    limits: { maxPublishersPerUser: 1 },
    hooks: { authenticate: ({ query }) => ({ allow: { user: query.get("u") ?? "ann" } }) },
  });
  const guest = await bench.entered();
  await bench.publisher(guest, { name: "a" });
  assertEquals(kindOf(await guest.publish({ name: "b" })), "full");
  assertEquals(
    kindOf(await guest.publish({ name: "b", query: new URLSearchParams("u=bob") })),
    "granted",
  );
  await bench.publisher(await bench.entered(), { name: "a" });
  assertEquals(bench.heard.slice(-3), ["publish a", "unpublish a: replaced", "publish a"]);
});

Deno.test("a publisher that is over its bitrate for 10 s is closed in words, and one that has peaks is not", async () => {
  const limitBps = 8 * (UNIT.payload.format === "flv" ? UNIT.payload.body.length : 0) * 10;
  for (const [perSecond, isClosed] of [[10, false], [11, true]] as const) {
    const bench = new GateBench({ limits: { maxPublisherBitrateBps: limitBps } });
    const ends: ConnectionEnd[] = [];
    const ticket = await bench.publisher(await bench.entered(), { ends });
    for (let second = 0; second < 20 && ends.length === 0; second += 5) {
      // All of five seconds at once: a peak.
      for (let n = 0; n < perSecond * 5; n++) ticket.write(UNIT);
      await bench.clock.turnSlowly(5000);
    }
    assertEquals(ends.map(({ reason }) => reason), isClosed ? ["bitrate"] : []);
    if (!isClosed) continue;
    assertStringIncludes(ends[0]!.message, `over ${limitBps} bits a second`);
    assertEquals([bench.clock.now(), bench.gate.counts.bitrate], [10_000, 1]);
  }
});

Deno.test("a player that is sent more than it may have is closed, by the terms of its stream", async () => {
  const bench = new GateBench({
    limits: { maxPlayerBitrateBps: 1e9 },
    termsOf: (name) => name === "live/small" ? { maxPlayerBitrateBps: 8000 } : {},
  });
  const guest = await bench.entered();
  const ends: ConnectionEnd[] = [];
  const start = () => ({
    bytes: () => bench.clock.now() * 1.1,
    onEnded: (end: ConnectionEnd) => void ends.push(end),
  });
  for (const name of ["live/small", "live/large"]) {
    granted(await guest.play({ name })).start(start());
  }
  await bench.clock.turnSlowly(30_000);
  assertEquals(ends, [{
    clean: false,
    reason: "bitrate",
    message: "The player is sent over 8000 bits a second, for 10 s",
  }]);
  assertEquals(bench.tickets, ["play live/large live"]);
});

Deno.test("addresses come in as their ranges say, and what is no address as if in none", () => {
  const denied = new AddressRanges([PUBLIC, "2001:db8::/32"]);
  const bench = new GateBench();
  const comes = (remoteAddress: string) =>
    kindOf(bench.gate.arrive({ protocol: "rtmp", remoteAddress }));
  bench.gate.addresses = { denied };
  const all = [PUBLIC, `::ffff:${PUBLIC}`, "2001:db8::1", PRIVATE, "a socket"];
  assertEquals(all.map(comes), ["denied", "denied", "denied", "granted", "granted"]);
  bench.gate.addresses = { allowed: new AddressRanges(["192.168.0.0/16", PUBLIC]), denied };
  assertEquals(all.map(comes), ["denied", "denied", "denied", "granted", "denied"]);
  assertEquals([bench.gate.counts.addresses, bench.gate.counts.connections], [7, 0]);
});

Deno.test("who observes the gate hears of who has come, and of each refusal once, and cannot break anything", async () => {
  const bench = new GateBench({
    hooks: {
      authenticate: ({ credentials }) =>
        credentials.kind === "none" ? { challenge: "Who?" } : { challenge: "Wrong" },
    },
  });
  const heard: string[] = [];
  const stop = bench.gate.observe({
    onEntered: ({ id }) => void heard.push(`entered ${id}`),
    onRefused: ({ action, name, refused, why }) => {
      heard.push(`${action} ${name} ${refused}: ${why}`);
      throw new Error("gone");
    },
    onDisconnect: ({ id }) => void heard.push(`left ${id}`),
  });
  const guest = await bench.entered();
  await guest.enter();
  await guest.play({ name: "a" });
  await guest.play({ name: "a", credentials: password("ann", "wrong") });
  const query = new URLSearchParams("user=ann&pass=wrong");
  await guest.play({ name: "b", query, credentials: { kind: "none" } });
  await guest.play({ name: "a//b" });
  guest.leave({ clean: true, reason: "closed", message: "" });
  stop();
  await bench.entered();
  assertEquals(heard, [
    "entered 1",
    "play a wrong-credentials: Wrong",
    "play b wrong-credentials: Wrong",
    "play  invalid: The stream name has an empty segment, number 2",
    "left 1",
  ]);
  assertEquals(bench.errors.length, 3);
});
