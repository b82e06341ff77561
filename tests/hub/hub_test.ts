import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Hub, HubError, hubSettings } from "../../src/hub/mod.ts";
import { FakeClock, fakeHub, MessageReader, read, takeAll, unit } from "./hub_support.ts";

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
  const live = hub.acquire("live/1", { onReplaced: () => told.push("replaced") });
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
    "replaced",
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

Deno.test("settings have defaults, and a negative number or NaN is the caller's mistake", () => {
  const clock = new FakeClock();
  assertEquals(hubSettings({ clock, lingerMs: 0 }), {
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
    maxReaders: 100_000,
  });
  for (const bad of [{ lingerMs: -1 }, { maxLagBytes: NaN }, { flush: -5 }]) {
    assertThrows(() => new Hub({ clock, ...bad }), RangeError, Object.keys(bad)[0]);
  }
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
  for (let number = 0; number < 1_000_000; number++) publication.write(unit("p"));
  // Their bytes alone would be 14 MB, and stay below all bounds.
  assert(hub.heldBytes < 48 * MIB, `${hub.heldBytes} bytes`);
  reader.close();
  hub.close();
});
