/** All that is wrong with a file is told at once: what is by itself, and what is with the rest. */
import { assertEquals, assertRejects } from "@std/assert";
import { settingsOf } from "../../src/cli/configured.ts";
import { ConfigError } from "../../src/config/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";

async function problemsOf(lines: readonly string[]): Promise<readonly string[]> {
  await using folder = new TemporaryFolder();
  const config = `${folder.path}/weir.yaml`;
  await Deno.writeTextFile(config, lines.join("\n"));
  const error = await assertRejects(() => settingsOf({ flags: new Map(), config }), ConfigError);
  // To the end of the key: the words are tested where they are made.
  return error.problems.map((problem) =>
    problem.replace(`${config}:`, "").split(" ").slice(0, 2).join(" ").replace(/:$/, "")
  );
}

Deno.test("mistakes of values, of sections together and of access are told together, in the order of the file", async () => {
  const problems = await problemsOf([
    "access:",
    "  users: [{name: ann, password: a}, {name: bob}, {name: ann, password: b}]",
    "  rules: [{}, {allow: play, from: banana}]",
    "  jwt: {secret: short}",
    "  apiTokens: [a-token-of-enough-length, short]",
    "rtsps: {port: 322}",
    "cluster: {node: a}",
    "proxies: {proxyProtocol: [banana]}",
    "relays: {pull: [{name: a, url: rtmp://a/x}, {name: a, url: rtmp://a/y}]}",
    "log: {level: loud}",
    "keep: {bytes: 1MiB}",
  ]);
  assertEquals(problems, [
    "2:51 access.users[2].name",
    "3:11 access.rules[0]",
    "3:29 access.rules[1].from",
    "4:9 access.jwt.secret",
    "5:41 access.apiTokens[1]",
    "6:9 rtsps.port",
    "7:11 cluster.node",
    "8:11 proxies.proxyProtocol",
    "9:10 relays.pull",
    "10:7 log.level",
    "11:8 keep.bytes",
  ]);
});

Deno.test("what is wrong by itself is not told again as missing from the rest", async () => {
  assertEquals(
    await problemsOf([
      "tls: {cert: [5], key: key.pem}",
      "https: {port: 443}",
      "cluster: {node: a, url: 7, secret: 0123456789abcdef, nats: [localhost]}",
      "access: {jwt: {jwks: 5}}",
    ]),
    ["1:7 tls.cert", "3:20 cluster.url", "4:16 access.jwt.jwks"],
  );
});
