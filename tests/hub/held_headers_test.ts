/** Headers that change with each frame are kept by all that was sent under them: they are counted, and bounded. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  HeaderSet,
  hubSettings,
  type MediaUnit,
  UNIT_COST_BYTES,
  unitBytes,
  WireLog,
  type WireLogWriter,
  type WirePlace,
} from "../../src/hub/mod.ts";
import { KeptGroup } from "../../src/hub/kept_group.ts";
import { fakeHub, MESSAGE_HEADER, read, TestFormat, unit } from "./hub_support.ts";
import { TurnedClock } from "../support/turned_clock.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Players of it get no metadata, as those of RTSP do. */
class MediaFormat extends TestFormat {
  override encode(of: MediaUnit, log: WireLogWriter): void {
    if (of.role === "media") super.encode(of, log);
    if (of.role === "end") {
      super.encode(of, log);
      throw new Error("a unit that cannot be encoded");
    }
  }
}

/** Appends pictures, each under metadata of its own of `bytes` bytes; the first is a start. */
function flood(log: WireLog, count: number, bytes: number): WirePlace[] {
  const starts: WirePlace[] = [];
  let headers = HeaderSet.EMPTY.with(unit("V", { bytes: 500 }));
  for (let number = 0; number < count; number++) {
    headers = headers.with(unit(`M${number}`, { bytes }));
    log.append(unit(number === 0 ? "K" : "p"), { headers, startPoint: number === 0 });
    if (log.newestStart !== undefined) starts.push(log.newestStart);
  }
  return starts;
}

function logOf(options: { maxLagBytes?: number; maxGopBytes?: number } = {}): WireLog {
  const settings = hubSettings({ clock: new TurnedClock(), maxGopBytes: 0, ...options });
  return new WireLog(new MediaFormat(), settings);
}

/** Bytes of the headers that can be reached from messages, each counted once. */
function reachableBytes(messages: readonly { readonly headers: HeaderSet }[]): number {
  const units = new Set(messages.flatMap(({ headers }) => headers.units));
  return [...units].reduce((sum, one) => sum + unitBytes(one), 0);
}

Deno.test("HeaderSet tells what it takes beside one that is kept already", () => {
  const first = HeaderSet.EMPTY.with(unit("V", { bytes: 500 })).with(unit("M", { bytes: 100 }));
  const second = first.with(unit("M2", { bytes: 200 }));
  const own = (set: HeaderSet, other?: HeaderSet): number => set.bytesBeside(other);
  assertEquals([own(first, first), own(HeaderSet.EMPTY), own(second, second)], [0, 0, 0]);
  assertEquals(own(second) - own(second, first), 500 + UNIT_COST_BYTES);
  assert(own(first) > 600 + 2 * UNIT_COST_BYTES && own(first) < 1400);
  assert(own(second, first) > 200 + UNIT_COST_BYTES && own(second, first) < 700);
});

Deno.test("a header that is remembered keeps nothing alive of what was read together with it", () => {
  const slab = new Uint8Array(MIB);
  const body = slab.subarray(1000, 1010).fill(7);
  const metadata: MediaUnit = { ...unit("M"), payload: { format: "flv", body } };
  const [kept] = HeaderSet.EMPTY.with(metadata).units;
  assert(kept!.payload.format === "flv");
  assertEquals([kept!.payload.body, kept!.payload.body.buffer.byteLength], [body, 10]);
  // What is alone in its buffer is not copied.
  const own = unit("V", { bytes: 50 });
  const [same] = HeaderSet.EMPTY.with(own).units;
  assert(same!.payload.format === "flv" && own.payload.format === "flv");
  assertStrictEquals(same!.payload.body, own.payload.body);
});

Deno.test("WireLog counts the headers that its messages hold, where they change", () => {
  const log = logOf({ maxLagBytes: 100 * MIB, maxGopBytes: 100 * MIB });
  flood(log, 1, 100);
  const before = log.heldBytes;
  log.append(unit("p"), {
    headers: log.newestStart!.segment.entries[0]!.headers,
    startPoint: false,
  });
  assert(log.heldBytes - before < 200, "headers that stay cost nothing more");
  const starts = flood(log, 50, 10 * KIB);
  const { segment } = starts.at(-1)!;
  const reachable = reachableBytes(segment.entries);
  assert(reachable > 500 * KIB);
  assert(log.heldBytes - before >= reachable, `${log.heldBytes} of ${reachable}`);
  assert(log.heldBytes - before < reachable + 50 * 1000);
});

Deno.test("WireLog takes back what the headers of a unit cost that a format threw at", () => {
  const log = logOf();
  flood(log, 3, 1000);
  const before = log.heldBytes;
  const headers = HeaderSet.EMPTY.with(unit("M", { bytes: 100_000 }));
  for (let times = 0; times < 3; times++) {
    try {
      log.append(unit("E"), { headers, startPoint: false });
      assert(false, "it throws");
    } catch (error) {
      assert((error as Error).message.includes("cannot be encoded"));
    }
    assertEquals(log.heldBytes, before);
  }
});

Deno.test("headers that change with each frame are bounded as bytes are, in the log of a format that does not send them (threats: memory by size)", () => {
  const log = logOf({ maxLagBytes: 8 * MIB });
  let most = 0;
  let headers = HeaderSet.EMPTY;
  for (let number = 0; number < 300; number++) {
    headers = headers.with(unit(`M${number}`, { bytes: 700 * KIB }));
    log.append(unit("K"), { headers, startPoint: true });
    most = Math.max(most, log.heldBytes);
    const { segment } = log.newestStart!;
    assert(reachableBytes(segment.entries) <= 2 * MIB, "one segment holds few of them");
  }
  assert(most < 12 * MIB, `${most} bytes`);
  log.shed();
  assert(log.heldBytes < 3 * MIB, `${log.heldBytes} bytes after shedding`);
});

Deno.test("a hub whose publishers change their metadata with each frame stays below its bound (threats: global budgets)", () => {
  const { hub } = fakeHub({
    maxHeldBytes: 8 * MIB,
    maxLagBytes: 1000 * MIB,
    maxGopBytes: 1000 * MIB,
  });
  const publications = Array.from({ length: 4 }, (_, number) => hub.acquire(`live/${number}`));
  const readers = publications.map(({ stream }) =>
    read(stream, { create: () => new MediaFormat() })
  );
  for (const publication of publications) publication.write(unit("K"));
  for (let number = 0; number < 300; number++) {
    for (const publication of publications) {
      publication.write(unit(`M${number}`, { bytes: 50 * KIB }));
      publication.write(unit(`p${number}`));
      publication.commit();
    }
    assert(hub.heldBytes < 12 * MIB, `${hub.heldBytes} bytes at ${number}`);
  }
  for (const reader of readers) reader.close();
  hub.close();
});

Deno.test("KeptGroup counts the headers that its units hold, and lets them go with them", () => {
  const group = new KeptGroup(MIB);
  let headers = HeaderSet.EMPTY;
  let most = 0;
  for (let number = 0; number < 100; number++) {
    headers = headers.with(unit(`M${number}`, { bytes: 50 * KIB }));
    group.add({ unit: unit("p"), headers, startPoint: number % 30 === 0 });
    const reachable = reachableBytes(group.units);
    assert(group.heldBytes >= reachable, `${group.heldBytes} of ${reachable}`);
    most = Math.max(most, group.heldBytes);
  }
  assert(most > 900 * KIB && most <= MIB, `${most} bytes`);
  group.clear();
  assertEquals(group.heldBytes, 0);
});

Deno.test("readers that start at one place share the bytes that they begin with, which are counted once", () => {
  const { hub } = fakeHub();
  const publication = hub.acquire("live/cam");
  publication.write(unit("M", { bytes: 300 * KIB }));
  publication.write(unit("K0"));
  const first = read(publication.stream);
  const before = hub.heldBytes;
  const preamble = first.cursor.next()!;
  assertEquals(preamble.length, 300 * KIB + MESSAGE_HEADER);
  assertEquals(hub.heldBytes - before, preamble.length);
  const others = Array.from({ length: 10 }, () => read(publication.stream));
  for (const { cursor } of others) assertStrictEquals(cursor.next()!.buffer, preamble.buffer);
  assertEquals(hub.heldBytes - before, preamble.length);
  // One who begins elsewhere has other bytes.
  publication.write(unit("M2", { bytes: 200 * KIB }));
  publication.write(unit("K1"));
  const earlier = hub.heldBytes;
  const later = read(publication.stream).cursor.next()!;
  assertEquals(later.length, 200 * KIB + MESSAGE_HEADER);
  assertEquals(hub.heldBytes - earlier, later.length, "the others still have theirs");
  hub.close();
});
