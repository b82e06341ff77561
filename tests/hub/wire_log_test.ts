import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  HeaderSet,
  type HubOptions,
  hubSettings,
  type MediaUnit,
  type WireFormat,
  WireLog,
  type WireLogWriter,
} from "../../src/hub/mod.ts";
import { MESSAGE_HEADER, nameOf, takeNames, TestFormat, unit } from "./hub_support.ts";
import { TurnedClock } from "../support/turned_clock.ts";

const KIB = 1024;

function logOf(options: Omit<HubOptions, "clock"> = {}, format: WireFormat = new TestFormat()) {
  const clock = new TurnedClock();
  const log = new WireLog(format, hubSettings({ clock, ...options }));
  /** Appends a unit; key frames are starts. */
  const append = (name: string, bytes = 0, headers = HeaderSet.EMPTY): void =>
    log.append(unit(name, { bytes }), { headers, startPoint: name.startsWith("K") });
  return { log, clock, append };
}

/** A format that throws at units that are called `bad`, behind so many messages of them. */
class FailingFormat extends TestFormat {
  before = 0;

  override encode(of: MediaUnit, log: WireLogWriter): void {
    if (of.role !== "end") return super.encode(of, log);
    for (let done = 0; done < this.before; done++) super.encode(of, log);
    throw new Error("a unit that cannot be encoded");
  }
}

Deno.test("WireLog tells of each message what it is, when it came, and where it lies", () => {
  const { log, clock } = logOf({}, new TestFormat(8));
  const headers = HeaderSet.EMPTY.with(unit("V"));
  clock.turn(700);
  log.append(unit("K1", { bytes: 20, dtsMs: 40, track: 2 }), { headers, startPoint: true });
  const { segment, index, end } = log.newestStart!;
  assertEquals([index, end, log.head, log.messages], [0, 56, 56, 3]);
  assertEquals(segment.entries.map(({ start, end }) => [start, end]), [[0, 20], [20, 40], [
    40,
    56,
  ]]);
  for (const { kind, track, role, timeUs, arrivedMs, headers: of } of segment.entries) {
    assertEquals([kind, track, role, timeUs, arrivedMs], ["video", 2, "media", 40_000, 700]);
    assertStrictEquals(of, headers);
  }
});

Deno.test("WireLog keeps a message whole in one segment, however large it is", () => {
  const { log, append } = logOf();
  const segments = new Set<unknown>();
  const places: number[] = [];
  for (const bytes of [40 * KIB, 40 * KIB, 3000 * KIB, 10, 900 * KIB, 900 * KIB]) {
    append("K", bytes);
    const { segment, index } = log.newestStart!;
    const entry = segment.entries[index]!;
    segments.add(segment);
    places.push(segment.base + entry.start);
    assert(entry.end <= segment.used && segment.used <= segment.bytes.length);
    assertEquals(entry.end - entry.start, bytes + MESSAGE_HEADER);
  }
  assertEquals(
    places,
    [40, 40, 3000, 10 / KIB, 900].reduce(
      (sums, kib) => [...sums, sums.at(-1)! + kib * KIB + MESSAGE_HEADER],
      [0],
    ),
  );
  // The short one did not fit behind the large one: that segment is as large as its message.
  assertEquals(segments.size, 5);
});

for (const before of [0, 1, 2]) {
  Deno.test(`WireLog is as it was when a format throws behind ${before} messages`, () => {
    const format = new FailingFormat();
    const { log, append } = logOf({}, format);
    const reader = { cursor: log.open() };
    append("K0", 100);
    append("p1", 100);
    const { head, messages, newestStart, heldBytes } = log;
    format.before = before;
    for (let times = 0; times < 3; times++) {
      assertThrows(() => append("E"), Error, "cannot be encoded");
      assertEquals([log.head, log.messages, log.heldBytes], [head, messages, heldBytes]);
      assertStrictEquals(log.newestStart, newestStart);
      assertEquals(newestStart!.segment.entries.length, 2);
      assertEquals(newestStart!.segment.used, head);
    }
    append("p2", 100);
    assertEquals(takeNames(reader), "K0 p1 p2");
    assertEquals([reader.cursor.lagBytes, reader.cursor.messages, log.messages], [0, 3, 3]);
  });

  Deno.test(`WireLog is as it was when a format throws in a segment that it opened, behind ${before} messages`, () => {
    const format = new FailingFormat(30 * KIB);
    const { log, append } = logOf({}, format);
    const reader = { cursor: log.open() };
    append("K0", 20 * KIB);
    const { head, messages, heldBytes } = log;
    format.before = before;
    assertThrows(() => append("E", 200 * KIB));
    assertEquals([log.head, log.messages, log.heldBytes], [head, messages, heldBytes]);
    append("p1", 100 * KIB);
    append("K2");
    assertEquals(takeNames(reader).split(" ").filter((name) => /^[Kp]\d$/.test(name)), [
      "K0",
      "p1",
      "K2",
    ]);
    const { segment, index } = log.newestStart!;
    assertEquals(segment.base + segment.entries[index]!.end, log.head);
    assertEquals(segment.messagesBefore + segment.entries.length, log.messages);
  });

  Deno.test(`WireLog is empty when a format throws at its first unit, behind ${before} messages`, () => {
    const format = new FailingFormat();
    const { log, append } = logOf({}, format);
    const reader = { cursor: log.open() };
    format.before = before;
    assertThrows(() => append("E", 200 * KIB));
    assertEquals([log.head, log.messages, log.heldBytes, log.newestStart], [0, 0, 0, undefined]);
    append("K0");
    assertEquals(takeNames(reader), "K0");
  });
}

Deno.test("WireLog has no start at a unit that the format threw at", () => {
  const format = new FailingFormat();
  const { log, append } = logOf({}, format);
  format.before = 1;
  append("K0");
  const start = log.newestStart;
  assertThrows(() => log.append(unit("E"), { headers: HeaderSet.EMPTY, startPoint: true }));
  assertStrictEquals(log.newestStart, start);
});

Deno.test("WireLog has no start at a unit that the format makes no message of", () => {
  const { log, append } = logOf({}, { encode: () => {}, preamble: () => new Uint8Array(0) });
  append("K0");
  assertEquals([log.newestStart, log.messages, log.heldBytes], [undefined, 0, 0]);
});

Deno.test("WireLog drops segments that lie further back in bytes than a reader may lag (M083)", () => {
  const { log, append } = logOf({ maxLagBytes: 100 * KIB, maxLagMs: 3_600_000 });
  append("K0");
  const first = log.newestStart!.segment;
  append("K1", 70 * KIB - MESSAGE_HEADER);
  // Two messages cost as much as 256 bytes.
  append("p2", 30 * KIB - MESSAGE_HEADER - 256);
  assert(log.has(first), "what is behind it is just within the bound");
  append("p3", 1);
  assert(!log.has(first));
  assert(log.has(log.newestStart!.segment));
});

Deno.test("WireLog drops segments that lie further back in time than a reader may lag, not sooner (M083)", () => {
  const { log, clock, append } = logOf({ maxLagMs: 4000 });
  append("K0");
  const first = log.newestStart!.segment;
  clock.turn(100);
  append("p1", 60 * KIB);
  append("K2", 60 * KIB);
  clock.turn(4000);
  append("K3");
  assert(log.has(first), "its last message is just within the bound");
  clock.turn(1);
  append("K4");
  assert(!log.has(first));
  assert(log.has(log.newestStart!.segment));
});

Deno.test("WireLog keeps a start beyond the lag bound, with all behind it, as long as its group may be kept (M075)", () => {
  const { log, append } = logOf({ maxLagBytes: 100 * KIB, maxGopBytes: 1000 * KIB });
  append("p0", 60 * KIB);
  const before = log.open({ start: "none" });
  append("K1", 60 * KIB);
  const start = log.newestStart!;
  const names = ["K1"];
  for (let number = 2; number <= 9; number++) {
    append(`p${number}`, 100 * KIB);
    names.push(`p${number}`);
    assertStrictEquals(log.newestStart, start);
  }
  // Who comes now can begin there, and gets every message since.
  assertEquals(takeNames({ cursor: log.open() }), names.join(" "));
  // Segments before it are gone.
  assert(!log.has({ ...start.segment, id: start.segment.id - 1 }));
  append("p10", 100 * KIB);
  append("p11", 100 * KIB);
  append("p12", 100 * KIB);
  assertEquals(log.newestStart, undefined, "the group is longer than may be kept");
  assert(!log.has(start.segment));
  assertEquals(takeNames({ cursor: log.open() }), "");
  assertEquals(takeNames({ cursor: before }), "");
});

Deno.test("WireLog keeps the newest segment, however old it is", () => {
  const { log, clock, append } = logOf({ maxLagMs: 10, maxLagBytes: 10 });
  append("K0");
  const { segment } = log.newestStart!;
  clock.turn(100_000);
  append("p1", 100);
  assert(log.has(segment));
});

Deno.test("WireLog.shed keeps nothing but the newest segment, and a start that is in it", () => {
  const { log, append } = logOf();
  append("K0", 60 * KIB);
  append("K1", 100 * KIB);
  append("K2", 200 * KIB);
  append("p3", 200 * KIB);
  append("K4", 300 * KIB);
  const start = log.newestStart!;
  log.shed();
  assertStrictEquals(log.newestStart, start);
  assert(log.has(start.segment) && !log.has({ ...start.segment, id: start.segment.id - 1 }));
  assertEquals(takeNames({ cursor: log.open() }), "K4");
});

Deno.test("WireLog.shed forgets a start in a segment that it drops: who comes waits for the next", () => {
  const { log, append } = logOf();
  append("K0", 60 * KIB);
  append("p1", 100 * KIB);
  append("p2", 200 * KIB);
  const first = log.newestStart!.segment;
  log.shed();
  assertEquals(log.newestStart, undefined);
  assert(!log.has(first));
  const reader = { cursor: log.open() };
  assertEquals(takeNames(reader), "");
  append("p3");
  assertEquals(takeNames(reader), "");
  append("K4");
  assertEquals(takeNames(reader), "K4");
});

Deno.test("WireLog.shed of an empty log, and of one segment, takes nothing away", () => {
  const { log, append } = logOf();
  log.shed();
  append("K0");
  log.shed();
  assertEquals(takeNames({ cursor: log.open() }), "K0");
});

Deno.test("WireLog.forgetStart has who comes wait for the next start, and readers in flow go on", () => {
  const { log, append } = logOf();
  const early = { cursor: log.open() };
  append("K0");
  assertEquals(takeNames(early), "K0");
  log.forgetStart();
  const late = { cursor: log.open() };
  append("p1");
  assertEquals([takeNames(early), takeNames(late)], ["p1", ""]);
  append("K2");
  assertEquals([takeNames(early), takeNames(late)], ["K2", "K2"]);
});

Deno.test("WireLog.flush wakes each that waits, once, whatever the others throw", () => {
  const { log } = logOf();
  const woken: string[] = [];
  const errors: unknown[] = [];
  for (const name of ["a", "b", "c"]) {
    const cursor = log.open();
    const onWake = (): void => {
      woken.push(name);
      // A reader that has nothing to do waits again at once.
      cursor.wait(onWake);
      if (name === "b") throw "b is broken";
    };
    cursor.wait(onWake);
  }
  log.flush((error) => errors.push(error));
  assertEquals([woken.join(""), errors], ["abc", ["b is broken"]]);
  log.flush((error) => errors.push(error));
  assertEquals([woken.join(""), errors.length], ["abcabc", 2]);
});

Deno.test("WireLog counts its readers, and forgets those that leave", () => {
  const { log, append } = logOf();
  const first = log.open();
  const second = log.open();
  assertEquals(log.readers, 2);
  first.wait(() => assert(false, "one that has left is woken"));
  first.close();
  first.wait(() => assert(false, "one that has left is woken"));
  append("K0");
  log.flush((error) => {
    throw error;
  });
  second.close();
  second.close();
  assertEquals(log.readers, 0);
});

Deno.test("WireLog.flush wakes nobody who has left in the same flush, and waits on", () => {
  const { log } = logOf();
  const first = log.open();
  const second = log.open();
  first.wait(() => {
    second.close();
    second.wait(() => assert(false, "one that has left is woken"));
  });
  second.wait(() => assert(false, "one that has left is woken"));
  log.flush((error) => {
    throw error;
  });
  assertEquals(log.readers, 1);
});

Deno.test("Readers at one place share a view, and each gets all the bytes at its own", () => {
  const { log, append } = logOf({ start: "none" });
  const prompt = log.open();
  const alike = log.open();
  const slow = log.open();
  const text = new TextDecoder();
  /** The names of the messages that a reader is to write. */
  const names = (bytes: Uint8Array | undefined): string[] =>
    text.decode(bytes).match(/[Kp]\d(?=;)/g) ?? [];
  append("K1", 40 * KIB);
  const first = prompt.next()!;
  assertStrictEquals(alike.next(), first);
  assertEquals(names(first), ["K1"]);
  prompt.advance(first.length);
  append("p2", 10 * KIB);
  // At the place of before, but there is more now.
  assertEquals(names(slow.next()), ["K1", "p2"]);
  assertEquals(names(prompt.next()), ["p2"]);
  prompt.advance(10 * KIB + MESSAGE_HEADER);
  // In another segment, at the same place in it and as long.
  append("p3", 50 * KIB + MESSAGE_HEADER);
  assertEquals(names(prompt.next()), ["p3"]);
  assertEquals(names(slow.next()), ["K1", "p2"]);
  // As long, but from elsewhere.
  prompt.advance(50 * KIB + 2 * MESSAGE_HEADER);
  append("p4", 50 * KIB + MESSAGE_HEADER);
  assertEquals(names(prompt.next()), ["p4"]);
});

/** A format that puts audio in one message, under the first one's name, each name behind the other. */
class JoiningFormat extends TestFormat {
  fails = false;

  joins(of: MediaUnit): boolean {
    return of.kind === "audio" && of.role === "media";
  }

  encodeJoined(units: readonly MediaUnit[], log: WireLogWriter): void {
    if (this.fails) throw new Error("units that cannot be encoded");
    this.encode(unit(units.map(nameOf).join("+"), { dtsMs: units[0]!.dtsUs / 1000 }), log);
  }
}

Deno.test("WireLog joins audio that readers are given at once, and holds it no longer than that", () => {
  const { log, clock, append } = logOf({}, new JoiningFormat());
  const reader = { cursor: log.open() };
  append("K");
  clock.turn(5);
  for (const name of ["a1", "a2"]) {
    clock.turn(10);
    append(name);
  }
  assertEquals(takeNames(reader), "K");
  // A picture comes behind them; and where none does, the flush.
  append("p");
  assertEquals(takeNames(reader), "a1+a2 p");
  append("a3");
  log.flush(fail);
  assertEquals(takeNames(reader), "a3");
  // Of one track, and not so many that a lost packet is a pause.
  append("a4");
  log.append(unit("a5", { track: 1 }), { headers: HeaderSet.EMPTY, startPoint: false });
  for (let number = 0; number < 9; number++) append(`a1${number}`);
  log.flush(fail);
  assertEquals(takeNames(reader), "a4 a5 a10+a11+a12+a13+a14+a15+a16+a17 a18");
  const { entries } = log.newestStart!.segment;
  assertEquals(entries.slice(0, 3).map(({ arrivedMs, end }) => [arrivedMs, end > 0]), [
    [0, true],
    [15, true],
    [25, true],
  ]);
});

Deno.test("WireLog joins nothing where each unit is to wake the readers", () => {
  const { log, append } = logOf({ flush: "unit" }, new JoiningFormat());
  for (const name of ["K", "a1", "a2"]) append(name);
  assertEquals(log.messages, 3);
});

Deno.test("WireLog joins nothing where a reader may have to start at it", () => {
  const { log, append } = logOf({}, new JoiningFormat());
  const reader = { cursor: log.open() };
  // No picture has come: the reader looks for a start, and finds it in any audio.
  append("a1");
  assertEquals(log.messages, 1);
  log.append(unit("a2"), { headers: HeaderSet.EMPTY, startPoint: true });
  assertEquals([log.messages, takeNames(reader)], [2, "a2"]);
  log.isHeld = true;
  append("a3");
  log.isHeld = false;
  append("a4");
  assertEquals(log.messages, 4);
});

Deno.test("WireLog appends what comes behind units that cannot be encoded together", () => {
  const format = new JoiningFormat();
  const { log, append } = logOf({}, format);
  const reader = { cursor: log.open() };
  append("K");
  append("a1");
  format.fails = true;
  assertThrows(() => append("p1"), Error, "units that cannot be encoded");
  append("a2");
  const errors: unknown[] = [];
  log.flush((error) => errors.push(error));
  append("p2");
  assertEquals([takeNames(reader), errors.length, log.messages], ["K p1 p2", 1, 3]);
});

function fail(error: unknown): never {
  throw error;
}
