import { assertEquals, assertThrows } from "@std/assert";
import {
  HubError,
  type HubEvents,
  type HubOptions,
  type MediaUnit,
  type Publication,
  type Stream,
} from "../../src/hub/mod.ts";
import { nameOf, unit } from "./hub_support.ts";
import { TurnedClock } from "../support/turned_clock.ts";
import { Hub } from "../../src/hub/mod.ts";

/** A hub, and what a tap of `live/cam` sees, as `name@milliseconds`. */
function stage(options: Omit<HubOptions, "clock">, events: HubEvents = {}) {
  const clock = new TurnedClock();
  const told: string[] = [];
  const hub = new Hub({ clock, ...options }, {
    onFallbackDue: () => void told.push("fallback due"),
    onHeldEarly: (_stream, heldMs) => void told.push(`early after ${heldMs}`),
    onStreamStart: ({ publication }) =>
      void told.push(publication?.isFallback === true ? "start fallback" : "start"),
    onStreamLeft: () => void told.push("left"),
    onStreamEnd: (_stream, reason) => void told.push(`end ${reason}`),
    ...events,
  });
  const seen: string[] = [];
  const stream = hub.stream("live/cam");
  const take = (of: MediaUnit): void => void seen.push(`${nameOf(of)}@${of.dtsUs / 1000}`);
  const read = (): () => void => stream.tap(take, () => void seen.push("end"));
  return { clock, hub, stream, told, seen, read };
}

function write(publication: Publication, names: string, dtsMs = 0): void {
  for (const [at, name] of names.split(" ").entries()) {
    publication.write(unit(name, { dtsMs: dtsMs + at * 40 }));
  }
  publication.commit();
}

/** What happened since it was looked last. */
function taken(list: string[]): string {
  return list.splice(0).join(" ");
}

const FALLBACK = { isFallback: true } as const;

Deno.test("a delay holds what is published back for so long, and no unit is lost or out of order", () => {
  const { clock, stream, seen, told, read } = stage({ delayMs: 1000 });
  read();
  const publisher = stream.publish();
  write(publisher, "V1 A1 K1 a1 p2");
  clock.turn(500);
  write(publisher, "a2 p3", 200);
  assertEquals([taken(seen), stream.isLive, taken(told)], ["", false, ""]);
  assertEquals(stream.statistics.held?.ms, 500);
  clock.turn(499);
  assertEquals(taken(seen), "");
  clock.turn(1);
  assertEquals(taken(seen), "V1@0 A1@40 K1@80 a1@120 p2@160");
  assertEquals([stream.isLive, taken(told)], [true, "start"]);
  clock.turn(500);
  assertEquals([taken(seen), stream.statistics.held], ["a2@200 p3@240", undefined]);
  assertEquals(stream.heldBytes > 0, true);
});

Deno.test("what is fetched from where it was held back is not held back again, and goes out behind what is", () => {
  const { clock, stream, seen, read } = stage({ delayMs: 1000, lingerMs: 2000 });
  read();
  const fetched = stream.publish({ via: "edge-1" });
  write(fetched, "K1 p1");
  assertEquals([taken(seen), stream.statistics.held], ["K1@0 p1@40", undefined]);
  fetched.release();
  const publisher = stream.publish();
  write(publisher, "K2", 80);
  publisher.release();
  clock.turn(900);
  const again = stream.publish({ via: "edge-2" });
  write(again, "K3 p3", 200);
  assertEquals(taken(seen), "");
  clock.turn(100);
  assertEquals(taken(seen).replaceAll(/@\d+/g, ""), "K2 K3 p3");
  write(again, "p4", 400);
  assertEquals([taken(seen).slice(0, 2), stream.statistics.held], ["p4", undefined]);
});

Deno.test("a publisher that ends by itself is played out, and the stream then lingers", () => {
  const { clock, stream, seen, told, read } = stage({ delayMs: 1000, lingerMs: 2000 });
  read();
  const publisher = stream.publish();
  write(publisher, "K1");
  clock.turn(900);
  write(publisher, "p2", 40);
  publisher.release();
  assertEquals(stream.publisher, undefined);
  clock.turn(100);
  assertEquals([taken(seen), taken(told)], ["K1@0", "start"]);
  clock.turn(900);
  assertEquals([taken(seen), taken(told)], ["p2@40", "left"]);
  clock.turn(2000);
  assertEquals([taken(seen), taken(told)], ["end", "end unpublished"]);
});

Deno.test("who is sent away while it is held back was never seen, nor what had not gone out yet", () => {
  const { clock, hub, stream, seen, told, read } = stage({ delayMs: 1000 });
  read();
  const first = stream.publish();
  write(first, "K1");
  clock.turn(999);
  assertEquals(stream.unpublish("Not that"), true);
  clock.turn(5000);
  assertEquals([taken(seen), taken(told)], ["", "left"]);
  const second = stream.publish();
  write(second, "K2");
  clock.turn(600);
  write(second, "p3", 40);
  clock.turn(400);
  assertEquals(taken(seen), "K2@0");
  second.drop();
  clock.turn(20_000);
  assertEquals(taken(seen), "end");
  assertEquals([hub.heldBytes, clock.pending], [0, 0]);
});

Deno.test("a takeover follows on what is held of the one before, with its own headers", () => {
  const { clock, stream, seen, told, read } = stage({ delayMs: 1000, conflict: "takeover" });
  read();
  const first = stream.publish();
  write(first, "V1 K1 p2");
  clock.turn(500);
  const second = stream.publish();
  assertEquals(first.isActive, false);
  write(second, "V2 K5");
  clock.turn(500);
  assertEquals(taken(seen), "V1@0 K1@40 p2@80");
  clock.turn(500);
  assertEquals(taken(seen), "V2@80 K5@580");
  assertEquals(taken(told), "start start");
});

Deno.test("over its bound the oldest go out early, which is told once a spell", () => {
  const { clock, stream, seen, told, read } = stage({ delayMs: 10_000, maxDelayBytes: 3000 });
  read();
  const publisher = stream.publish();
  for (let at = 0; at < 8; at++) {
    publisher.write(unit(at === 0 ? "K0" : `p${at}`, { dtsMs: at * 40, bytes: 500 }));
    clock.turn(40);
  }
  assertEquals(taken(seen), "K0@0 p1@40 p2@80 p3@120 p4@160");
  assertEquals(taken(told), "start early after 120");
  assertEquals(stream.statistics.held!.bytes <= 3000, true);
});

Deno.test("what is held can be dropped while the publisher goes on: it is seen again from a key frame on", () => {
  const { clock, stream, seen, read } = stage({ delayMs: 1000 });
  read();
  const publisher = stream.publish();
  write(publisher, "V1 K1 p2");
  clock.turn(1000);
  assertEquals(taken(seen), "V1@0 K1@40 p2@80");
  // The headers that were dropped are needed all the same.
  write(publisher, "V2 K3 p4", 2000);
  assertEquals(stream.dropHeld(), 3);
  assertEquals([stream.isLive, stream.publisher === publisher], [false, true]);
  write(publisher, "p5 K6 p7", 3000);
  clock.turn(1000);
  assertEquals(taken(seen).replaceAll(/@\d+/g, ""), "V2 K6 p7");
  assertEquals([stream.isLive, stream.dropHeld()], [true, 0]);
});

Deno.test("a delay that is taken back lets all out at once", () => {
  const { clock, hub, stream, seen, read } = stage({ delayMs: 60_000 });
  read();
  const publisher = stream.publish();
  write(publisher, "K1 p2");
  clock.turn(10);
  hub.configure({ delayMs: 0 });
  write(publisher, "p3", 80);
  assertEquals(taken(seen), "K1@0 p2@40 p3@80");
});

Deno.test("a fallback is asked for at the publisher's end, and gives way to the next at its first key frame", () => {
  const { clock, stream, seen, told, read } = stage({ fallback: "live/slate" });
  read();
  const publisher = stream.publish();
  write(publisher, "V1 K1 p2");
  clock.turn(100);
  publisher.release();
  assertEquals(taken(told), "start left fallback due");
  const slate = stream.publish(FALLBACK);
  write(slate, "VS KS", 5000);
  assertEquals([stream.isLive, stream.publisher], [true, undefined]);
  assertEquals(taken(seen), "V1@0 K1@40 p2@80 VS@80 KS@180");
  clock.turn(1000);
  // The next one is a publisher for the conflict policy from its start on, and seen from its key frame on.
  const next = stream.publish({ conflict: "reject" });
  write(next, "V2", 70);
  write(next, "p9", 80);
  write(slate, "pS", 6000);
  assertEquals(taken(seen), "pS@1140");
  assertEquals(stream.statistics.fallback !== undefined, true);
  assertThrows(() => stream.publish({ conflict: "reject" }), HubError, "has a publisher");
  clock.turn(40);
  write(next, "K3 p4", 90);
  assertEquals(taken(seen), "V2@1140 K3@1180 p4@1220");
  assertEquals([slate.isActive, stream.publication === next], [false, true]);
  assertEquals(stream.statistics.fallback, undefined);
});

Deno.test("a publisher that hangs gives way to the fallback, keeps the name, and is seen again when it speaks", () => {
  const { clock, stream, seen, told, read } = stage({
    fallback: "live/slate",
    fallbackAfterMs: 1000,
  });
  read();
  const publisher = stream.publish();
  write(publisher, "V1 K1 p2");
  clock.turn(999);
  assertEquals(taken(told), "start");
  assertThrows(() => stream.publish(FALLBACK), HubError);
  clock.turn(1);
  assertEquals(taken(told), "fallback due");
  const slate = stream.publish(FALLBACK);
  write(slate, "VS KS");
  assertEquals(stream.publisher === publisher, true);
  assertEquals(taken(seen), "V1@0 K1@40 p2@80 VS@80 KS@1080");
  clock.turn(100);
  // Its pictures depend on some that nobody has.
  write(publisher, "p3", 1200);
  assertEquals(taken(seen), "");
  write(publisher, "K4 p5", 1240);
  assertEquals(taken(seen), "V1@1080 K4@1180 p5@1220");
  assertEquals([slate.isActive, publisher.isActive], [false, true]);
  // Silence is looked for again.
  clock.turn(1000);
  assertEquals(taken(told), "start fallback start fallback due");
});

Deno.test("a fallback is there for players before any publisher, and ends a moment after the last has gone", () => {
  const { clock, hub, stream, told, read } = stage({ fallback: "live/slate" });
  const unwatch = stream.watch(() => {});
  assertEquals(taken(told), "fallback due");
  const ends: string[] = [];
  const slate = stream.publish({ ...FALLBACK, onEnded: (reason) => void ends.push(reason) });
  write(slate, "KS");
  unwatch();
  const leave = read();
  clock.turn(10_000);
  assertEquals(slate.isActive, true);
  leave();
  clock.turn(2999);
  assertEquals(slate.isActive, true);
  clock.turn(1);
  assertEquals([slate.isActive, ends, hub.streams, clock.pending], [false, ["unwanted"], [], 0]);
  assertEquals(taken(told), "start fallback end unpublished");
});

Deno.test("to unpublish a stream ends its publisher first, and else its fallback", () => {
  const { clock, stream, told, read } = stage({ fallback: "live/slate", fallbackAfterMs: 100 });
  read();
  const publisher = stream.publish();
  write(publisher, "K1");
  clock.turn(100);
  const slate = stream.publish(FALLBACK);
  write(slate, "KS");
  assertEquals(stream.unpublish("Go"), true);
  assertEquals([publisher.isActive, slate.isActive, stream.isLive], [false, true, true]);
  taken(told);
  assertEquals(stream.unpublish("Go"), true);
  assertEquals([slate.isActive, stream.isLive, taken(told)], [false, false, "left fallback due"]);
  assertEquals(stream.unpublish("Go"), false);
});

Deno.test("a delayed publisher that is sent away leaves its players to the fallback at once", () => {
  const { clock, stream, seen, told, read } = stage({ fallback: "live/slate", delayMs: 1000 });
  read();
  const publisher = stream.publish();
  assertEquals(taken(told), "");
  write(publisher, "K1");
  clock.turn(1000);
  for (let at = 1; at < 20; at++) {
    write(publisher, `p${at}`, at * 40);
    clock.turn(40);
  }
  assertEquals(taken(seen), "K1@0");
  taken(told);
  publisher.drop();
  assertEquals(taken(told), "left fallback due");
  const slate: Publication<Stream> = stream.publish(FALLBACK);
  write(slate, "KS");
  clock.turn(1000);
  // What the fallback shows is not held back, and nothing of the publisher comes any more.
  assertEquals(taken(seen), "KS@760");
});

Deno.test("whoever comes to a publisher that hangs gets the fallback, though nobody wanted it before", () => {
  const { clock, stream, told, read } = stage({ fallback: "live/slate", fallbackAfterMs: 1000 });
  const publisher = stream.publish();
  write(publisher, "K1");
  clock.turn(5500);
  assertEquals(taken(told), "start");
  read();
  clock.turn(1000);
  assertEquals(taken(told), "fallback due");
});
