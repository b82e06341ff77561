import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Hub, HubError, hubSettings } from "../../src/hub/mod.ts";
import { fakeHub, MessageReader, read, takeAll, unit } from "./hub_support.ts";
import { TurnedClock } from "../support/turned_clock.ts";

Deno.test("a name has one stream while anybody publishes, reads or watches it", () => {
  const { hub } = fakeHub();
  assertEquals(hub.get("live/cam"), undefined);
  const stream = hub.stream("live/cam");
  assertStrictEquals(hub.stream("live/cam"), stream);
  assertStrictEquals(hub.get("live/cam"), stream);
  const publication = hub.acquire("live/cam");
  assertStrictEquals(publication.stream, stream);
  assertEquals(hub.streams, [stream]);
  publication.release();
  assertEquals(hub.get("live/cam"), undefined);
});

Deno.test("streams and readers are bounded", () => {
  const { hub } = fakeHub({ maxStreams: 2, maxReaders: 1 });
  const first = hub.acquire("live/1");
  hub.acquire("live/2");
  assertEquals(assertThrows(() => hub.acquire("live/3"), HubError).code, "too-many-streams");
  const reader = read(first.stream);
  assertEquals(assertThrows(() => read(first.stream), HubError).code, "too-many-readers");
  reader.close();
  read(first.stream).close();
  first.release();
  hub.acquire("live/3");
});

Deno.test("close ends all streams, tells everybody, and leaves neither stream nor timer (M085)", () => {
  const told: string[] = [];
  const { hub, clock } = fakeHub({ flush: 100 }, {
    onStreamEnd: ({ name }, reason) => told.push(`${name} ${reason}`),
  });
  const live = hub.acquire("live/1", { onEnded: (...why) => told.push(why.join(": ")) });
  read(live.stream, { onEnd: (reason) => told.push(`reader ${reason}`) });
  const gone = hub.acquire("live/2");
  read(gone.stream, { onEnd: (reason) => told.push(`lingering reader ${reason}`) });
  for (const publication of [live, gone]) {
    publication.write(unit("K0"));
    publication.commit();
  }
  gone.release();
  hub.stream("live/3").watch(() => told.push("never"));
  hub.close();
  hub.close();
  assertEquals(told, [
    "closed: The stream was closed",
    "live/1 closed",
    "reader closed",
    "live/2 closed",
    "lingering reader closed",
    "live/3 closed",
  ]);
  assertEquals([hub.streams.length, clock.pending], [0, 0]);
  assertEquals(live.write(unit("p1")), false);
  live.commit();
  live.release();
  assertEquals(assertThrows(() => hub.acquire("live/1"), HubError).code, "closed");
});

Deno.test("settings have defaults", () => {
  const clock = new TurnedClock();
  const { streamSettings, ...settings } = hubSettings({ clock, lingerMs: 0 });
  assertEquals(streamSettings("live/cam"), {});
  assertEquals(settings, {
    clock,
    flush: "frame",
    start: "gop",
    conflict: "same-identity",
    silentMs: 2000,
    lingerMs: 0,
    maxLagBytes: 8 * 1024 * 1024,
    maxLagMs: 4000,
    maxGopBytes: 32 * 1024 * 1024,
    maxHeldBytes: 1024 * 1024 * 1024,
    maxStreams: 10_000,
    maxWaitedNames: 10_000,
    maxReaders: 100_000,
    delayMs: 0,
    maxDelayBytes: 268435456,
    fallback: "",
    fallbackAfterMs: 2000,
  });
});

Deno.test("a stream has settings of its own, from when it is opened and from when the hub is configured", () => {
  const { hub, clock } = fakeHub({
    maxReaders: 5,
    streamSettings: (name) => name === "live/1" ? { maxReaders: 1, lingerMs: 100 } : {},
  });
  const [one, two] = [hub.acquire("live/1"), hub.acquire("live/2")];
  const reader = read(one.stream);
  assertEquals(assertThrows(() => read(one.stream), HubError).code, "too-many-readers");
  read(two.stream);
  read(two.stream);
  assertEquals([hub.settingsOf("live/1").maxReaders, hub.settings.maxReaders], [1, 5]);
  // Now it is the other way round: who reads stays, who comes is asked anew.
  hub.configure({ streamSettings: (name) => name === "live/2" ? { maxReaders: 1 } : {} });
  assertEquals(assertThrows(() => read(two.stream), HubError).code, "too-many-readers");
  assertEquals([one.stream.readerCount, two.stream.readerCount], [1, 2]);
  read(one.stream).close();
  assertEquals(one.stream.settings.lingerMs, 10_000);
  reader.close();
  assertThrows(() => hub.configure({ lingerMs: -1 }), RangeError);
  assertEquals(one.stream.settings.lingerMs, 10_000);
  hub.close();
  assertEquals(clock.pending, 0);
});

Deno.test("settings of a stream that cannot be had are told, and those of the hub hold", () => {
  const errors: unknown[] = [];
  const { hub } = fakeHub({
    lingerMs: 7,
    streamSettings: (name) => {
      if (name === "live/1") throw new Error("Broken");
      return { lingerMs: -1 };
    },
  }, { onError: (error) => errors.push(error) });
  for (const name of ["live/1", "live/2"]) {
    assertEquals(hub.acquire(name).stream.settings.lingerMs, 7);
  }
  assertEquals(errors.map(String).map((text) => text.slice(0, 10)), ["Error: Bro", "RangeError"]);
});

const COUNT = "a whole number from 0 on, or Infinity";
const TIMER = "from 0 to 2147483647";
const BAD_OPTIONS: readonly [option: string, rule: string, ...values: unknown[]][] = [
  ["flush", TIMER, -5, NaN, Infinity, 2 ** 31],
  ["silentMs", "at least 0", -1, NaN, "2000"],
  ["lingerMs", TIMER, -1, NaN, Infinity, null],
  ["maxLagBytes", COUNT, -1, NaN, 0.5, "8"],
  ["maxLagMs", "at least 0", -0.1, NaN],
  ["maxGopBytes", COUNT, -1, NaN, 1.5],
  ["maxHeldBytes", COUNT, -1, NaN, 1.5],
  ["maxStreams", COUNT, -1, NaN, 1.5],
  ["maxWaitedNames", COUNT, -1, NaN, 1.5],
  ["maxReaders", COUNT, -1, NaN, 1.5],
];

for (const [option, rule, ...values] of BAD_OPTIONS) {
  Deno.test(`a hub refuses ${option} that is not ${rule}, and says so`, () => {
    for (const value of values) {
      const error = assertThrows(
        () => new Hub({ clock: new TurnedClock(), [option]: value }),
        RangeError,
      );
      assertEquals(
        error.message,
        `Cannot make a hub as '${option}' must be ${rule}: current value is ${value}`,
      );
    }
  });
}

Deno.test("a hub refuses a policy that there is not, and says which there are", () => {
  const clock = new TurnedClock();
  const bad = { flush: "frames", start: "key", conflict: "" } as const;
  for (const [option, value] of Object.entries(bad)) {
    assertThrows(
      () => new Hub({ clock, [option]: value }),
      TypeError,
      `Cannot make a hub as '${option}' must be one of `,
    );
  }
  assertThrows(() => new Hub({ clock, start: 3 as never }), TypeError, "gop, key-frame, none");
});

Deno.test("a hub takes numbers at their bounds, and undefined for the default", () => {
  const clock = new TurnedClock();
  const settings = hubSettings({
    clock,
    flush: 0,
    maxStreams: Infinity,
    lingerMs: 2 ** 31 - 1,
    maxReaders: undefined as never,
  });
  assertEquals([settings.flush, settings.maxStreams, settings.maxReaders], [0, Infinity, 100_000]);
});

Deno.test("names that are waited for are counted apart: they keep no publisher out (threats: memory by count)", () => {
  const { hub, clock } = fakeHub({ maxStreams: 2, maxWaitedNames: 3, lingerMs: 1000 });
  const wait = (name: string): () => void => hub.stream(name).watch(() => {});
  const stop = ["live/a", "live/b", "live/c"].map(wait);
  const error = assertThrows(() => wait("live/d"), HubError);
  assertEquals([error.code, hub.streams.length], ["too-many-waited", 3]);
  assertEquals([hub.waitedCount, hub.publishedCount], [3, 0]);
  // Whether anybody waits for the name or not, it can be published.
  const first = hub.acquire("live/a");
  const second = hub.acquire("live/e");
  assertEquals([hub.waitedCount, hub.publishedCount], [2, 2]);
  for (const name of ["live/f", "live/b"]) {
    assertEquals(assertThrows(() => hub.acquire(name), HubError).code, "too-many-streams");
  }
  assertEquals(hub.get("live/f"), undefined, "who was refused leaves nothing behind");
  assert(hub.get("live/b") !== undefined, "who waits still waits");
  // A name that is published is waited for no more: another one can be.
  const late = wait("live/g");
  assertThrows(() => wait("live/h"), HubError);
  // While its readers wait for the publisher to return, the stream is one.
  const reader = read(second.stream);
  second.release();
  assertEquals([hub.waitedCount, hub.publishedCount], [3, 2]);
  assertThrows(() => hub.acquire("live/f"), HubError);
  hub.acquire("live/e").release();
  reader.close();
  assertEquals([hub.waitedCount, hub.publishedCount], [3, 1]);
  const third = hub.acquire("live/f");
  third.release();
  // Of one whose publisher has gone those remain who wait for the next.
  first.release();
  assertEquals([hub.waitedCount, hub.publishedCount], [4, 0]);
  for (const one of [...stop, late]) one();
  clock.turn(1000);
  assertEquals([hub.waitedCount, hub.publishedCount, hub.streams.length], [0, 0, 0]);
});

Deno.test("a publisher that takes over needs no stream more", () => {
  const { hub } = fakeHub({ maxStreams: 1, conflict: "takeover" });
  hub.acquire("live/cam");
  const publication = hub.acquire("live/cam");
  assertEquals(hub.publishedCount, 1);
  publication.release();
  assertEquals(hub.publishedCount, 0);
  hub.acquire("live/other");
});

const MIB = 1024 * 1024;

/** Publishes a key frame and pictures of 100 kB each, so many bytes together. */
function publishBytes(hub: Hub, name: string, bytes: number): void {
  const publication = hub.acquire(name);
  for (let sent = 0; sent < bytes; sent += 100_000) {
    publication.write(unit(sent === 0 ? "K" : "p", { bytes: 100_000 }));
  }
  publication.commit();
}

Deno.test("all streams together hold no more than they may: those that hold most let go (threats: global budgets)", () => {
  const shed: string[] = [];
  const { hub } = fakeHub({ maxHeldBytes: 40 * MIB }, {
    onStreamShed: ({ name }) => void shed.push(name),
  });
  publishBytes(hub, "live/small", MIB);
  const reader = read(hub.stream("live/small"));
  for (let number = 0; number < 30; number++) {
    publishBytes(hub, `live/large${number}`, 10 * MIB);
    assert(hub.heldBytes < 41 * MIB, `${hub.heldBytes} bytes`);
  }
  assert(shed.length > 20);
  assert(!shed.includes("live/small"), "who holds little keeps it");
  assertEquals(takeAll(reader).length, 11);
  assertEquals(takeAll(read(hub.stream("live/small"))).length, 11);
  const late = read(hub.stream(shed[0]!));
  assertEquals(takeAll(late).length, 0);
  hub.close();
});

Deno.test("a reader that is behind when its stream lets go finishes its message, and goes on at a key frame (M083)", () => {
  const { hub } = fakeHub({
    maxHeldBytes: 4 * MIB,
    maxLagBytes: 100 * MIB,
    maxGopBytes: 100 * MIB,
  });
  const publication = hub.acquire("live/cam");
  publication.write(unit("K1", { bytes: 100_000 }));
  const reader = read(hub.stream("live/cam"));
  const messages = new MessageReader();
  const names: string[] = [];
  const take = (most: number): void => {
    const bytes = reader.cursor.next();
    if (bytes === undefined) return;
    const count = Math.min(most, bytes.length);
    names.push(...messages.push(bytes.slice(0, count)).map(({ name }) => name));
    reader.cursor.advance(count);
  };
  take(50_000);
  for (let number = 2; number < 60; number++) {
    publication.write(unit(`p${number}`, { bytes: 100_000 }));
    assert(hub.heldBytes < 5 * MIB, `${hub.heldBytes} bytes`);
  }
  publication.write(unit("K60", { bytes: 100_000 }));
  publication.write(unit("p61", { bytes: 100_000 }));
  for (let step = 0; step < 100; step++) take(30_000);
  assertEquals(names, ["K1", "K60", "p61"]);
  assertEquals(messages.partial, 0);
  hub.close();
});

Deno.test("many small messages cost what they cost: the log is bounded by that (threats: memory by size)", () => {
  const { hub } = fakeHub({ maxLagMs: 3_600_000 });
  const publication = hub.acquire("live/cam");
  publication.write(unit("K"));
  const reader = read(hub.stream("live/cam"));
  const small = unit("p");
  for (let number = 0; number < 300_000; number++) publication.write(small);
  // Their bytes alone would be 4 MB, and stay below all bounds; with what they cost they would be 40.
  assert(hub.heldBytes < 16 * MIB, `${hub.heldBytes} bytes`);
  reader.close();
  hub.close();
});
