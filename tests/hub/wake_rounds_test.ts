import { assertEquals, assertThrows } from "@std/assert";
import { type Sleeper, WakeRounds } from "../../src/hub/wake_rounds.ts";

/** Rounds that a test turns, and what it asked for. */
class TurnedRounds {
  readonly due: (() => void)[] = [];
  readonly rounds = new WakeRounds((callback) => void this.due.push(callback));

  /** The next round of the event loop. */
  turn(): void {
    for (const callback of this.due.splice(0)) callback();
  }
}

/** So many sleepers; each notes its number once it is awake. */
function sleepers(count: number, woken: number[], from = 0): Sleeper[] {
  return Array.from({ length: count }, (_, at) => ({ wake: () => void woken.push(from + at) }));
}

const fail = (error: unknown): void => {
  throw error;
};

Deno.test("WakeRounds wakes 60 readers in a round of the event loop, of all streams together, in their order", () => {
  const turned = new TurnedRounds();
  const { rounds, due } = turned;
  const woken: number[] = [];
  const told: number[] = [];
  rounds.wake(sleepers(40, woken), fail);
  rounds.whenWoken(() => told.push(woken.length));
  rounds.wake(sleepers(100, woken, 40), fail);
  rounds.whenWoken(() => told.push(woken.length));
  assertEquals([woken.length, told, due.length], [60, [40], 1]);
  turned.turn();
  assertEquals([woken.length, told], [120, [40]]);
  turned.turn();
  assertEquals([woken.length, told], [140, [40, 140]]);
  assertEquals(woken, Array.from({ length: 140 }, (_, at) => at));
  // What is left of that round is for whoever comes now, and no other is asked for where all are awake.
  rounds.wake(sleepers(40, woken, 140), fail);
  assertEquals([woken.length, due.length], [180, 0]);
  rounds.wake(sleepers(30, woken, 180), fail);
  rounds.wake(sleepers(30, woken, 210), fail);
  assertEquals([woken.length, due.length], [180, 1]);
  turned.turn();
  assertEquals([woken.length, due.length], [240, 0]);
});

Deno.test("WakeRounds without rounds wakes all at once, and those behind them who are given meanwhile", () => {
  const rounds = new WakeRounds();
  const woken: number[] = [];
  const further = sleepers(2, woken, 200);
  rounds.wake([{ wake: () => rounds.wake(further, fail) }, ...sleepers(200, woken)], fail);
  assertEquals(woken, Array.from({ length: 202 }, (_, at) => at));
  let isTold = false;
  rounds.whenWoken(() => isTold = true);
  assertEquals(isTold, true);
});

Deno.test("WakeRounds goes on behind a reader that throws, and behind an owner that does", () => {
  const turned = new TurnedRounds();
  const woken: number[] = [];
  const errors: unknown[] = [];
  const broken: Sleeper = { wake: () => fail("broken") };
  turned.rounds.wake([broken, ...sleepers(1, woken)], (error) => errors.push(error));
  assertEquals([errors, woken], [["broken"], [0]]);
  assertThrows(
    () => turned.rounds.wake([new Thrower(), ...sleepers(1, woken, 1)], fail),
    Error,
    "broken",
  );
  assertEquals(woken, [0]);
  turned.rounds.whenWoken(() => {});
  assertEquals(woken, [0, 1]);
});

class Thrower implements Sleeper {
  wake(): void {
    throw new Error("broken");
  }
}
