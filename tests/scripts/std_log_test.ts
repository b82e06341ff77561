import { assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import * as log from "@std/log";
import { BaseHandler } from "@std/log/base-handler";
import { ConsoleHandler } from "@std/log/console-handler";
import { jsonFormatter } from "@std/log/formatters";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "@std/log/levels";
import { Logger, LogRecord } from "@std/log/logger";

class MemoryHandler extends BaseHandler {
  readonly lines: string[] = [];
  destroyed = false;
  log(msg: string): void {
    this.lines.push(msg);
  }
  override destroy(): void {
    this.destroyed = true;
  }
}

Deno.test("a Logger passes on what is at its handlers' level and its own", () => {
  const memory = new MemoryHandler("WARN");
  const logger = new Logger("here", "INFO", { handlers: [memory] });
  logger.debug("no");
  logger.info("no");
  logger.warn("w");
  logger.error("e");
  logger.critical("c");
  assertEquals(memory.lines, ["WARN w", "ERROR e", "CRITICAL c"]);
  memory.levelName = "DEBUG";
  logger.levelName = "DEBUG";
  logger.debug("now");
  assertEquals(memory.lines.at(-1), "DEBUG now");
  assertEquals([logger.level, memory.level, logger.loggerName], [10, 10, "here"]);
});

Deno.test("a Logger returns what it was given, and calls functions only when it logs", () => {
  const memory = new MemoryHandler("INFO");
  const logger = new Logger("here", "INFO", { handlers: [memory] });
  const text: string = logger.info("text");
  assertStrictEquals(text, "text");
  assertStrictEquals(logger.debug("text"), "text");
  assertStrictEquals(logger.info(() => 5), 5);
  assertStrictEquals(
    logger.debug(() => {
      throw new Error("must not be called");
    }),
    undefined,
  );
  assertEquals(memory.lines, ["INFO text", "INFO 5"]);
});

Deno.test("a Logger makes text of any value", () => {
  const memory = new MemoryHandler("INFO");
  const logger = new Logger("here", "INFO", { handlers: [memory] });
  logger.info({ a: 1, b: { c: "x" } });
  logger.info(null);
  logger.info(new Error("boom"));
  assertEquals(memory.lines.slice(0, 2), ['INFO {"a":1,"b":{"c":"x"}}', "INFO null"]);
  assertMatch(memory.lines[2]!, /Error: boom\n/);
});

Deno.test("jsonFormatter writes one object a record", () => {
  const make = (...args: unknown[]) =>
    new LogRecord({ msg: "m", args, level: LogLevels.INFO, loggerName: "here" });
  const record = make({ a: 1 });
  assertEquals(JSON.parse(jsonFormatter(record)), {
    level: "INFO",
    datetime: record.datetime.getTime(),
    message: "m",
    args: { a: 1 },
  });
  assertEquals(JSON.parse(jsonFormatter(make(1, 2))).args, [1, 2]);
  assertEquals("args" in JSON.parse(jsonFormatter(make())), false);
});

Deno.test("ConsoleHandler colours lines by level, unless told not to", () => {
  const line = (level: LogLevel, msg: string, useColors?: boolean) =>
    new ConsoleHandler("INFO", useColors === undefined ? {} : { useColors })
      .format(new LogRecord({ msg, args: [], level, loggerName: "here" }));
  assertEquals(line(LogLevels.ERROR, "m", false), "ERROR m");
  const inColor = [
    line(LogLevels.DEBUG, "m"),
    line(LogLevels.INFO, "m"),
    line(LogLevels.WARN, "a\x1b[39mb"),
    line(LogLevels.CRITICAL, "m"),
  ];
  assertEquals(
    inColor,
    Deno.noColor ? ["DEBUG m", "INFO m", "WARN a\x1b[39mb", "CRITICAL m"] : [
      "DEBUG m",
      "\x1b[34mINFO m\x1b[39m",
      "\x1b[33mWARN a\x1b[33mb\x1b[39m",
      "\x1b[1m\x1b[31mCRITICAL m\x1b[39m\x1b[22m",
    ],
  );
});

Deno.test("a record's level is any number and its name any text, as the real package has them", () => {
  const record = new LogRecord({ msg: "m", args: [], level: LogLevels.INFO, loggerName: "here" });
  // @ts-expect-error a number is no level
  const level: LogLevel = record.level;
  // @ts-expect-error a text is no name of a level
  const name: LevelName = record.levelName;
  assertEquals([level, name], [20, "INFO"]);
});

Deno.test("setup names the handlers of loggers, and getLogger finds them", () => {
  const memory = new MemoryHandler("DEBUG");
  log.setup({
    handlers: { memory },
    loggers: { weir: { level: "DEBUG", handlers: ["memory"] } },
  });
  try {
    log.getLogger("weir").debug("hello");
    assertEquals(memory.lines, ["DEBUG hello"]);
    assertEquals(log.getLogger("nobody").handlers, []);
    assertStrictEquals(log.getLogger("nobody"), log.getLogger("nobody"));
    assertEquals(log.getLogger().levelName, "INFO");
    assertStrictEquals(log.getLogger(""), log.getLogger("default"));
  } finally {
    log.setup({});
  }
  assertEquals(memory.destroyed, true);
});

Deno.test("levels have names, and others are refused", () => {
  assertEquals(getLevelByName("ERROR"), 40);
  assertEquals(getLevelName(20), "INFO");
  assertThrows(() => getLevelName(21 as LogLevel), Error, "no name for level: 21");
});
