import { assert, assertEquals, assertRejects } from "@std/assert";
import { readConfiguredFiles } from "../../src/config/configured_files.ts";
import {
  checkSettings,
  ConfigError,
  parseConfig,
  serverOptions,
  SETTINGS,
  Settings,
  withRelayFiles,
} from "../../src/config/mod.ts";
import { relaysOf } from "../../src/config/settings_check.ts";
import { ServerError } from "../../src/server/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";
import { settingsOfArguments } from "../support/settings_of_arguments.ts";

async function settingsOf(text: string): Promise<Settings> {
  const settings = new Settings({ file: await parseConfig(text, SETTINGS, { path: "weir.yaml" }) });
  checkSettings(settings);
  return settings;
}

Deno.test("users, rules, keys and tokens of a file become what access is made of", async () => {
  const settings = await settingsOf(`
access:
  users:
    - {name: ann, password: wonderland}
    - {name: bob, ha1: 0123456789abcdef0123456789abcdef}
  keys:
    - {secret: a-secret-of-enough-length, streams: [live/a, live/b]}
  apiTokens: [a-token-of-enough-length]
  jwt: {jwks: "https://id.example/keys", audience: weir}
  url: http://127.0.0.1:9/auth
  urlTimeout: 2s
paths:
  private/*:
    access:
      - {allow: play, users: ann}
`);
  const { access } = await readConfiguredFiles(settings);
  assertEquals(access, {
    jwt: { jwks: "https://id.example/keys", audience: "weir" },
    url: "http://127.0.0.1:9/auth",
    urlTimeoutMs: 2000,
    users: [
      { name: "ann", password: "wonderland" },
      { name: "bob", ha1: ["0123456789abcdef0123456789abcdef"] },
    ],
    keys: { "a-secret-of-enough-length": ["live/a", "live/b"] },
    apiTokens: ["a-token-of-enough-length"],
  });
  assertEquals(serverOptions(settings).paths, [
    { pattern: "private/*", access: [{ allow: ["play"], users: ["ann"] }] },
  ]);
});

Deno.test("what is wrong with access is told by line and column, and no secret with it", async () => {
  const problems = async (text: string) =>
    (await assertRejects(() => settingsOf(text), ConfigError)).problems;
  assertEquals(
    await problems("access:\n  users:\n    - name: ann\n      ha1: se4cret\n"),
    ["weir.yaml:4:7 access.users[0].ha1: must be hexadecimal, 32 digits of MD5 or 64 of SHA-256"],
  );
  assertEquals(await problems("access:\n  apiTokens: [a, se4cret]\n"), [
    "weir.yaml:2:15 access.apiTokens[0]: a secret has at least 16 characters",
    "weir.yaml:2:18 access.apiTokens[1]: a secret has at least 16 characters",
  ]);
  assertEquals(await problems("access: {keys: [{secret: se4cret, streams: live/a}]}"), [
    "weir.yaml:1:18 access.keys[0].secret is wrong: allowed is 16 to 128 letters, digits, or - . _ ~",
  ]);
  assertEquals(await problems("access: {rules: [{allow: dance}]}"), [
    'weir.yaml:1:19 access.rules[0].allow "dance" is wrong: allowed is publish, play, talk or api',
  ]);
});

Deno.test("passwords, keys and relays come from files, so that they are no arguments", async () => {
  await using folder = new TemporaryFolder();
  const write = async (name: string, text: string): Promise<string> => {
    await Deno.writeTextFile(`${folder.path}/${name}`, text);
    return `${folder.path}/${name}`;
  };
  const settings = settingsOfArguments([
    ...["--user", "ann", "--user", "bob"],
    ...["--password-file", await write("passwords", "wonderland\n\nhunter2\n")],
    ...[
      "--publish-key-file",
      await write("keys", "# keys\nse4cret-of-enough-length live/a live/b\n"),
    ],
    ...["--api-token-file", await write("tokens", "a-token-of-enough-length\n")],
    ...["--pull-file", await write("pulls", "live/c=rtsp://me:se4cret@cam/c\n")],
  ]);
  assertEquals((await readConfiguredFiles(settings)).access, {
    users: [{ name: "ann", password: "wonderland" }, { name: "bob", password: "hunter2" }],
    keys: { "se4cret-of-enough-length": ["live/a", "live/b"] },
    apiTokens: ["a-token-of-enough-length"],
  });
  assertEquals(relaysOf(await withRelayFiles(settings)), [
    { mode: "pull", name: "live/c", url: "rtsp://me:se4cret@cam/c", on: "always" },
  ]);
  await write("pulls", "live/c=rtsp://me:se4cret@cam/c\nlive/d=me:se4cret\n");
  const wrong = await assertRejects(() => withRelayFiles(settings), ConfigError);
  assertEquals(wrong.problems, [`${folder.path}/pulls:2:1 is wrong: allowed is NAME=URL`]);
  await write("tokens", "se4cret\n");
  const short = await assertRejects(
    () => readConfiguredFiles(settings),
    ServerError,
    "apiTokens[0]",
  );
  assert(!short.message.includes("se4cret"));
  await write("passwords", "one\n");
  await assertRejects(() => readConfiguredFiles(settings), ServerError, "password of bob");
  await write("keys", "se4cret-of-enough-length\n");
  const without = await assertRejects(() => readConfiguredFiles(settings), ServerError, "lacks");
  assert(!without.message.includes("se4cret"));
});
