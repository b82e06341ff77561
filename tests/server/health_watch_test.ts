import { assertEquals } from "@std/assert";
import { StreamHealth } from "../../src/health/mod.ts";
import { HealthWatch } from "../../src/server/health_watch.ts";
import type { Ticket, TicketInfo } from "../../src/server/mod.ts";
import { LogBook } from "../support/test_server.ts";

/** The ticket of a publisher whose only key frame is its first picture. */
function publisher(name: string, via?: string): Ticket & { nowMs: number } {
  const health = new StreamHealth();
  const ticket = {
    nowMs: 0,
    info: { stream: name, connection: 7 } as TicketInfo,
    isOwn: false,
    via,
    kick: () => {},
    get health() {
      return health.report(this.nowMs);
    },
  };
  for (let index = 0; index < 25 * 20; index++) {
    health.take({
      kind: "video",
      role: "media",
      track: 0,
      dtsUs: index * 40_000,
      ptsUs: index * 40_000,
      keyFrame: index === 0,
      discardable: false,
      payload: { format: "access-unit", data: new Uint8Array(100) },
    }, index * 40);
  }
  return ticket as unknown as Ticket & { nowMs: number };
}

Deno.test("what an encoder should change stands in the log once a publisher", () => {
  const log = new LogBook();
  const tickets = [publisher("live/a")];
  const watch = new HealthWatch({ tickets: () => tickets, log });
  const tellAt = (nowMs: number): string[] => {
    for (const ticket of tickets) ticket.nowMs = nowMs;
    const before = log.lines.length;
    watch.tick(nowMs);
    return log.lines.slice(before).map(({ fields }) => `${fields.stream} ${fields.about}`);
  };
  assertEquals(tellAt(1000), [], "before rates are known nothing is said");
  assertEquals(tellAt(19_980), ["live/a no-key-frame"]);
  assertEquals(tellAt(24_000), [], "it is not looked all the time");
  assertEquals(tellAt(25_500).includes("live/a no-key-frame"), false);
  tickets.push(publisher("live/b"));
  tickets.push(publisher("live/c", "edge-1"));
  const told = tellAt(31_000);
  assertEquals(told.includes("live/b no-key-frame"), true, "another is told of too");
  assertEquals(told.includes("live/c no-key-frame"), false, "of one elsewhere it is told there");
});
