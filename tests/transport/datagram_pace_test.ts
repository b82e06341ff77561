import { assert, assertEquals } from "@std/assert";
import { DatagramPace, ReadingTurn } from "../../src/transport/mod.ts";
import { TurnedClock } from "../support/turned_clock.ts";

/** A pace in the time of a test, and the rounds of the event loop that it has waited for. */
function paceOf() {
  const clock = new TurnedClock();
  let rounds = 0;
  const turn = new ReadingTurn((callback) => {
    rounds++;
    queueMicrotask(callback);
  });
  return { clock, pace: new DatagramPace(clock, { turn }), rounds: () => rounds };
}

/** Datagrams that leave before one waits. */
function sendAll(pace: DatagramPace): { readonly sent: number; readonly pause: Promise<void> } {
  for (let sent = 0;; sent++) {
    const pause = pace.next();
    if (pause !== undefined) return { sent, pause };
  }
}

Deno.test("DatagramPace has every 32 datagrams wait 2 ms, and what reads from the network has its turn then", async () => {
  const { clock, pace, rounds } = paceOf();
  for (let burst = 1; burst <= 3; burst++) {
    // The first of a later burst is the one that has waited.
    const { sent, pause } = sendAll(pace);
    assertEquals(sent, burst === 1 ? 32 : 31);
    await clock.turnSlowly(1.9);
    assertEquals(rounds(), (burst - 1) * 61);
    await clock.turnSlowly(0.1);
    await pause;
    assertEquals(rounds(), burst * 61);
  }
});

Deno.test("DatagramPace lets whoever had to wait long for its turn send two bursts", async () => {
  const clock = new TurnedClock();
  const turn = new ReadingTurn((callback) => {
    clock.turn(1);
    queueMicrotask(callback);
  });
  const pace = new DatagramPace(clock, { turn });
  const { pause } = sendAll(pace);
  await clock.turnSlowly(2);
  await pause;
  // The first is the one that has waited.
  assertEquals(sendAll(pace).sent, 63);
});

Deno.test("DatagramPace leaves alone what comes with pauses of its own", () => {
  const { clock, pace } = paceOf();
  for (let picture = 0; picture < 50; picture++) {
    for (let packet = 0; packet < 30; packet++) assertEquals(pace.next(), undefined);
    clock.turn(33);
  }
  assertEquals(clock.pending, 0);
});

Deno.test("DatagramPace counts datagrams that leave together, however many those are", () => {
  const { pace } = paceOf();
  assertEquals([pace.next(20), pace.next(12)], [undefined, undefined]);
  assert(pace.next(1) instanceof Promise);
  const large = paceOf().pace;
  assertEquals(large.next(100), undefined);
  assert(large.next(1) instanceof Promise);
});
