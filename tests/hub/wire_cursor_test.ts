import { assert, assertEquals } from "@std/assert";
import type { Publication, StreamReader } from "../../src/hub/mod.ts";
import {
  fakeHub,
  MESSAGE_HEADER,
  MessageReader,
  read,
  takeAll,
  takeNames,
  TestFormat,
  unit,
} from "./hub_support.ts";

/** Writes one unit a name, 40 ms apart from `fromMs` on. */
function send(publication: Publication, names: string, options: { bytes?: number } = {}): void {
  for (const name of names.split(" ")) publication.write(unit(name, options));
  publication.commit();
}

/** Takes one write of the reader, of which only `count` bytes leave. */
function takeBytes({ cursor }: StreamReader, count: number): Uint8Array {
  const bytes = cursor.next()!;
  cursor.advance(count);
  return bytes.subarray(0, count);
}

Deno.test("a reader gets headers, then the newest group so far, then all that comes (M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "M V A K0 a0 p1 K2 a2 p3");
  const reader = read(publication.stream);
  assertEquals(takeNames(reader), "M V A K2 a2 p3");
  send(publication, "a4 p4 K5");
  assertEquals(takeNames(reader), "a4 p4 K5");
  assertEquals(takeNames(reader), "");
});

Deno.test("the key-frame policy shows one picture, and goes on at the next key frame (M075)", () => {
  const { hub } = fakeHub({ start: "key-frame" });
  const publication = hub.acquire("live/cam");
  send(publication, "V K0 p1 p2");
  const reader = read(publication.stream);
  assertEquals(takeNames(reader), "V K0");
  send(publication, "p3 a3");
  assertEquals(takeNames(reader), "");
  send(publication, "K4 p5");
  assertEquals(takeNames(reader), "K4 p5");
  assertEquals(reader.cursor.skips, 0);
});

Deno.test("the key-frame policy shows all messages of its picture, over the end of a segment (M075)", () => {
  const { hub } = fakeHub({ start: "key-frame" });
  const publication = hub.acquire("live/cam");
  send(publication, "V K0");
  const first = read(publication.stream, { create: () => new TestFormat(5000) });
  takeAll(first);
  // The first segment has 64 KiB: the picture begins in it and ends in the next.
  send(publication, "p1", { bytes: 40_000 });
  send(publication, "K2", { bytes: 60_000 });
  send(publication, "p3");
  const reader = read(publication.stream);
  const messages = takeAll(reader);
  assertEquals(messages.slice(0, 2).map(({ name }) => name), ["V", "K2"]);
  const picture = messages.slice(1).reduce((sum, { length }) => sum + length, 0);
  assertEquals(picture, 60_000);
  send(publication, "p4 K5");
  assertEquals(takeNames(reader), "K5");
});

Deno.test("the key-frame policy lets a picture flow that is the newest there is (M075)", () => {
  const { hub } = fakeHub({ start: "key-frame" });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  assertEquals(takeNames(reader), "");
  send(publication, "V K0");
  assertEquals(takeNames(reader), "V K0");
  send(publication, "p1 p2");
  assertEquals(takeNames(reader), "p1 p2");
});

Deno.test("a reader that waits for a stream gets it from its first key frame, not from its newest (M056, M075)", () => {
  for (const start of ["gop", "key-frame", "none"] as const) {
    const { hub } = fakeHub({ start });
    const publication = hub.acquire("live/cam");
    const reader = read(publication.stream);
    send(publication, "V K0 p1 K2 p3 K4 p5");
    assertEquals(takeNames(reader), "V K0 p1 K2 p3 K4 p5");
  }
});

Deno.test("a reader that waits and is woken late starts at the newest key frame (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0 p1 p2 K3 p4", { bytes: 1000 });
  assertEquals(takeNames(reader), "V K3 p4");
});

Deno.test("the none policy starts at the next key frame (M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "V K0 p1");
  const reader = read(publication.stream, { start: "none" });
  send(publication, "p2 a2");
  assertEquals(takeNames(reader), "");
  send(publication, "K3 p4");
  assertEquals(takeNames(reader), "V K3 p4");
});

Deno.test("the preamble has the time of the unit behind it (M075)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  publication.write(unit("V"));
  publication.write(unit("K0", { dtsMs: 5000 }));
  assertEquals(takeAll(read(publication.stream)), [
    { name: "V", timeMs: 5000, length: 2 },
    { name: "K0", timeMs: 5000, length: 3 },
  ]);
});

Deno.test("a reader over its bound in bytes goes on at the newest key frame, once, counted (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const slow = read(publication.stream);
  const quick = read(publication.stream);
  send(publication, "V K0");
  takeAll(slow);
  takeAll(quick);
  send(publication, "p1 p2", { bytes: 1000 });
  assertEquals(takeNames(quick), "p1 p2");
  send(publication, "K3 p4", { bytes: 1000 });
  assertEquals(takeNames(quick), "K3 p4");
  assertEquals(takeNames(slow), "K3 p4");
  assertEquals([slow.cursor.skips, quick.cursor.skips], [1, 0]);
  assertEquals(publication.stream.statistics.readers.map(({ skips }) => skips), [1, 0]);
});

Deno.test("a reader over its bound in time goes on at the newest key frame (M083)", () => {
  const { hub, clock } = fakeHub({ maxLagMs: 4000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0");
  takeAll(reader);
  send(publication, "p1");
  clock.turn(4000);
  send(publication, "K2 p3");
  assertEquals(reader.cursor.lagMs, 4000);
  assertEquals(publication.stream.statistics.readers[0]!.lagMs, 4000);
  clock.turn(1);
  send(publication, "p4");
  assertEquals(takeNames(reader), "K2 p3 p4");
  assertEquals(reader.cursor.skips, 1);
});

Deno.test("units that came in a burst, or whose times jump, are no lag of the reader (M083)", () => {
  const { hub, clock } = fakeHub({ maxLagMs: 1000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  publication.write(unit("V"));
  for (const [index, name] of ["K0", "p1", "p2", "p3"].entries()) {
    publication.write(unit(name, { dtsMs: index * 600 }));
  }
  publication.write(unit("p4", { dtsMs: 3_600_000 }));
  publication.write(unit("p5", { dtsMs: 0 }));
  publication.commit();
  assertEquals(takeNames(reader), "V K0 p1 p2 p3 p4 p5");
  // Nor is the publisher's own pause.
  clock.turn(10_000);
  send(publication, "p6");
  assertEquals(takeNames(reader), "p6");
  assertEquals(reader.cursor.skips, 0);
});

Deno.test("a reader that lags in the middle of a message finishes it before it skips (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const parser = new MessageReader();
  send(publication, "V K0");
  takeAll(reader);
  send(publication, "p1 p2", { bytes: 1000 });
  // The write was of both messages; half of the first one has left.
  parser.push(takeBytes(reader, 500));
  assert(!reader.cursor.atBoundary);
  send(publication, "K3 p4 p5 p6", { bytes: 1000 });
  const rest = takeBytes(reader, MESSAGE_HEADER + 500);
  assertEquals(parser.push(rest).map(({ name }) => name), ["p1"]);
  assert(reader.cursor.atBoundary);
  assertEquals(takeNames(reader), "K3 p4 p5 p6");
  assertEquals(reader.cursor.skips, 1);
});

Deno.test("a reader whose segment is dropped while it writes from it still gets its message whole (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 200_000, maxGopBytes: 200_000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const parser = new MessageReader();
  send(publication, "V K0");
  takeAll(reader);
  send(publication, "p1", { bytes: 40_000 });
  const written = parser.push(takeBytes(reader, 100));
  const held = reader.cursor.next()!;
  const before = held.slice();
  for (let n = 0; n < 40; n++) send(publication, `K${n} p${n}`, { bytes: 50_000 });
  assertEquals(held, before);
  reader.cursor.advance(held.length);
  written.push(...parser.push(held));
  assertEquals(written.map(({ name }) => name), ["p1"]);
  assertEquals(takeNames(reader), "K39 p39");
  assertEquals(reader.cursor.skips, 1);
});

Deno.test("a reader that lags behind the newest key frame waits for the next (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0 p1");
  takeAll(reader);
  send(publication, "p2 p3 p4 p5", { bytes: 1000 });
  assertEquals(takeNames(reader), "");
  assertEquals(reader.cursor.lagBytes, 0);
  send(publication, "p6 a6");
  assertEquals(takeNames(reader), "");
  send(publication, "K7 p8");
  assertEquals(takeNames(reader), "K7 p8");
  assertEquals(reader.cursor.skips, 1);
});

Deno.test("a reader that lags but stands at the newest key frame loses nothing, and no skip is counted (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0 p1");
  takeAll(reader);
  send(publication, "K2 p3 p4 p5", { bytes: 1000 });
  assertEquals(takeNames(reader), "K2 p3 p4 p5");
  assertEquals(reader.cursor.skips, 0);
});

Deno.test("a group longer than the bounds can be joined, and caught up with (M075, M083)", () => {
  const { hub, clock } = fakeHub({ maxLagBytes: 3000, maxLagMs: 1000 });
  const publication = hub.acquire("live/cam");
  // The log has its reader, so that the newcomer's lag counts from when the units came.
  const first = read(publication.stream);
  send(publication, "V K0");
  const names = ["V", "K0"];
  for (let n = 1; n <= 10; n++) {
    clock.turn(500);
    send(publication, `p${n}`, { bytes: 1000 });
    names.push(`p${n}`);
    takeAll(first);
  }
  const reader = read(publication.stream);
  assertEquals(takeNames(reader), names.join(" "));
  // From then on, the bounds are its own.
  send(publication, "p11 p12 p13 p14", { bytes: 1000 });
  send(publication, "K15");
  assertEquals(takeNames(reader), "K15");
  assertEquals([reader.cursor.skips, first.cursor.skips], [1, 0]);
});

Deno.test("a group over maxGopBytes is not kept: a reader starts at the next key frame (M075, M083)", () => {
  const { hub } = fakeHub({ maxGopBytes: 100_000, maxLagBytes: 50_000 });
  const publication = hub.acquire("live/cam");
  const first = read(publication.stream);
  send(publication, "V K0");
  for (let n = 1; n < 30; n++) {
    send(publication, `p${n}`, { bytes: 10_000 });
    takeAll(first);
  }
  const second = read(publication.stream);
  const other = read(publication.stream, { format: "other" });
  assertEquals([takeNames(second), takeNames(other)], ["", ""]);
  send(publication, "p30 K31");
  assertEquals([takeNames(second), takeNames(other)], ["V K31", "V K31"]);
});

Deno.test("what the log holds is bounded, however slow the readers are (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 200_000, maxGopBytes: 400_000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0");
  const first = reader.cursor.next()!;
  reader.cursor.advance(first.length);
  for (let n = 1; n < 300; n++) send(publication, `${n % 30 ? "p" : "K"}${n}`, { bytes: 10_000 });
  // Far behind, and still in the middle of nothing: it skips at its next write.
  const bytes = reader.cursor.next()!;
  assertEquals(new MessageReader().push(bytes)[0]!.name, "K270");
  assert(reader.cursor.lagBytes < 400_000 + 1024 * 1024, `lag ${reader.cursor.lagBytes}`);
});

Deno.test("a change of headers in what was skipped comes before the key frame (M071, M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "M V A K0");
  takeAll(reader);
  send(publication, "p1 p2 p3", { bytes: 1000 });
  send(publication, "V2 K4 p5", { bytes: 1000 });
  assertEquals(takeNames(reader), "M V2 A K4 p5");
  assertEquals(reader.cursor.skips, 1);
  // The next skip comes upon the same headers: they are not told again.
  send(publication, "p6 p7 p8 p9 K10", { bytes: 1000 });
  assertEquals(takeNames(reader), "K10");
});

Deno.test("a reader that has read a change in flow is not told again after a skip (M071)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0 V2 K1");
  assertEquals(takeNames(reader), "V K0 V2 K1");
  send(publication, "V3");
  assertEquals(takeNames(reader), "V3");
  send(publication, "p2 p3 p4 K5 p6", { bytes: 1000 });
  assertEquals(takeNames(reader), "K5 p6");
});

Deno.test("restart goes on at the newest start behind what was had, and is no skip (M057)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  reader.cursor.restart();
  send(publication, "V K0 p1");
  takeAll(reader);
  send(publication, "p2 K3 p4");
  reader.cursor.restart();
  assertEquals(takeNames(reader), "K3 p4");
  reader.cursor.restart();
  send(publication, "p5");
  assertEquals(takeNames(reader), "");
  send(publication, "K6");
  assertEquals(takeNames(reader), "K6");
  assertEquals(reader.cursor.skips, 0);
});

Deno.test("restart in the middle of a message, or during a write, first finishes the message (M057)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const parser = new MessageReader();
  send(publication, "V K0");
  takeAll(reader);
  send(publication, "p1 K2 p3", { bytes: 1000 });
  const lent = reader.cursor.next()!;
  reader.cursor.restart();
  // Of three messages that are being written, one and a half leave.
  const half = MESSAGE_HEADER + 1000 + 500;
  const names = parser.push(lent.subarray(0, half)).map(({ name }) => name);
  reader.cursor.advance(half);
  send(publication, "p4 K5 p6");
  for (let bytes; (bytes = reader.cursor.next()) !== undefined;) {
    names.push(...parser.push(bytes).map(({ name }) => name));
    reader.cursor.advance(bytes.length);
  }
  assertEquals(names.join(" "), "p1 K2 K5 p6");
});

Deno.test("restart while the preamble is being written sends that to its end (M057)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const parser = new MessageReader();
  send(publication, "M V K0 p1");
  const names = parser.push(takeBytes(reader, 5)).map(({ name }) => name);
  reader.cursor.restart();
  send(publication, "V2 K2 p3");
  for (let bytes; (bytes = reader.cursor.next()) !== undefined;) {
    names.push(...parser.push(bytes).map(({ name }) => name));
    reader.cursor.advance(bytes.length);
  }
  assertEquals(names.join(" "), "M V M V2 K2 p3");
});

Deno.test("next with onlyMessage gives the rest of a message, and nothing between two", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const { cursor } = read(publication.stream);
  assertEquals(cursor.next(true), undefined);
  send(publication, "V K0 p1", { bytes: 100 });
  // The preamble counts as one: others may not be put into it.
  assertEquals(cursor.next()!.length, MESSAGE_HEADER + 100);
  cursor.advance(10);
  assertEquals(cursor.next(true)!.length, MESSAGE_HEADER + 90);
  cursor.advance(MESSAGE_HEADER + 90);
  assertEquals(cursor.next(true), undefined);
  assertEquals(cursor.next()!.length, 2 * (MESSAGE_HEADER + 100));
  cursor.advance(1);
  assertEquals(cursor.next(true)!.length, MESSAGE_HEADER + 99);
  cursor.advance(MESSAGE_HEADER + 99);
  assertEquals(cursor.next(true), undefined);
});

Deno.test("takeRun gives whole messages with what they are, peek the same without taking them", () => {
  const { hub } = fakeHub({ start: "key-frame" });
  const publication = hub.acquire("live/cam");
  send(publication, "V K0 p1");
  const { cursor } = read(publication.stream);
  const { runs: [peeked], goesOn } = cursor.peek()!;
  // It shows one picture, and then looks for the next start.
  assertEquals(goesOn, false);
  assertEquals(cursor.takeRun(), peeked);
  assertEquals(peeked!.entries.map(({ kind, role }) => [kind, role]), [["video", "media"]]);
  assertEquals(new MessageReader().push(cursor.takePreamble()).map(({ name }) => name), ["V"]);
  assertEquals(cursor.takePreamble().length, 0);
  send(publication, "p2 K3 a3 d3 V2");
  assertEquals(cursor.peek()!.runs[0]!.entries.length, 4);
  assertEquals(cursor.takeRun()!.entries.map(({ kind, role }) => `${kind} ${role}`), [
    "video media",
    "audio media",
    "data media",
    "video config",
  ]);
  assertEquals([cursor.peek(), cursor.takeRun()], [{ runs: [], goesOn: true }, undefined]);
});

Deno.test("peek tells all that lies ahead, over the ends of segments", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const { cursor } = read(publication.stream);
  // The first segment has 64 KiB.
  send(publication, "V K0 p1 p2 p3 a4", { bytes: 30_000 });
  const { runs, goesOn } = cursor.peek()!;
  assertEquals([runs.length > 1, goesOn], [true, true]);
  const kinds = runs.flatMap(({ entries }) => entries.map(({ kind }) => kind));
  assertEquals(kinds, ["video", "video", "video", "video", "audio"]);
  const taken = [];
  for (let run = cursor.takeRun(); run !== undefined; run = cursor.takeRun()) taken.push(run);
  assertEquals(taken, [...runs]);
});

Deno.test("peek during a write says nothing, and harms nothing", () => {
  const { hub } = fakeHub({ maxLagBytes: 1000 });
  const publication = hub.acquire("live/cam");
  const { cursor } = read(publication.stream);
  send(publication, "V K0");
  const parser = new MessageReader();
  const names: string[] = [];
  for (let n = 1; n < 20; n++) {
    const bytes = cursor.next();
    send(publication, `${n % 4 ? "p" : "K"}${n}`, { bytes: 500 });
    if (bytes === undefined) continue;
    assertEquals(cursor.peek(), undefined);
    const count = Math.ceil(bytes.length / 3);
    names.push(...parser.push(bytes.subarray(0, count)).map(({ name }) => name));
    cursor.advance(count);
  }
  assertEquals(names.slice(0, 3), ["V", "K4", "p5"]);
});

Deno.test("a reader is woken once for each wait, and not when it has left", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  const other = read(publication.stream);
  let woken = 0;
  reader.cursor.wait(() => woken++);
  reader.cursor.wait(() => woken++);
  other.cursor.wait(() => woken += 100);
  other.close();
  send(publication, "V K0");
  assertEquals(woken, 1);
  send(publication, "p1");
  assertEquals(woken, 1);
  other.cursor.wait(() => woken += 100);
  send(publication, "p2");
  assertEquals(woken, 1);
});

Deno.test("a reader that is to stop gets all before that place, however far behind, and nothing behind it (M080)", () => {
  const { hub } = fakeHub({ maxLagBytes: 200_000, maxLagMs: 3_600_000 });
  const publication = hub.acquire("live/cam");
  send(publication, "V K0 p1 p2", { bytes: 10_000 });
  const reader = read(publication.stream);
  const { cursor } = reader;
  const messages = new MessageReader();
  // It stands in the middle of a message, and what follows is more than it may lag.
  const names = messages.push(takeBytes(reader, 25_000)).map(({ name }) => name);
  cursor.stopAt(cursor.head);
  const follow = (): void => send(publication, "K3 p4 p5", { bytes: 10_000 });
  for (let times = 0; times < 8; times++) follow();
  for (let bytes; (bytes = cursor.next()) !== undefined;) {
    const count = Math.min(bytes.length, 777);
    names.push(...messages.push(bytes.subarray(0, count)).map(({ name }) => name));
    cursor.advance(count);
  }
  assertEquals(names, ["V", "K0", "p1", "p2"]);
  assertEquals([messages.partial, cursor.takeRun(), cursor.atBoundary], [0, undefined, true]);
  assertEquals(cursor.skips, 0);
});

Deno.test("a reader that is past the place where it is to stop finishes the message that it is in (M080)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "V K0");
  const reader = read(publication.stream);
  takeAll(reader);
  const { head } = reader.cursor;
  send(publication, "p1 p2", { bytes: 1000 });
  const messages = new MessageReader();
  messages.push(takeBytes(reader, 10));
  reader.cursor.stopAt(head);
  const rest = reader.cursor.next()!;
  assertEquals(messages.push(rest).map(({ name }) => name), ["p1"]);
  reader.cursor.advance(rest.length);
  assertEquals([reader.cursor.next(), messages.partial], [undefined, 0]);
  // Nor is a start that comes one for it.
  send(publication, "K3");
  assertEquals(takeNames(reader), "");
});

Deno.test("a reader and its stream count bytes and whole messages, over skips and readers that have gone (R096)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const { stream } = publication;
  send(publication, "V K0 p1 p2", { bytes: 100 });
  const reader = read(stream);
  const length = 100 + MESSAGE_HEADER;
  takeBytes(reader, length);
  takeBytes(reader, length * 2 - 1);
  // The preamble is no message of the log, and the second picture is not whole.
  assertEquals(reader.cursor.messages, 1);
  takeBytes(reader, 1);
  assertEquals(reader.cursor.messages, 2);
  send(publication, "p3 p4 p5 K6 p7", { bytes: 1000 });
  assertEquals(takeNames(reader), "K6 p7");
  assertEquals([reader.cursor.skips, reader.cursor.messages], [1, 4]);
  const { bytes } = reader.cursor;
  reader.close();
  const second = read(stream);
  assertEquals(takeNames(second), "V K6 p7");
  const { bytesSent, messagesSent, readers } = stream.statistics;
  assertEquals(readers.map(({ messages }) => messages), [2]);
  assertEquals([messagesSent, bytesSent], [6, bytes + second.cursor.bytes]);
});

Deno.test("a group that spans more time than the bound can be joined, a message at a time (M075, M083)", () => {
  const { hub, clock } = fakeHub({ maxLagMs: 1000 });
  const publication = hub.acquire("live/cam");
  // The log has its reader, so that the newcomer's lag counts from when the units came.
  const first = read(publication.stream);
  send(publication, "V K0");
  const names = ["V", "K0"];
  const follow = (number: number): void => {
    clock.turn(500);
    send(publication, `p${number}`);
    names.push(`p${number}`);
    takeAll(first);
  };
  for (let number = 1; number <= 10; number++) follow(number);
  const reader = read(publication.stream);
  const got: string[] = [];
  const parser = new MessageReader();
  const takeMessage = (): void => {
    const length = MESSAGE_HEADER + `${names[got.length]};`.length;
    got.push(...parser.push(takeBytes(reader, length)).map(({ name }) => name));
  };
  // It is as far behind as the group is long, and no further.
  for (let number = 11; number <= 14; number++) {
    takeMessage();
    takeMessage();
    follow(number);
  }
  while (got.length < names.length) takeMessage();
  assertEquals([got, reader.cursor.skips, takeNames(reader)], [names, 0, ""]);
  // From then on, the bound is its own.
  for (let number = 15; number <= 17; number++) follow(number);
  send(publication, "K18");
  assertEquals([takeNames(reader), reader.cursor.skips], ["p15 p16 p17 K18", 0]);
  for (let number = 19; number <= 22; number++) follow(number);
  send(publication, "K23");
  assertEquals([takeNames(reader), reader.cursor.skips], ["K23", 1]);
});

Deno.test("a reader that joins far back and lags further than where it began skips (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const first = read(publication.stream);
  send(publication, "V K0 p1 p2 p3 p4", { bytes: 1000 });
  takeAll(first);
  const reader = read(publication.stream);
  takeBytes(reader, MESSAGE_HEADER + 1000);
  takeBytes(reader, MESSAGE_HEADER + 1000);
  // It began 5060 bytes behind: 3000 more are allowed.
  send(publication, "p5 p6 p7", { bytes: 1000 });
  takeBytes(reader, MESSAGE_HEADER + 1000);
  assertEquals(reader.cursor.skips, 0);
  send(publication, "K8", { bytes: 1000 });
  takeBytes(reader, MESSAGE_HEADER + 1000);
  assertEquals(reader.cursor.skips, 0);
  send(publication, "p9 p10", { bytes: 1000 });
  assertEquals(reader.cursor.lagBytes, 8 * (MESSAGE_HEADER + 1000));
  send(publication, "p11", { bytes: 1000 });
  assertEquals([takeNames(reader), reader.cursor.skips], ["K8 p9 p10 p11", 1]);
});

Deno.test("a reader that waits and is woken too late starts at the newest key frame (M083)", () => {
  const { hub, clock } = fakeHub({ maxLagMs: 1000 });
  const publication = hub.acquire("live/cam");
  const prompt = read(publication.stream);
  const late = read(publication.stream);
  send(publication, "V K0 p1");
  clock.turn(1000);
  send(publication, "K2 p3");
  assertEquals(takeNames(prompt), "V K0 p1 K2 p3", "just within the bound");
  clock.turn(1);
  send(publication, "p4");
  assertEquals(takeNames(late), "V K2 p3 p4");
});

Deno.test("a reader that lags in the middle of a message is given the rest of that, and no more (M083)", () => {
  const { hub } = fakeHub({ maxLagBytes: 3000 });
  const publication = hub.acquire("live/cam");
  const reader = read(publication.stream);
  send(publication, "V K0");
  takeAll(reader);
  send(publication, "p1 p2", { bytes: 1000 });
  takeBytes(reader, 500);
  // Of all that could be written, no more is given than what it must have.
  send(publication, "p4 K5", { bytes: 1000 });
  assertEquals(reader.cursor.next()!.length, MESSAGE_HEADER + 500);
  reader.cursor.advance(MESSAGE_HEADER + 500);
  assertEquals(takeNames(reader), "K5");
});

Deno.test("all bytes that leave are counted, those of preambles too, however they are taken (R096)", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  send(publication, "M V K0 p1", { bytes: 100 });
  const { cursor: whole } = read(publication.stream);
  const { cursor: taken } = read(publication.stream);
  while (whole.next() !== undefined) whole.advance(1);
  taken.takeRun();
  assertEquals(taken.bytes, 2 * (MESSAGE_HEADER + 100));
  assertEquals(taken.takePreamble().length, 2 * (MESSAGE_HEADER + 100));
  assertEquals([whole.bytes, taken.bytes], [
    4 * (MESSAGE_HEADER + 100),
    4 * (MESSAGE_HEADER + 100),
  ]);
  assertEquals([whole.messages, taken.messages], [2, 2]);
});
