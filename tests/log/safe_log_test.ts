import { assertEquals } from "@std/assert";
import { type LogFields, safeLog, type ServerLog } from "../../src/log/mod.ts";

/** A log that fails as long as it is told to, by throwing or by a promise. */
class BrokenLog implements ServerLog {
  isBroken = false;
  isAsync = false;
  readonly lines: [string, string, LogFields | undefined][] = [];
  readonly debug = this.#at("debug");
  readonly info = this.#at("info");
  readonly warn = this.#at("warn");
  readonly error = this.#at("error");

  #at(level: string) {
    return (message: string, fields?: LogFields): void => {
      if (this.isBroken && this.isAsync) {
        return Promise.reject(new Error("disk full")) as unknown as void;
      }
      if (this.isBroken) throw new Error("disk full");
      this.lines.push([level, message, fields]);
    };
  }
}

const LOST = "log lines were lost, since they could not be written";

for (const isAsync of [false, true]) {
  const how = isAsync ? "rejects" : "throws";
  Deno.test(`safeLog lets nobody hear of a log that ${how}, and tells what was lost when it works again`, async () => {
    const broken = new BrokenLog();
    broken.isAsync = isAsync;
    const log = safeLog(broken);
    log.info("before", { a: 1 });
    broken.isBroken = true;
    for (const level of ["debug", "info", "warn", "error"] as const) {
      log[level]("lost");
      // The rejection is heard of.
      await Promise.resolve();
      await Promise.resolve();
    }
    broken.isBroken = false;
    log.error("after");
    log.debug("later");
    assertEquals(broken.lines, [
      ["info", "before", { a: 1 }],
      ["warn", LOST, { lines: 4, reason: "Error: disk full" }],
      ["error", "after", undefined],
      ["debug", "later", undefined],
    ]);
  });
}

Deno.test("safeLog counts on when the line that tells of the lost ones is lost too", () => {
  const broken = new BrokenLog();
  const log = safeLog({
    ...broken,
    warn(message, fields) {
      if (warnFails) throw new Error("disk full");
      broken.warn(message, fields);
    },
  });
  let warnFails = true;
  broken.isBroken = true;
  log.info("lost");
  broken.isBroken = false;
  log.info("lost, since what comes before it is");
  warnFails = false;
  log.info("after");
  assertEquals(broken.lines.map(([, message, fields]) => [message, fields?.lines]), [
    [LOST, 2],
    ["after", undefined],
  ]);
});

Deno.test("LogFields takes no name that every line has", () => {
  // @ts-expect-error: `message` is the line's text
  const message: LogFields = { message: "why" };
  // @ts-expect-error: `level` is the line's level
  const level: LogFields = { level: 1 };
  // @ts-expect-error: `time` is the line's time
  const time: LogFields = { time: 1 };
  const fields: LogFields = { reason: "why" };
  assertEquals([message, level, time, fields].length, 4);
});
