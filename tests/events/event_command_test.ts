import { assert, assertEquals, assertThrows } from "@std/assert";
import { type EventCommandOptions, EventOptionsError, ServerEvents } from "../../src/events/mod.ts";
import { filledArguments } from "../../src/events/command_arguments.ts";
import { EventCommand } from "../../src/events/event_command.ts";
import { StreamLives } from "../../src/events/stream_lives.ts";
import { LogBook } from "../support/test_server.ts";
import { settled, TurnedClock } from "../support/turned_clock.ts";

const URLS = { rtmp: "rtmp://127.0.0.1:1935", rtsp: "" };

/** A command in simulated time, whose programs end when the test says so. */
function bench(
  options: Partial<EventCommandOptions> = {},
  { live = [] }: { readonly live?: readonly string[] } = {},
) {
  const clock = new TurnedClock();
  const log = new LogBook();
  const started: {
    run: readonly string[];
    end: (how: string) => void;
    signals: string[];
    say: (line: string) => void;
  }[] = [];
  const events = new ServerEvents(() => {});
  const command = new EventCommand("commands[0]", {
    on: "stream-ready",
    run: ["ffmpeg", "-i", "{rtmp}/{stream}"],
    ...options,
  }, {
    log,
    clock,
    urls: () => URLS,
    live: () => live,
    start: (run, say) => {
      const { promise, resolve: end } = Promise.withResolvers<string>();
      const signals: string[] = [];
      started.push({ run, end, signals, say });
      return { ended: promise, kill: (signal) => void signals.push(signal) };
    },
  });
  command.listen(events);
  return { clock, log, started, events, command };
}

Deno.test("a program runs as long as its stream lives, is begun again with back-off, and ended with the stream", async () => {
  const { clock, log, started, events } = bench({ paths: "live/*" });
  events.emit("stream-ready", { stream: "other/cam" });
  events.emit("stream-ready", { stream: "live/cam" });
  assertEquals(started.map(({ run }) => run), [["ffmpeg", "-i", "rtmp://127.0.0.1:1935/live/cam"]]);
  for (const [waitMs, count] of [[1000, 2], [2000, 3], [4000, 4]] as const) {
    started.at(-1)!.end("exit code 1");
    await clock.turnSlowly(waitMs - 1);
    assertEquals(started.length, count - 1);
    await clock.turnSlowly(1);
    assertEquals(started.length, count);
  }
  // One that has run well begins anew at once.
  await clock.turnSlowly(60_000);
  started.at(-1)!.end("exit code 0");
  await clock.turnSlowly(1000);
  assertEquals(started.length, 5);
  started.at(-1)!.say("frame= 1");
  events.emit("stream-ended", { stream: "live/cam" });
  assertEquals(started.at(-1)!.signals, ["SIGTERM"]);
  await clock.turnSlowly(5000);
  assertEquals(started.at(-1)!.signals, ["SIGTERM", "SIGKILL"]);
  started.at(-1)!.end("ended by SIGKILL");
  await clock.turnSlowly(100_000);
  assertEquals([started.length, clock.pending], [5, 0]);
  assertEquals(
    log.lines.filter(({ message }) => message === "command output").map(({ fields }) =>
      fields["line"]
    ),
    ["frame= 1"],
  );
});

Deno.test("a stream that ends while its program waits to begin again has none begun", async () => {
  const { clock, started, events } = bench();
  events.emit("stream-ready", { stream: "a" });
  started[0]!.end("exit code 1");
  await settled();
  events.emit("stream-ended", { stream: "a" });
  await clock.turnSlowly(100_000);
  assertEquals([started.length, clock.pending], [1, 0]);
});

Deno.test("a stream that comes again has its program begun when the former has ended, and not beside it", async () => {
  const live: string[] = [];
  const { started, events, command } = bench({}, { live });
  const turn = (on: "stream-ready" | "stream-ended", stream: string): void => {
    if (on === "stream-ready") live.push(stream);
    else live.splice(live.indexOf(stream), 1);
    events.emit(on, { stream });
  };
  for (let again = 0; again < 3; again++) {
    turn("stream-ready", "a");
    turn("stream-ended", "a");
  }
  turn("stream-ready", "a");
  assertEquals(started.map(({ signals }) => signals), [["SIGTERM"]]);
  started[0]!.end("ended by SIGTERM");
  await settled();
  assertEquals(started.map(({ signals }) => signals), [["SIGTERM"], []]);
  // What has not ended counts too, and what ends for good has nothing begun in its place.
  turn("stream-ended", "a");
  for (let n = 0; n < 100; n++) turn("stream-ready", `b${n}`);
  assertEquals(started.length, 2 + 63);
  turn("stream-ready", "a");
  const left = command.leave();
  for (const { end } of started) end("ended by SIGTERM");
  await left;
  assertEquals(started.length, 2 + 63);
});

Deno.test("a command that comes later is run for the streams that live, and goes on for those that it is still for", async () => {
  const live = ["live/a", "live/b", "other/c"];
  const { started, events, command } = bench({ paths: "live/*" }, { live });
  const streams = () => started.map(({ run }) => run.at(-1)!.split("/").slice(3).join("/"));
  assertEquals(streams(), ["live/a", "live/b"]);
  const next = bench({ paths: ["live/b", "other/*"] }).command;
  assert(command.runsAs({ on: "stream-ready", run: ["ffmpeg", "-i", "{rtmp}/{stream}"] }));
  assert(!command.runsAs({ on: "stream-ready", run: ["ffmpeg", "-i", "{rtsp}/{stream}"] }));
  assert(!command.runsAs({ on: "stream-ended", run: ["ffmpeg", "-i", "{rtmp}/{stream}"] }));
  command.follow(next);
  assertEquals(streams(), ["live/a", "live/b", "other/c"]);
  assertEquals(started.map(({ signals }) => signals), [["SIGTERM"], [], []]);
  const left = command.leave();
  events.emit("stream-ready", { stream: "live/b2" });
  assertEquals(started.map(({ signals }) => signals), [["SIGTERM", "SIGTERM"], ["SIGTERM"], [
    "SIGTERM",
  ]]);
  for (const { end } of started) end("ended by SIGTERM");
  await left;
  assertEquals(started.length, 3);
});

Deno.test("what a command has run once goes on to its end when the command is no more", async () => {
  const { started, events, command } = bench({ on: "stream-ended", run: ["tidy", "{stream}"] });
  events.emit("stream-ended", { stream: "a" });
  let hasLeft = false;
  const left = command.leave().then(() => hasLeft = true);
  events.emit("stream-ended", { stream: "b" });
  await settled();
  assertEquals([started.length, started[0]!.signals, hasLeft], [1, [], false]);
  started[0]!.end("exit code 0");
  assertEquals(await left, true);
});

Deno.test("a program for an event runs once, so many at a time, and the server's end is theirs", async () => {
  const { clock, log, started, events, command } = bench({
    on: "publish-start",
    run: ["notify", "{stream}", "{user}", "{address}"],
  });
  const connection = {
    id: 1,
    protocol: "rtmp",
    address: "203.0.113.9",
    app: "live",
    userAgent: "",
  };
  for (let n = 0; n < 100; n++) {
    events.emit("publish-start", { connection, stream: "live/cam", user: "ann" });
  }
  assertEquals(started.length, 64);
  assertEquals(started[0]!.run, ["notify", "live/cam", "ann", "203.0.113.9"]);
  assert(log.lines.some(({ message }) => message.includes("too many of it run")));
  started[0]!.end("exit code 3");
  await settled();
  assert(
    log.lines.some(({ message, fields }) =>
      message === "a command has failed" && fields["reason"] === "exit code 3"
    ),
  );
  const closing = command.close();
  assertEquals(started[1]!.signals, ["SIGTERM"]);
  for (const { end } of started) end("ended by SIGTERM");
  await closing;
  events.emit("publish-start", { connection, stream: "live/cam" });
  await settled();
  assertEquals([started.length, clock.pending], [64, 0]);
});

Deno.test("values of clients stay in their argument, and make no option of it", () => {
  const fill = (run: string[], stream: string) =>
    filledArguments(run, { detail: { stream }, urls: URLS });
  assertEquals(fill(["x", "{stream}", "a {app} {name} b", "{nothing}"], "live/a b; rm -rf $HOME"), [
    "x",
    "live/a b; rm -rf $HOME",
    "a live a b; rm -rf $HOME b",
    "{nothing}",
  ]);
  assertEquals(
    fill(["x", "{app}{name}"], "{user}/{rtmp}"),
    ["x", "{user}{rtmp}"],
    "values are not looked into",
  );
  assertEquals(fill(["x", "-i", "--out={stream}"], "-f"), ["x", "-i", "--out=-f"]);
  for (const stream of ["-y", "-filter_complex", "@file"]) {
    assertEquals(fill(["x", "{stream}"], stream), undefined);
  }
  assertEquals(fill(["x", "{name}"], "live/-y"), undefined);
  assertEquals(fill(["x", "{name}"], "live//etc"), undefined);
});

Deno.test("a name that would be an option is not run, and said so", () => {
  const { log, started, events } = bench({ run: ["x", "{stream}"] });
  events.emit("stream-ready", { stream: "-y" });
  assertEquals(started.length, 0);
  assert(log.lines.some(({ message }) => message.includes("taken for an option")));
});

Deno.test("wrong options of commands are told by where they are", () => {
  const rows: [Partial<EventCommandOptions>, string][] = [
    [{ on: "nothing" as "connect" }, "commands[0].on"],
    [{ run: [] }, "commands[0].run"],
    [{ run: [""] }, "commands[0].run"],
    [{ run: ["{stream}"] }, "commands[0].run"],
    [{ run: "ffmpeg -i x" as unknown as string[] }, "commands[0].run"],
    [{ run: ["x", "a\0b"] }, "commands[0].run"],
    [{ paths: "a*" }, "commands[0].paths"],
  ];
  for (const [options, path] of rows) {
    assertEquals(assertThrows(() => bench(options), EventOptionsError).path, path);
  }
});

Deno.test("a stream lives from its first publisher to some time after its last, whatever order they come and go in", () => {
  const clock = new TurnedClock();
  const heard: string[] = [];
  const lives = new StreamLives({
    clock,
    lingerMs: () => 1000,
    onReady: (name) => heard.push(`+${name}`),
    onEnded: (name) => heard.push(`-${name}`),
  });
  lives.begin("a");
  lives.begin("a");
  lives.end("a");
  clock.turn(5000);
  lives.end("a");
  clock.turn(999);
  lives.begin("a");
  clock.turn(5000);
  lives.end("a");
  assertEquals(heard, ["+a"]);
  clock.turn(1000);
  lives.end("a");
  assertEquals([heard, clock.pending], [["+a", "-a"], 0]);
});
