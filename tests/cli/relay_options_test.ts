import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/usage_error.ts";
import { helpText } from "../../src/cli/help.ts";
import { ConfigError } from "../../src/config/mod.ts";
import type { RelayOptions } from "../../src/server/mod.ts";
import { startWeir } from "../support/process.ts";
import { optionsOfArguments } from "../support/settings_of_arguments.ts";

function relaysOf(...args: string[]): readonly RelayOptions[] | undefined {
  return optionsOfArguments(args).relays;
}

Deno.test("--pull and --push take NAME=URL, each more than once", () => {
  assertEquals(relaysOf(), []);
  const args = [
    "--pull=live/a=rtsp://me:se=cret@cam/x?a=b",
    ...["--push", "live/a=rtmp://far/live/key", "--push", "live/a=rtsps://far/live/key"],
    ...["--pull", "live/b=rtmps://origin/live/b"],
  ];
  assertEquals(relaysOf(...args), [
    { mode: "pull", name: "live/a", url: "rtsp://me:se=cret@cam/x?a=b", on: "always" },
    { mode: "pull", name: "live/b", url: "rtmps://origin/live/b", on: "always" },
    { mode: "push", name: "live/a", url: "rtmp://far/live/key" },
    { mode: "push", name: "live/a", url: "rtsps://far/live/key" },
  ]);
  const [first] = relaysOf("--on-demand", "--pull", "live/b=rtmp://origin/live/b")!;
  assertEquals(first!.on, "demand");
  for (const option of ["--pull", "--push", "--on-demand"]) {
    assertStringIncludes(helpText({ isWhole: false, commands: [] }), option);
  }
});

Deno.test("--pull and --push take patterns; a pull by pattern is on demand without being told", () => {
  const args = ["--pull=live/*=rtmp://origin/live/*", "--push=live/*=rtsp://far/*?x=*"];
  assertThrows(() => relaysOf(...args), UsageError, "1 and 2");
  args[1] = "--push=live/*=rtsp://far/*";
  assertEquals(relaysOf(...args), [
    { mode: "pull", name: "live/*", url: "rtmp://origin/live/*", on: "demand" },
    { mode: "push", name: "live/*", url: "rtsp://far/*" },
  ]);
  const [, always] = relaysOf(...args, "--pull=a/b=rtmp://origin/live/b")!;
  assertEquals(always!.on, "always");
  assertStringIncludes(
    helpText({ isWhole: false, commands: [] }),
    "--pull 'live/*=rtmp://host/live/*'",
  );
});

Deno.test("a wrong --pull or --push is told without the URL, which may have secrets", () => {
  const wrong = (args: string[], text: string) => {
    const error = assertThrows(() => relaysOf(...args), Error, text);
    assert(error instanceof UsageError || error instanceof ConfigError);
    assert(!error.message.includes("se4cret"), error.message);
    assert(!error.message.includes("\n"));
  };
  for (const option of ["--pull", "--push"]) {
    wrong([option], option);
    wrong([option, ""], "NAME=URL");
    wrong([option, "rtsp://me:se4cret@cam/x"], "NAME=URL");
    wrong([option, "rtsp://me:se4cret@cam/x?a=b"], "NAME=URL");
    wrong([option, "=rtsp://me:se4cret@cam/x"], "NAME=URL");
    wrong([option, "live/a=http://me:se4cret@cam/x"], "rtmp, rtmps, rtsp or rtsps");
    wrong([option, "live/a=rtsp://me:se4cret@:99999/x"], "rtmp, rtmps, rtsp or rtsps");
    wrong([option, "live/*=rtsp://me:se4cret@cam/x"], "1 and 0");
    wrong([option, "live/a=rtsp://me:se4cret@cam/*"], "0 and 1");
    wrong([option, "live/a*=rtsp://me:se4cret@cam/*"], "whole segment");
    wrong([option, "../a=rtsp://me:se4cret@cam/x"], "the name of a stream");
    const twice = `live/a=rtsp://me:se4cret@cam/x`;
    wrong([option, twice, option, twice], "once");
  }
  wrong(["--on-demand"], "--pull");
});

Deno.test("no log line of the command has the credentials of a relay", async () => {
  using camera = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = camera.addr as Deno.NetAddr;
  await using weir = await startWeir([
    ...["--log-level", "debug", "--pull", `live/a=rtsp://me:se4cret@127.0.0.1:${port}/x?k=t0ken1`],
  ]);
  using conn = await camera.accept();
  // What was asked for is repeated, as some servers do.
  await conn.write(
    new TextEncoder().encode("RTSP/1.0 500 No se4cret and no t0ken1 here\r\nCSeq: 1\r\n\r\n"),
  );
  conn.closeWrite();
  await weir.line(/relay failed/);
  weir.kill("SIGTERM");
  const { code, stdout, stderr } = await weir.ended;
  assertEquals([code, stderr], [0, ""]);
  const output = new TextDecoder().decode(stdout);
  assertStringIncludes(output, `127.0.0.1:${port}`);
  for (const secret of ["se4cret", "t0ken1", "me:"]) assert(!output.includes(secret), output);
});
