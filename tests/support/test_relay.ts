/** A relay of a test's own server. */
import { assertEquals } from "@std/assert";
import type { Clock } from "../../src/hub/mod.ts";
import { Relay, type RelayOptions, type RelayStatistics } from "../../src/server/mod.ts";
import { systemClock } from "../../src/transport/system_clock.ts";
import type { LogBook, TestServer } from "./test_server.ts";

/** A relay that stops at the end of its block. */
export class TestRelay implements AsyncDisposable {
  readonly relay: Relay;

  constructor(weir: TestServer, options: RelayOptions, clock: Clock = systemClock) {
    const { hub } = weir.server;
    this.relay = new Relay({ hub, log: weir.log, clock, random: () => 1 }, {
      retryMs: 50,
      ...options,
    });
    this.relay.start();
  }

  get statistics(): RelayStatistics {
    return this.relay.statistics;
  }

  get state(): string {
    return this.relay.statistics.state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay.stop();
    assertEquals(this.state, "stopped");
  }
}

/** What the log says of relays, in order: `started`, `ended` with the reason, `failed` (again in time or not). */
export function relayStory(log: LogBook): string[] {
  return log.lines
    .filter(({ message, level }) => message.startsWith("relay ") && level !== "debug")
    .map(({ message, fields }) => {
      const [, word] = message.split(" ");
      const again = fields.retryMs === undefined ? "" : ", again later";
      return word === "ended" ? `ended: ${fields.reason}${again}` : `${word}${again}`;
    });
}

/** Whose timers fire at once, and that notes how long they should have taken. */
export class HastyClock implements Clock {
  readonly waits: number[] = [];
  #nowMs = 0;

  now(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): { cancel(): void } {
    this.waits.push(delayMs);
    const id = setTimeout(() => {
      this.#nowMs += delayMs;
      callback();
    }, 0);
    return { cancel: () => clearTimeout(id) };
  }
}
