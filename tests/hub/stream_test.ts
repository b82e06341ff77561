import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { HubError, type Publication, type Stream, type StreamReader } from "../../src/hub/mod.ts";
import {
  fakeHub,
  MESSAGE_HEADER,
  nameOf,
  read,
  takeAll,
  takeNames,
  TestFormat,
  unit,
} from "./hub_support.ts";
import type { TurnedClock } from "../support/turned_clock.ts";

function send(publication: Publication, names: string, options: { bytes?: number } = {}): void {
  for (const name of names.split(" ")) publication.write(unit(name, options));
  publication.commit();
}

Deno.test("a repeated identical header is no change, a changed one comes before the next frame (M071)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "M V A K0");
  assertEquals(takeNames(reader), "M V A K0");
  const { headers } = publication.stream;
  // DJI drones repeat theirs each second.
  send(publication, "V p1 A V p2 M");
  assertEquals(takeNames(reader), "p1 p2");
  assertStrictEquals(publication.stream.headers, headers);
  send(publication, "V2 K3 p4 A2 a5");
  assertEquals(takeNames(reader), "V2 K3 p4 A2 a5");
  assertEquals(publication.stream.headers.units.map(nameOf), ["M", "V2", "A2"]);
});

Deno.test("headers are remembered for each track (M071)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  publication.write(unit("V0", { track: 0 }));
  publication.write(unit("V1", { track: 1 }));
  send(publication, "K0");
  assertEquals(takeNames(reader), "V0 V1 K0");
  publication.write(unit("V1", { track: 1 }));
  publication.write(unit("V0", { track: 0 }));
  publication.write(unit("V1b", { track: 1 }));
  send(publication, "K1");
  assertEquals(takeNames(reader), "V1b K1");
  assertEquals(takeNames(read(publication.stream)), "V0 V1b K1");
});

Deno.test("headers beyond what a stream may have are not remembered, nor passed on (M071)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  for (let track = 0; track < 200; track++) publication.write(unit(`V${track}`, { track }));
  assertEquals(publication.stream.headers.units.length, 64);
  publication.write(unit("A", { bytes: 5_000_000 }));
  publication.write(unit("M"));
  assertEquals(publication.stream.headers.units.some(({ kind }) => kind === "audio"), false);
});

Deno.test("headers at time 0 in the middle of a stream take the time of the stream (M071)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  publication.write(unit("V"));
  publication.write(unit("K0", { dtsMs: 60_000 }));
  publication.write(unit("M", { dtsMs: 0 }));
  publication.write(unit("V2", { dtsMs: 0 }));
  publication.write(unit("K1", { dtsMs: 60_040 }));
  publication.commit();
  assertEquals(takeAll(reader).map(({ timeMs }) => timeMs), [
    60_000,
    60_000,
    60_000,
    60_000,
    60_040,
  ]);
});

Deno.test("an audio track that starts late joins, and a late player gets both configurations (M072)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0 p1 p2");
  assertEquals(takeNames(reader), "V K0 p1 p2");
  send(publication, "A a3 p3");
  assertEquals(takeNames(reader), "A a3 p3");
  send(publication, "K4 a4");
  assertEquals(takeNames(read(publication.stream)), "V A K4 a4");
});

Deno.test("a video track that starts late joins, and from then on key frames are the starts (M072)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const early = read(publication.stream);
  send(publication, "A a0 a1");
  assertEquals(takeNames(early), "A a0 a1");
  send(publication, "V p2 a2");
  assertEquals(takeNames(early), "V a2");
  // Between the configuration and the first key frame, a player starts with the audio.
  const between = read(publication.stream);
  assertEquals(takeNames(between), "A a1 V a2");
  send(publication, "K3 a3 p4 a4");
  assertEquals(takeNames(early), "K3 a3 p4 a4");
  assertEquals(takeNames(between), "K3 a3 p4 a4");
  assertEquals(takeNames(read(publication.stream)), "A V K3 a3 p4 a4");
});

Deno.test("audio-only, video-only and data-only streams play from their newest start (M072)", () => {
  const cases = {
    "A a0 a1 a2": "A a2",
    "M a0 a1": "M a1",
    "V K0 p1 K2 p3": "V K2 p3",
    "d0 d1": "d1",
  };
  for (const [sent, got] of Object.entries(cases)) {
    const { hub } = fakeHub();
    const publication = hub.acquire("live/cam");
    send(publication, sent);
    assertEquals(takeNames(read(publication.stream)), got);
  }
});

Deno.test("video without a configuration (H.263, VP6) makes key frames the only starts all the same (M072, M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "a0 K1 a1 p2 a2 p3 a3");
  assertEquals(takeNames(read(publication.stream)), "K1 a1 p2 a2 p3 a3");
});

Deno.test("of several video tracks the key frames of the first are the starts (M073, M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const write = (name: string, track: number): void =>
    void publication.write(unit(name, { track }));
  write("V1", 1);
  write("V0", 0);
  write("K0", 0);
  write("p0", 0);
  write("K1", 1);
  write("p1", 0);
  assertEquals(takeNames(read(publication.stream)), "V1 V0 K0 p0 K1 p1");
  // What is published by a track that is no other's elder has its own starts.
  const other = hub.acquire("live/other");
  for (const name of ["V", "K", "p", "K2", "p2"]) other.write(unit(name, { track: 3 }));
  assertEquals(takeNames(read(other.stream)), "V K2 p2");
});

Deno.test("a publisher that tells its tracks has key frames as starts from its first audio on (M072, M075)", () => {
  const { hub } = fakeHub();
  const tracks = [{ kind: "video", id: 0, codec: "h264", config: undefined }] as const;
  const publication = hub.acquire("live/cam", { tracks });
  send(publication, "a0 a1");
  const reader = read(publication.stream);
  assertEquals(takeNames(reader), "");
  send(publication, "K2 a2");
  assertEquals(takeNames(reader), "K2 a2");
  assertStrictEquals(publication.tracks, tracks);
});

Deno.test("pictures before the first key frame are dropped and counted (M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V p0 p1 p2 K3 p4");
  assertEquals(takeNames(reader), "V K3 p4");
  assertEquals(publication.statistics.unitsBeforeKeyFrame, 3);
  assertEquals(publication.statistics.units, 6);
});

Deno.test("readers of two formats each have their log, and the later one starts with the same group (M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const first = read(publication.stream);
  send(publication, "V K0 p1");
  const formats: TestFormat[] = [];
  const create = () => formats[formats.push(new TestFormat()) - 1]!;
  const second = read(publication.stream, { format: "other", create });
  const third = read(publication.stream, { format: "other", create });
  assertEquals(takeNames(first), "V K0 p1");
  assertEquals(takeNames(second), "V K0 p1");
  assertEquals(formats.length, 1);
  assertStrictEquals(third.format, second.format);
  assertEquals(publication.stream.readerCount, 3);
});

Deno.test("a tap gets headers, the group so far, and everything from then on (M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "M V K0 V2 K1 A a1 p2");
  const names: string[] = [];
  const untap = publication.stream.tap((tapped) => names.push(nameOf(tapped)));
  send(publication, "p3 V3 K4");
  untap();
  send(publication, "p5");
  assertEquals(names.join(" "), "M V2 K1 A a1 p2 p3 V3 K4");
});

Deno.test("a tap where no group is kept gets no undecodable picture first (M075)", () => {
  const { hub } = fakeHub({ maxGopBytes: 1000 });
  const publication = hub.acquire("live/cam");
  send(publication, "V K0");
  send(publication, "p1", { bytes: 2000 });
  const names: string[] = [];
  publication.stream.tap((tapped) => names.push(nameOf(tapped)));
  send(publication, "p2 a2 M K3 p4");
  assertEquals(names.join(" "), "V M K3 p4");
});

Deno.test("a tap that begins with a returning publisher gets headers that others have already (M081)", () => {
  const { hub } = fakeHub();
  const first = hub.acquire("live/cam");
  const { stream } = first;
  const staying: string[] = [];
  stream.tap((tapped) => staying.push(nameOf(tapped)));
  send(first, "M V A K0 a1");
  first.release();
  const begun: string[] = [];
  stream.watch(() => stream.tap((tapped) => begun.push(nameOf(tapped))));
  const second = hub.acquire("live/cam");
  send(second, "M V A2 K2 V A2 a3");
  assertEquals(begun.join(" "), "M V A2 K2 a3");
  assertEquals(staying.join(" "), "M V A K0 a1 A2 K2 a3");
});

Deno.test("the reject policy keeps the publisher in place untouched (M054, M080)", () => {
  const { hub } = fakeHub({ conflict: "reject" });
  const publication = hub.acquire("live/cam", { identity: "ann" });
  const reader = read(publication.stream);
  send(publication, "V K0");
  const error = assertThrows(() => hub.acquire("live/cam", { identity: "ann" }), HubError);
  assertEquals(error.code, "name-taken");
  send(publication, "p1");
  assertEquals(takeNames(reader), "V K0 p1");
  assert(publication.isActive);
  assertStrictEquals(hub.get("live/cam")!.publication, publication);
});

Deno.test("same-identity: the same may come back, another only after silence (M080)", () => {
  const { hub, clock } = fakeHub({ silentMs: 2000 });
  const first = hub.acquire("live/cam", { identity: "ann" });
  assertThrows(() => hub.acquire("live/cam", { identity: "bob" }), HubError);
  assertThrows(() => hub.acquire("live/cam"), HubError);
  const second = hub.acquire("live/cam", { identity: "ann" });
  assertEquals([first.isActive, second.isActive], [false, true]);
  clock.turn(1500);
  send(second, "a0");
  clock.turn(1999);
  assertThrows(() => hub.acquire("live/cam", { identity: "bob" }), HubError);
  clock.turn(1);
  const third = hub.acquire("live/cam", { identity: "bob" });
  assertEquals([second.isActive, third.isActive], [false, true]);
});

Deno.test("publishers without identity are not the same one (M080)", () => {
  const { hub } = fakeHub();
  hub.acquire("live/cam");
  assertThrows(() => hub.acquire("live/cam"), HubError);
  assert(hub.acquire("live/cam", { conflict: "takeover" }).isActive);
});

Deno.test("a takeover tells the one before, takes nothing more of it, and its release is harmless (M080)", () => {
  const { hub } = fakeHub({ conflict: "takeover" });
  let replaced = 0;
  const first = hub.acquire("live/cam", { onEnded: () => replaced++ });
  const reader = read(first.stream);
  send(first, "V K0");
  const second = hub.acquire("live/cam");
  assertEquals(replaced, 1);
  assertEquals(first.write(unit("p1")), false);
  first.commit();
  first.release();
  assertStrictEquals(hub.get("live/cam")!.publication, second);
  send(second, "V K2");
  assertEquals(takeNames(reader), "V K0 K2");
  assertEquals(replaced, 1);
});

Deno.test("a takeover keeps readers, time goes on, and headers are sent again only when they differ (M080)", () => {
  const { hub, clock } = fakeHub({ conflict: "takeover" });
  const first = hub.acquire("live/cam");
  const reader = read(first.stream);
  first.write(unit("M", { dtsMs: 0 }));
  first.write(unit("V", { dtsMs: 0 }));
  first.write(unit("K0", { dtsMs: 5000 }));
  clock.turn(300);
  // Another clock, audio that starts before video, a key frame that is not the first.
  const second = hub.acquire("live/cam");
  for (const [name, dtsMs] of [["M", 0], ["V", 0], ["A", 0], ["a1", 90], ["p1", 40], ["K2", 80]]) {
    second.write(unit(name as string, { dtsMs: dtsMs as number }));
  }
  second.commit();
  assertEquals(takeAll(reader).map(({ name, timeMs }) => `${name} ${timeMs}`), [
    "M 5000",
    "V 5000",
    "K0 5000",
    "A 5000",
    "a1 5300",
    "K2 5290",
  ]);
  const third = hub.acquire("live/cam");
  third.write(unit("V2", { dtsMs: 777 }));
  third.write(unit("K3", { dtsMs: 1000 }));
  // Its second track begins before its first: not before what players have had.
  for (const dtsMs of [0, 999, 1000, 1040]) third.write(unit("a3", { dtsMs }));
  third.commit();
  assertEquals(takeAll(reader).map(({ name, timeMs }) => `${name} ${timeMs}`), [
    "V2 5300",
    "K3 5301",
    "a3 5301",
    "a3 5302",
    "a3 5303",
    "a3 5341",
  ]);
});

Deno.test("a publisher whose time goes back is taken to start anew: time goes on, in sync (M017)", () => {
  const { hub, clock } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const write = (...units: [name: string, dtsMs: number][]) => {
    for (const [name, dtsMs] of units) publication.write(unit(name, { dtsMs }));
    publication.commit();
    return takeAll(reader).map(({ name, timeMs }) => `${name} ${timeMs}`);
  };
  assertEquals(
    write(["V", 0], ["A", 0], ["K0", 90_000], ["a0", 90_010], ["p0", 90_040], ["a0", 90_033]),
    ["V 90000", "A 90000", "K0 90000", "a0 90010", "p0 90040", "a0 90033"],
  );
  clock.turn(40);
  // The last audio of the time before comes later than the first picture of the new one.
  assertEquals(
    write(["K1", 200], ["a0", 90_056], ["a1", 210], ["p1", 240], ["d1", 245], ["a1", 233]),
    ["K1 90080", "a0 90056", "a1 90090", "p1 90120", "d1 90125", "a1 90113"],
  );
  // A leap is a leap; and then audio goes back first.
  assertEquals(write(["p1", 9000], ["a1", 9000]), ["p1 98880", "a1 98880"]);
  clock.turn(40);
  assertEquals(
    write(["a2", 0], ["p1", 9040], ["K2", 40], ["a2", 23], ["p2", 80]),
    ["a2 98920", "p1 98920", "K2 98960", "a2 98943", "p2 99000"],
  );
  assertEquals(publication.statistics.keyIntervalMs, undefined);
});

Deno.test("who joins after a takeover starts with the new publisher, not with what the old one left (M080)", () => {
  const { hub } = fakeHub({ conflict: "takeover" });
  const first = hub.acquire("live/cam");
  const before = read(first.stream);
  send(first, "V A K0 p1");
  const second = hub.acquire("live/cam");
  const reader = read(second.stream);
  assertEquals(takeNames(reader), "");
  send(second, "V2 K2 p3");
  assertEquals(takeNames(reader), "V2 K2 p3");
  assertEquals(takeNames(before), "V A K0 p1 V2 K2 p3");
});

Deno.test("who joins after a takeover gets headers that the old publisher had sent just the same (M071, M080)", () => {
  const { hub } = fakeHub({ conflict: "takeover" });
  const first = hub.acquire("live/cam");
  const before = read(first.stream);
  send(first, "M V A K0 a0");
  const second = hub.acquire("live/cam");
  const reader = read(second.stream);
  // Its audio is a start, since nothing tells yet that there will be video.
  send(second, "M A a1");
  assertEquals(takeNames(reader), "M A a1");
  send(second, "V K2 p3");
  assertEquals(takeNames(reader), "V K2 p3");
  assertEquals(takeNames(before).replace("V K2", "K2"), "M V A K0 a0 a1 K2 p3");
});

Deno.test("units that the one before has not committed reach readers at the takeover (M080)", () => {
  const { hub } = fakeHub({ conflict: "takeover" });
  const first = hub.acquire("live/cam");
  const reader = read(first.stream);
  let woken = 0;
  reader.cursor.wait(() => woken++);
  first.write(unit("V"));
  first.write(unit("K0"));
  hub.acquire("live/cam");
  assertEquals(woken, 1);
});

Deno.test("a publisher that drops and returns within the linger time keeps its readers (M081)", () => {
  const { hub, clock } = fakeHub({ lingerMs: 10_000 });
  const ends: string[] = [];
  const first = hub.acquire("live/cam");
  const { stream } = first;
  const reader = read(stream, { onEnd: (reason) => ends.push(reason) });
  first.write(unit("V"));
  first.write(unit("K0", { dtsMs: 1000 }));
  first.release();
  assertEquals(takeAll(reader).map(({ name, timeMs }) => `${name} ${timeMs}`), [
    "V 1000",
    "K0 1000",
  ]);
  assertEquals([stream.isLive, clock.pending], [false, 1]);
  clock.turn(9999);
  const second = hub.acquire("live/cam");
  assertEquals(clock.pending, 0);
  second.write(unit("V"));
  second.write(unit("K1"));
  second.write(unit("p2", { dtsMs: 40 }));
  second.commit();
  clock.turn(60_000);
  assertEquals(takeAll(reader).map(({ name, timeMs }) => `${name} ${timeMs}`), [
    "K1 10999",
    "p2 11039",
  ]);
  assertEquals(ends, []);
  assertStrictEquals(second.stream, stream);
});

Deno.test("a stream ends when its linger ends: readers are told once, nothing is left (M081)", () => {
  const ends: string[] = [];
  const events: string[] = [];
  const { hub, clock } = fakeHub({ lingerMs: 10_000 }, {
    onStreamStart: ({ name }) => events.push(`start ${name}`),
    onStreamEnd: ({ name }, reason) => events.push(`end ${name} ${reason}`),
  });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream, { onEnd: (reason) => ends.push(reason) });
  const left = read(publication.stream, { onEnd: () => ends.push("left") });
  left.close();
  send(publication, "V K0");
  publication.release();
  publication.release();
  clock.turn(9999);
  assertEquals(ends, []);
  clock.turn(1);
  assertEquals(ends, ["unpublished"]);
  reader.close();
  assertEquals([hub.streams.length, clock.pending], [0, 0]);
  assertEquals(events, ["start live/cam", "end live/cam unpublished"]);
  const error = assertThrows(() => publication.stream.publish(), HubError);
  assertEquals(error.code, "closed");
  assertThrows(() => read(publication.stream), HubError);
  // Who taps it would wait for ever.
  assertEquals(assertThrows(() => publication.stream.tap(() => {}), HubError).code, "closed");
});

Deno.test("a stream without readers ends with its publisher, whichever leaves last (M081)", () => {
  for (const readerFirst of [true, false]) {
    const { hub, clock } = fakeHub();
    const publication = hub.acquire("live/cam");
    const reader = read(publication.stream);
    const untap = publication.stream.tap(() => {});
    send(publication, "V K0 a0");
    if (readerFirst) {
      reader.close();
      untap();
      publication.release();
    } else {
      publication.release();
      reader.close();
      assertEquals(clock.pending, 1);
      untap();
    }
    assertEquals([hub.streams.length, clock.pending], [0, 0]);
    reader.close();
    untap();
  }
});

Deno.test("a stream whose last reader leaves before its publisher returns has ended, for who observes too (M081)", () => {
  const events: string[] = [];
  const { hub, clock } = fakeHub({}, {
    onStreamStart: ({ name }) => events.push(`start ${name}`),
    onStreamEnd: ({ name }, reason) => events.push(`end ${name} ${reason}`),
  });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  publication.release();
  assertEquals(events, ["start live/cam"]);
  reader.close();
  assertEquals(events, ["start live/cam", "end live/cam unpublished"]);
  clock.turn(100_000);
  assertEquals(events.length, 2);
});

Deno.test("a publisher is told once why others have ended it (M080)", () => {
  const { hub } = fakeHub();
  const told: string[] = [];
  const publish = (identity: string): Publication =>
    hub.acquire("live/cam", {
      identity,
      onEnded: (reason, words) => told.push(`${identity} ${reason}: ${words}`),
    });
  publish("ann");
  const second = publish("ann");
  hub.stream("live/cam").unpublish("Not at this hour");
  assertEquals(second.isActive, false);
  const third = hub.acquire("live/cam", { onEnded: () => told.push("released") });
  third.release();
  publish("bob");
  hub.close();
  hub.close();
  assertEquals(told, [
    "ann replaced: The stream was taken over by another publisher",
    "ann kicked: Not at this hour",
    "bob closed: The stream was closed",
  ]);
});

Deno.test("a stream that is unpublished keeps its readers for the next publisher, as one that was left (M081)", () => {
  const { hub, clock } = fakeHub({ lingerMs: 1000 });
  const ends: string[] = [];
  const first = hub.acquire("live/cam");
  const { stream } = first;
  const reader = read(stream, { onEnd: (reason) => ends.push(reason) });
  first.write(unit("V"));
  first.write(unit("K0"));
  assertEquals([stream.unpublish("Go"), stream.isLive, stream.unpublish("Go")], [
    true,
    false,
    false,
  ]);
  assertEquals([first.write(unit("p1")), first.isActive], [false, false]);
  // Nobody holds the name.
  const second = hub.acquire("live/cam", { identity: "other", conflict: "reject" });
  send(second, "V K2");
  assertEquals(takeNames(reader), "V K0 K2");
  stream.unpublish("Go");
  clock.turn(1000);
  assertEquals([ends, hub.streams.length], [["unpublished"], 0]);
});

Deno.test("a publisher that releases as it is told of its end, or throws, harms nothing", () => {
  const errors: unknown[] = [];
  const { hub } = fakeHub({}, { onError: (error) => errors.push(error) });
  const publication: Publication<Stream> = hub.acquire("live/cam", {
    onEnded: () => {
      publication.release();
      throw "a mistake";
    },
  });
  assertEquals(publication.stream.unpublish("Go"), true);
  assertEquals([errors, hub.streams.length], [["a mistake"], 0]);
});

Deno.test("a reader that joins between two publishers gets what comes of the second (M081)", () => {
  const { hub } = fakeHub();
  const first = hub.acquire("live/cam");
  const before = read(first.stream);
  send(first, "V K0 p1");
  first.release();
  const reader = read(first.stream);
  const second = hub.acquire("live/cam");
  send(second, "V2 K2 p3");
  assertEquals(takeNames(reader), "V2 K2 p3");
  assertEquals(takeNames(before), "V K0 p1 V2 K2 p3");
});

Deno.test("who watches is told of each publisher, also of one that comes after the linger (M056, M081)", () => {
  const { hub, clock } = fakeHub({ lingerMs: 1000 });
  const stream = hub.stream("live/cam");
  let published = 0;
  const unwatch = stream.watch(() => published++);
  const first = hub.acquire("live/cam");
  assertEquals(published, 1);
  read(stream);
  first.release();
  clock.turn(1000);
  assertEquals(hub.streams, [stream]);
  const second = hub.acquire("live/cam");
  assertEquals(published, 2);
  send(second, "a0");
  second.release();
  // Nobody reads: the stream is as new, time included.
  const third = hub.acquire("live/cam");
  const reader = read(stream);
  third.write(unit("a7", { dtsMs: 7 }));
  assertEquals(takeAll(reader), [{ name: "a7", timeMs: 7, length: 3 }]);
  reader.close();
  third.release();
  assertEquals(published, 3);
  assertEquals(hub.streams, [stream]);
  unwatch();
  assertEquals([hub.streams.length, clock.pending], [0, 0]);
});

Deno.test("what callbacks throw is reported, and reaches neither the publisher nor the other readers", () => {
  const errors: string[] = [];
  const { hub, clock } = fakeHub({ lingerMs: 1000, conflict: "takeover" }, {
    onError: (error) => errors.push((error as Error).message),
    onStreamEnd: () => fail("event"),
  });
  const fail = (what: string): never => {
    throw new Error(what);
  };
  const first = hub.acquire("live/cam", { onEnded: () => fail("replaced") });
  const { stream } = first;
  const told: string[] = [];
  stream.watch(() => fail("watch"))();
  const unwatch = stream.watch(() => fail("watch"));
  stream.watch(() => told.push("watch"))();
  read(stream, { onEnd: () => fail("end") });
  const reader = read(stream, { onEnd: () => told.push("end") });
  const bad = read(stream);
  bad.cursor.wait(() => fail("wake"));
  reader.cursor.wait(() => told.push("wake"));
  const untap = stream.tap(() => fail("tap"));
  send(first, "a0");
  untap();
  const second = hub.acquire("live/cam");
  unwatch();
  assert(second.isActive);
  second.release();
  clock.turn(1000);
  assertEquals(errors, ["tap", "wake", "replaced", "watch", "event", "end"]);
  assertEquals(told, ["wake", "end"]);
  assertEquals(hub.streams.length, 0);
});

Deno.test("without onError, what callbacks throw is an uncaught error", () => {
  const { hub } = fakeHub();
  const errors: string[] = [];
  const listener = (event: ErrorEvent): void => {
    event.preventDefault();
    errors.push(event.error.message);
  };
  globalThis.addEventListener("error", listener);
  const publication = hub.acquire("live/cam");
  publication.stream.tap(() => {
    throw new Error("tap");
  });
  send(publication, "a0");
  globalThis.removeEventListener("error", listener);
  assertEquals(errors, ["tap"]);
});

Deno.test("a format that throws leaves nothing of that unit in its log, and harms no other format", () => {
  const errors: unknown[] = [];
  const { hub } = fakeHub({}, { onError: (error) => errors.push(error) });
  const publication = hub.acquire("live/cam");
  const good = read(publication.stream);
  class BadFormat extends TestFormat {
    override encode(...[of, log]: Parameters<TestFormat["encode"]>): void {
      super.encode(of, log);
      if (nameOf(of).includes("x")) throw new Error("cannot");
    }
  }
  const bad = read(publication.stream, { format: "bad", create: () => new BadFormat(30_000) });
  send(publication, "Kx V K0 p1");
  send(publication, "px", { bytes: 200_000 });
  send(publication, "p2");
  assertEquals(takeNames(bad), "V K0 p1 p2");
  assertEquals(takeNames(good), "V K0 p1 px p2".replace("V K0", "Kx V K0"));
  assertEquals(errors.length, 2);
});

Deno.test("flush policy frame: video wakes readers, audio rides along or waits 40 ms", () => {
  const { hub, clock } = fakeHub({ flush: "frame" });
  const publication = hub.acquire("live/cam");
  const { cursor } = read(publication.stream);
  let woken = 0;
  const wait = (): void => cursor.wait(() => woken++);
  wait();
  // Nothing tells of video yet: audio does not wait.
  send(publication, "A a0");
  assertEquals(woken, 1);
  wait();
  send(publication, "V a1");
  assertEquals([woken, clock.pending], [1, 1]);
  clock.turn(39);
  send(publication, "a2");
  assertEquals([woken, clock.pending], [1, 1]);
  clock.turn(1);
  assertEquals([woken, clock.pending], [2, 0]);
  wait();
  send(publication, "a3");
  send(publication, "K4");
  assertEquals([woken, clock.pending], [3, 0]);
});

/** Has a reader wait again each time that it is woken, which takes so long; counts how often that is. */
function wakeSlowly({ cursor }: Pick<StreamReader, "cursor">, clock: TurnedClock, takesMs: number) {
  const waking = { count: 0, takesMs };
  const wait = (): void =>
    cursor.wait(() => {
      waking.count++;
      clock.turn(waking.takesMs);
      wait();
    });
  wait();
  return waking;
}

Deno.test("flush policy frame gathers frames when waking the readers takes long", () => {
  const { hub, clock } = fakeHub({ flush: "frame" });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const waking = wakeSlowly(reader, clock, 0);
  const startedAt = clock.now();
  /** A picture that comes so many milliseconds after the start. */
  const picture = (name: string, atMs: number): void => {
    clock.turn(startedAt + atMs - clock.now());
    send(publication, name);
  };
  waking.takesMs = 3;
  picture("V K0", 0);
  picture("p1", 33);
  // A fourth of the time: readers are woken each 44 ms on average, so that every fourth picture waits for the next.
  waking.takesMs = 11;
  for (const [at, seen] of [3, 4, 5, 6, 6, 7, 8, 9, 9, 10].entries()) {
    picture(`p${2 + at}`, 67 + 33 * at);
    assertEquals(waking.count, seen, `picture ${2 + at}`);
  }
  assertEquals(takeNames(reader), "V K0 p1 p2 p3 p4 p5 p6 p7 p8 p9 p10 p11");
});

Deno.test("flush policy frame gathers for 50 ms on average at most, and holds nothing for more than 100", () => {
  const { hub, clock } = fakeHub({ flush: "frame" });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const waking = wakeSlowly(reader, clock, 20);
  send(publication, "V A K0");
  waking.takesMs = 0;
  clock.turn(29);
  send(publication, "p1");
  assertEquals([waking.count, clock.pending], [1, 1]);
  clock.turn(1);
  // Audio wakes nobody who is to have a picture soon.
  send(publication, "a2");
  assertEquals(waking.count, 1);
  send(publication, "p3");
  assertEquals([waking.count, clock.pending], [2, 0]);
  // None comes: what is held goes by itself.
  waking.takesMs = 20;
  send(publication, "p4");
  waking.takesMs = 0;
  send(publication, "p5");
  clock.turn(99);
  assertEquals([waking.count, clock.pending], [3, 1]);
  clock.turn(1);
  assertEquals([waking.count, clock.pending], [4, 0]);
  // A picture with audio behind it in its batch is a picture.
  clock.turn(100);
  publication.write(unit("p6"));
  publication.write(unit("a7"));
  publication.commit();
  assertEquals(waking.count, 5);
});

Deno.test("readers whose packets are sent one by one are woken for each frame, however long that takes", () => {
  const { hub, clock } = fakeHub({ flush: "frame" });
  const publication = hub.acquire("live/cam");
  const woken = { gathered: 0, prompt: 0 };
  const wait = (name: keyof typeof woken, { cursor }: Pick<StreamReader, "cursor">): void =>
    cursor.wait(() => {
      woken[name]++;
      clock.turn(name === "prompt" ? 5 : 20);
      wait(name, { cursor });
    });
  wait("gathered", read(publication.stream));
  wait("prompt", read(publication.stream, { format: "packets", gathers: false }));
  send(publication, "V K0");
  assertEquals(woken, { gathered: 1, prompt: 1 });
  send(publication, "p1");
  send(publication, "p2");
  assertEquals(woken, { gathered: 1, prompt: 3 });
  clock.turn(100);
  assertEquals(woken, { gathered: 2, prompt: 3 });
});

Deno.test("flush policy unit: everything wakes readers at once", () => {
  const { hub, clock } = fakeHub({ flush: "unit" });
  const publication = hub.acquire("live/cam");
  const { cursor } = read(publication.stream);
  let woken = 0;
  for (const name of ["V", "K0", "a0", "M", "d1"]) {
    cursor.wait(() => woken++);
    send(publication, name);
  }
  assertEquals([woken, clock.pending], [5, 0]);
});

Deno.test("flush policy of milliseconds: what comes within them is gathered, from the first unit on", () => {
  const { hub, clock } = fakeHub({ flush: 100 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  let woken = 0;
  reader.cursor.wait(() => woken++);
  send(publication, "V A K0");
  clock.turn(30);
  send(publication, "a1");
  clock.turn(69);
  assertEquals([woken, clock.pending], [0, 1]);
  clock.turn(1);
  assertEquals([woken, clock.pending], [1, 0]);
  assertEquals(takeNames(reader), "V A K0 a1");
  clock.turn(1000);
  reader.cursor.wait(() => woken++);
  send(publication, "a2");
  // Whoever ends the stream does not leave readers without its last units.
  publication.release();
  assertEquals([woken, clock.pending], [2, 1]);
});

Deno.test("flush policy of milliseconds: the last picture that can come in time takes the others along at once", () => {
  const { hub, clock } = fakeHub({ flush: 100 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const seen: string[] = [];
  const wait = (): void =>
    reader.cursor.wait(() => {
      seen.push(takeNames(reader));
      wait();
    });
  wait();
  for (const name of ["V A K0", "p1", "p2", "a3 p4", "p5", "p6", "p7"]) {
    send(publication, name);
    clock.turn(33);
  }
  // The fourth comes 99 ms after the first, the next would come after 132.
  assertEquals(seen, ["V A K0 p1 p2 a3 p4"]);
  // None comes any more that would take the others along.
  clock.turn(33);
  assertEquals(seen.at(-1), "p5 p6 p7");
});

Deno.test("flush policy of milliseconds: waking the readers is part of the time, but for a half of it", () => {
  const { hub, clock } = fakeHub({ flush: 100 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const waking = wakeSlowly(reader, clock, 30);
  /** Sends audio, and returns after how many milliseconds the readers are woken. */
  const heldMs = (name: string): number => {
    const before = waking.count;
    const sentAt = clock.now();
    send(publication, name);
    let ms = 0;
    while (waking.count === before) {
      clock.turn(1);
      ms++;
    }
    assertEquals(clock.now(), sentAt + ms + waking.takesMs);
    return ms;
  };
  assertEquals(heldMs("A a0"), 100);
  assertEquals(heldMs("a1"), 70);
  waking.takesMs = 80;
  assertEquals(heldMs("a2"), 70);
  assertEquals(heldMs("a3"), 50);
});

Deno.test("a commit without units, or without readers, sets no timer", () => {
  const { hub, clock } = fakeHub({ flush: 100 });
  const publication = hub.acquire("live/cam");
  publication.commit();
  send(publication, "V K0");
  assertEquals(clock.pending, 0);
});

Deno.test("statistics tell bytes, units, the key frame interval and silence", () => {
  const { hub, clock } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  assertEquals(publication.statistics, {
    bytes: 0,
    units: 0,
    unitsBeforeKeyFrame: 0,
    keyIntervalMs: undefined,
    silentMs: 0,
    leftOut: [],
  });
  publication.write(unit("K0", { bytes: 100 }));
  publication.write(unit("p1", { bytes: 50, dtsMs: 1000 }));
  publication.write(unit("K2", { bytes: 100, dtsMs: 2000 }));
  clock.turn(1234);
  assertEquals(publication.stream.statistics, {
    name: "live/cam",
    publisher: {
      bytes: 250,
      units: 3,
      unitsBeforeKeyFrame: 0,
      keyIntervalMs: 2000,
      silentMs: 1234,
      leftOut: [],
    },
    readers: [{
      format: "test",
      bytes: 0,
      messages: 0,
      lagBytes: 0,
      lagMs: 0,
      skips: 0,
      lostPackets: undefined,
    }],
    isLive: true,
    bytesSent: 0,
    dropped: 0,
    messagesSent: 0,
  });
  takeAll(reader);
  publication.write(unit("p3", { bytes: 88 }));
  const [statistics] = publication.stream.statistics.readers;
  assertEquals([statistics!.bytes, statistics!.lagBytes], [250 + 3 * MESSAGE_HEADER, 100]);
});

Deno.test("a stream counts what the wire formats of its readers could not carry, those that have gone too", () => {
  const { hub } = fakeHub();
  const publication = hub.stream("live/cam").publish();
  const dropping = (format: string, dropped: number) =>
    read(publication.stream, {
      format,
      create: () => Object.assign(new TestFormat(), { dropped }),
    });
  const [first] = [dropping("a", 3), dropping("b", 4)];
  read(publication.stream);
  assertEquals(publication.stream.statistics.dropped, 7);
  first!.close();
  assertEquals(publication.stream.statistics.dropped, 7);
});
