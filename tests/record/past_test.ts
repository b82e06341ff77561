import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { FlvDecoder } from "../../src/flv/mod.ts";
import { Gate } from "../../src/gate/mod.ts";
import { Hub, type Publication } from "../../src/hub/mod.ts";
import { PeerLog } from "../../src/log/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import {
  MemoryStore,
  PastPlayer,
  pastUnits,
  RecordingError,
  Recordings,
  SegmentStructures,
} from "../../src/record/mod.ts";
import { unitOfFlv } from "../../src/transmux/mod.ts";
import { TurnedClock } from "../support/turned_clock.ts";

const UNIX_MS = Date.UTC(2026, 10, 27, 9);
const SOURCE = new URL("../server/fixtures/short.flv", import.meta.url);
const KINDS = { 8: "audio", 9: "video", 18: "data" } as const;
/** The file: two seconds of 25 pictures a second, and a key frame each 12. */
const LOOP_MS = 2000;

/** The units of the file, over and over. */
function* loop(): Generator<MediaUnit> {
  const tags = new FlvDecoder().push(Deno.readFileSync(SOURCE));
  for (let atMs = 0;; atMs += LOOP_MS) {
    for (const { type, timestampMs, body } of tags) {
      if (timestampMs >= LOOP_MS) continue;
      const dtsUs = (atMs + timestampMs) * 1000;
      const unit = unitOfFlv({ kind: KINDS[type as 8 | 9 | 18], dtsUs, body });
      if (unit !== undefined) yield unit;
    }
  }
}

/** Lets all go on that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

/** A stream that is kept, in simulated time. */
function kept(keepMs = 60_000) {
  const clock = new TurnedClock();
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const hub = new Hub({ clock, lingerMs: 1000 });
  const nowUnixMs = (): number => UNIX_MS + clock.now();
  const gate = new Gate({ hub, log: silent, peers: new PeerLog(silent, clock), clock });
  const recordings = new Recordings({ hub, gate: () => gate, log: silent, clock, nowUnixMs }, [{
    name: "*",
    to: new MemoryStore({ nowUnixMs }),
    segmentMs: 5000,
    partMs: 500,
    keepMs,
    keepBytes: 1e9,
  }]);
  recordings.start();
  const structures = new SegmentStructures(recordings);
  let units = loop();
  let publication: Publication | undefined;
  let pending: MediaUnit | undefined;
  let startedMs = 0;
  /** Lets time pass, while the publisher sends. */
  const pass = async (ms: number, { isPublishing = true } = {}): Promise<void> => {
    if (isPublishing && publication === undefined) {
      publication = hub.acquire("live/cam");
      [units, pending, startedMs] = [loop(), undefined, clock.now()];
    } else if (!isPublishing) {
      publication?.release();
      publication = undefined;
    }
    const until = clock.now() + ms;
    while (clock.now() < until) {
      clock.turn(Math.min(20, until - clock.now()));
      for (;;) {
        pending ??= units.next().value as MediaUnit;
        if (publication === undefined || startedMs + pending.dtsUs / 1000 > clock.now()) break;
        publication.write(pending);
        publication.commit();
        pending = undefined;
      }
      await settle();
    }
  };
  const play = async (fromMs: number, { catchesUp = false, aheadMs = 0 } = {}) => {
    const abort = new AbortController();
    const stream = hub.detached("live/cam", () => player.start());
    const fromUnixMs = nowUnixMs() + fromMs;
    const failures: unknown[] = [];
    const player: PastPlayer = new PastPlayer({
      stream,
      events: pastUnits(recordings, {
        ...{ name: "live/cam", fromUnixMs, structures, clock },
        ...{ patienceMs: 1000, signal: abort.signal },
      }),
      ...{ fromUnixMs, catchesUp, aheadMs, clock, nowUnixMs },
      onFailed: (error) => void failures.push(error),
    });
    await player.open();
    const seen: { readonly unit: MediaUnit; readonly behindMs: number }[] = [];
    const ends: string[] = [];
    const untap = stream.tap((unit) => {
      const epochUs = stream.publication!.epochUnixUs!;
      seen.push({ unit, behindMs: nowUnixMs() - (epochUs + unit.dtsUs) / 1000 });
    }, (reason) => void ends.push(reason));
    const pictures = () =>
      seen.filter(({ unit }) => unit.kind === "video" && unit.role === "media");
    return { player, stream, seen, pictures, ends, failures, untap };
  };
  const stop = async (): Promise<void> => {
    hub.close();
    for (let turn = 0; turn < 20; turn++) {
      clock.turn(100);
      await settle();
    }
    await recordings.stop();
  };
  return { clock, hub, recordings, pass, play, stop };
}

Deno.test("a stream is played from some time ago on, at its own pace, and stays as far behind", async () => {
  const { hub, pass, play, stop } = kept();
  await pass(20_000);
  const past = await play(-10_000);
  await settle();
  // At once, what leads from the key frame before it on to that time.
  const first = past.pictures();
  assert(first.length >= 1 && first.length <= 13, String(first.length));
  assert(first[0]!.unit.keyFrame);
  assertAlmostEquals(past.player.startUnixMs, UNIX_MS + 10_000, 700);
  await pass(1000);
  assertAlmostEquals(past.pictures().length - first.length, 25, 2);
  await pass(7000);
  assertAlmostEquals(past.pictures().length - first.length, 200, 2);
  const after = past.pictures().slice(first.length + 1);
  for (const { behindMs } of after) assertAlmostEquals(behindMs, 10_000, 150);
  // Every picture and every piece of sound, once and in order.
  const times = past.pictures().map(({ unit }) => unit.dtsUs);
  const steps = times.slice(1).map((time, at) => time - times[at]!);
  for (const step of steps) assertAlmostEquals(step, 40_000, 1500);
  const sound = past.seen.filter(({ unit }) => unit.kind === "audio" && unit.role === "media");
  const soundTimes = sound.map(({ unit }) => unit.dtsUs);
  assertEquals(soundTimes, soundTimes.toSorted((a, b) => a - b));
  assert(hub.heldBytes > 0);
  past.player.close();
  assertEquals([past.ends, past.failures], [["closed"], []]);
  await stop();
});

Deno.test("who catches up is faster than time until it is live, and then as late as a fragment takes", async () => {
  const { pass, play, stop } = kept();
  await pass(20_000);
  const past = await play(-12_000, { catchesUp: true });
  await pass(1000);
  assertAlmostEquals(past.pictures().length, 100, 20);
  await pass(5000);
  const live = past.pictures().at(-1)!.behindMs;
  assert(live < 2100, String(live));
  const before = past.pictures().length;
  await pass(2000);
  assertAlmostEquals(past.pictures().length - before, 50, 15);
  assert(past.pictures().at(-1)!.behindMs < 2100);
  past.player.close();
  await stop();
});

Deno.test("what is older than all that is kept begins with the oldest, and nobody waits for a gap", async () => {
  const { pass, play, stop } = kept();
  await pass(6000);
  await pass(9000, { isPublishing: false });
  await pass(6000);
  const past = await play(-100_000, { aheadMs: 1000 });
  assertAlmostEquals(past.player.startUnixMs, UNIX_MS, 100);
  await settle();
  assertAlmostEquals(past.pictures().length, 25, 3);
  await pass(4500);
  const before = past.pictures().length;
  await pass(3000);
  // The six seconds before the gap are over, and those behind it have begun.
  assertAlmostEquals(past.pictures().length - before, 75, 8);
  const times = past.pictures().map(({ unit }) => unit.dtsUs);
  assertEquals(times, times.toSorted((a, b) => a - b));
  past.player.close();
  await stop();
});

Deno.test("files that are removed meanwhile are passed over, and the end of the stream is its end", async () => {
  const { recordings, pass, play, stop } = kept(6000);
  await pass(14_000);
  // What is as old as what is kept is removed before it is its turn.
  const past = await play(-13_000);
  await recordings.sweep();
  await pass(8000);
  const times = past.pictures().map(({ unit }) => unit.dtsUs);
  assert(times.length > 100, String(times.length));
  assertEquals(times, times.toSorted((a, b) => a - b));
  await pass(20_000, { isPublishing: false });
  assertEquals(past.ends, ["unpublished"]);
  assertEquals(past.failures, []);
  await stop();
});

Deno.test("a player that waits at the newest that there is goes on with what comes", async () => {
  const { pass, play, stop } = kept();
  await pass(3000);
  const past = await play(-100);
  await pass(4000);
  assertAlmostEquals(past.pictures().length, 100, 30);
  past.player.close();
  const { recordings } = kept();
  const abort = new AbortController();
  const nothing = pastUnits(recordings, {
    ...{ name: "live/other", fromUnixMs: 0, structures: new SegmentStructures(recordings) },
    ...{ clock: new TurnedClock(), patienceMs: 0, signal: abort.signal },
  });
  await assertRejects(() => nothing.next(), RecordingError, "Nothing is kept of live/other");
  await stop();
});
