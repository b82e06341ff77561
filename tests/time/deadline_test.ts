import { assertEquals, assertRejects } from "@std/assert";
import { type Clock, Deadline, LATE, pause, repeat, within } from "../../src/time/mod.ts";

/** A clock whose timers fire when the test says so. */
class HandClock implements Clock {
  readonly #due = new Set<() => void>();

  now(): number {
    return 0;
  }

  setTimer(callback: () => void): { cancel(): void } {
    const due = () => {
      this.#due.delete(due);
      callback();
    };
    this.#due.add(due);
    return { cancel: () => this.#due.delete(due) };
  }

  get timers(): number {
    return this.#due.size;
  }

  fire(): void {
    for (const due of [...this.#due]) due();
  }
}

Deno.test("within gives what comes in time, and clears its timer", async () => {
  const clock = new HandClock();
  assertEquals(await within(Promise.resolve(7), { clock, ms: 10 }), 7);
  const failing = within(Promise.reject(new Error("no")), { clock, ms: 10 });
  await assertRejects(() => failing, Error, "no");
  assertEquals(clock.timers, 0);
});

Deno.test("within gives LATE when the time is over, and nobody hears of a rejection that comes later", async () => {
  const clock = new HandClock();
  const work = Promise.withResolvers<number>();
  const outcome = within(work.promise, { clock, ms: 10 });
  clock.fire();
  assertEquals(await outcome, LATE);
  // An uncaught rejection would fail this test.
  work.reject(new Error("too late"));
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("a Deadline is one time for several waits", async () => {
  const clock = new HandClock();
  {
    using deadline = new Deadline(clock, 10);
    assertEquals(await deadline.before(Promise.resolve("first")), "first");
    assertEquals(clock.timers, 1);
    clock.fire();
    assertEquals(await deadline.before(new Promise(() => {})), LATE);
    assertEquals(await deadline.before(new Promise(() => {})), LATE);
  }
  assertEquals(clock.timers, 0);
});

Deno.test("pause is over in time, or when its signal aborts, and then leaves no timer", async () => {
  const clock = new HandClock();
  const timed = pause(10, { clock });
  clock.fire();
  await timed;
  const abort = new AbortController();
  const stopped = pause(10, { clock: new HandClock(), signal: abort.signal });
  abort.abort();
  await stopped;
  const cancelled = new HandClock();
  await pause(10, { clock: cancelled, signal: abort.signal });
  assertEquals(cancelled.timers, 0);
});

Deno.test("repeat looks again and again, until it is told that there is nothing more to see", () => {
  const clock = new HandClock();
  let looks = 0;
  repeat(() => ++looks < 3, { clock, ms: 10 });
  for (let i = 0; i < 5; i++) clock.fire();
  assertEquals([looks, clock.timers], [3, 0]);
});

Deno.test("repeat is over when it is cancelled, by what it calls too", () => {
  const clock = new HandClock();
  let looks = 0;
  const timer = repeat(() => {
    looks++;
    timer.cancel();
    return true;
  }, { clock, ms: 10 });
  clock.fire();
  clock.fire();
  assertEquals([looks, clock.timers], [1, 0]);
});
