import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Hub, HubError, hubSettings } from "../../src/hub/mod.ts";
import { FakeClock, fakeHub, read, unit } from "./hub_support.ts";

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
    maxStreams: 10_000,
    maxReaders: 100_000,
  });
  for (const bad of [{ lingerMs: -1 }, { maxLagBytes: NaN }, { flush: -5 }]) {
    assertThrows(() => new Hub({ clock, ...bad }), RangeError, Object.keys(bad)[0]);
  }
});
