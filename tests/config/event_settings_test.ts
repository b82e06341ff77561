import { assertEquals, assertMatch } from "@std/assert";
import { run } from "../support/process.ts";
import { TemporaryFolder } from "../support/media_file.ts";

/** Runs a command of weir on a configuration; resolves with what it prints, on both outputs. */
async function weir(text: string, ...args: string[]): Promise<string> {
  await using folder = new TemporaryFolder();
  const file = `${folder.path}/weir.yaml`;
  await Deno.writeTextFile(file, text);
  const { stdout, stderr } = await run(
    Deno.execPath(),
    ["run", `--allow-read=${file}`, "mod.ts", ...args, file],
    { limitMs: 60_000 },
  );
  return (new TextDecoder().decode(stdout) + stderr).replaceAll(file, "FILE");
}

const RIGHT = `
webhooks:
  - url: https://hooks.example/x
    secret: 0123456789abcdef
    events: [publish-start]
    timeout: 2s
commands:
  - on: stream-ready
    run: [ffmpeg, -i, "{rtmp}/{stream}"]
    paths: live/*
proxies:
  proxyProtocol: [10.0.0.0/8]
  forwardedFor: 127.0.0.1
`;

Deno.test("webhooks, commands and balancers are set in a file, with the permissions that they need", async () => {
  const [checked, needed] = await Promise.all([
    weir(RIGHT, "config", "check"),
    weir(RIGHT, "permissions", "--config"),
  ]);
  assertEquals(checked, "FILE is right\n");
  assertMatch(needed, /--allow-run=\S*ffmpeg/);
});

Deno.test("what is wrong with webhooks and commands is told by its line, without secrets", async () => {
  const wrong = RIGHT.replace("0123456789abcdef", "hunter2").replace("stream-ready", "ready")
    .replace("[ffmpeg,", '["{stream}",');
  const told = await weir(wrong, "config", "check");
  assertMatch(told, /FILE:4:5 webhooks\[0\]\.secret is wrong: a secret has at least 16 characters/);
  assertMatch(told, /FILE:8:5 commands\[0\]\.on "ready" is wrong: allowed is connect, /);
  assertEquals(told.includes("hunter2"), false);
});
