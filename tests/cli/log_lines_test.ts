import { assertEquals, assertThrows } from "@std/assert";
import { LogRecord } from "@std/log/logger";
import { UsageError } from "../../src/cli/usage_error.ts";
import { jsonLine, textLine } from "../../src/cli/log_lines.ts";
import { LogLevels } from "@std/log/levels";
import { optionsOfArguments } from "../support/settings_of_arguments.ts";

function record(msg: string, fields?: Record<string, unknown>): LogRecord {
  return new LogRecord({
    msg,
    args: fields === undefined ? [] : [fields],
    level: LogLevels.WARN,
    loggerName: "weir",
  });
}

Deno.test("textLine writes fields behind the message, quoted where they need it", () => {
  const line = textLine(record("rtmp closed", { stream: "live/cam", reason: "it is over", n: 3 }));
  assertEquals(line.slice(25), 'WARN rtmp closed stream=live/cam reason="it is over" n=3');
});

Deno.test("textLine escapes what would end the line or move the cursor, in keys of no peer's choice", () => {
  const line = textLine(record("a\nb", { app: 'x\r\n\u001b[2J\u2028\u202e y"z\\' }));
  assertEquals(line.slice(25), 'WARN a\\u000ab app="x\\r\\n\\u001b[2J\\u2028\\u202e y\\"z\\\\"');
});

Deno.test("jsonLine keeps the message and the level, whatever the fields are called", () => {
  const line = jsonLine(
    record("closed", { message: "field", level: "x", time: 1, app: "\u009b1A" }),
  );
  assertEquals(JSON.parse(line).message, "closed");
  assertEquals(JSON.parse(line).level, "warn");
  assertEquals(JSON.parse(line).app, "\u009b1A");
  assertEquals(line.includes("\u009b"), false);
});

Deno.test("both formats have every field of a line, one that is called as the line's own too", () => {
  const fields = { message: "why", level: "x", time: 1, app: "live" };
  const line = JSON.parse(jsonLine(record("closed", fields)));
  assertEquals([line.message_, line.level_, line.time_, line.app], ["why", "x", 1, "live"]);
  const text = textLine(record("closed", fields));
  assertEquals(text.slice(25), "WARN closed message_=why level_=x time_=1 app=live");
});

Deno.test("parseArguments takes every form of an address", () => {
  const rtmp = (text: string) => optionsOfArguments(["--rtmp", text]).rtmp;
  assertEquals(rtmp("1935"), { port: 1935 });
  assertEquals(rtmp(":1936"), { port: 1936 });
  assertEquals(rtmp("127.0.0.1:0"), { hostname: "127.0.0.1", port: 0 });
  assertEquals(rtmp("[::1]:1935"), { hostname: "::1", port: 1935 });
  assertEquals(rtmp("off"), false);
  for (const text of ["::1:1935", "host:", "host:65536", "1 935", "[::1]", "a/b:1", ""]) {
    assertThrows(() => rtmp(text), UsageError, "[HOST:]PORT or off");
  }
});
