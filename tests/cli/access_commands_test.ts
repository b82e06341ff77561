import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ha1Of, signPermission } from "../../src/access/mod.ts";
import { ScryptVerifier } from "../../src/access/scrypt_password.ts";
import { parseScryptHash } from "../../src/access/mod.ts";
import { ROOT } from "../support/process.ts";

/** Runs a command with no permission at all, and `input` on its standard input. */
async function weir(
  input: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "mod.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("hash-password prints the hash of what it reads, and what Digest is checked with", async () => {
  const { code, out } = await weir("wonder land\r\nnext line", "hash-password", "--digest", "ann");
  assertEquals(code, 0);
  const [hash, md5, sha256] = out.trimEnd().split("\n");
  assert(await new ScryptVerifier().verify("wonder land", parseScryptHash(hash!)!));
  assertEquals([md5, sha256], Object.values(ha1Of({ username: "ann", password: "wonder land" })));
});

Deno.test("sign-url prints a URL that is good for the time that it says", async () => {
  const secret = "a secret of this server";
  const before = Math.floor(Date.now() / 1000);
  const { code, out } = await weir(
    `${secret}\n`,
    "sign-url",
    "rtsp://host:8554/live/cam%201?a=1",
    "--action",
    "publish",
    "--expires",
    "2m",
  );
  assertEquals(code, 0);
  const url = out.trimEnd();
  const expiresAtS = Number(/[?&]expires=(\d+)/.exec(url)?.[1]);
  assert(expiresAtS >= before + 120 && expiresAtS <= Date.now() / 1000 + 120);
  const query = signPermission(secret, { action: "publish", name: "live/cam 1", expiresAtS });
  assertEquals(url, `rtsp://host:8554/live/cam%201?a=1&${query}`);
});

Deno.test("what cannot be hashed or signed is told, and secrets are no arguments", async () => {
  const rows = [
    ["", ["hash-password"], "the password is empty"],
    ["x", ["hash-password", "secret"], "takes no password as an argument"],
    ["x", ["hash-password", "--digest", "a:b"], "no colon"],
    ["short", ["sign-url", "rtmp://h/live/cam"], "at least 16 characters"],
    ["0123456789abcdef", ["sign-url"], "needs one URL"],
    ["0123456789abcdef", ["sign-url", "rtmp://h/"], "names no stream"],
    ["0123456789abcdef", ["sign-url", "rtmp://h/a", "--expires", "soon"], "--expires"],
  ] as const;
  const ends = await Promise.all(rows.map(([input, args]) => weir(input, ...args)));
  for (const [index, { code, out, err }] of ends.entries()) {
    assertEquals([code, out], [2, ""]);
    assertMatch(err, /^weir: /);
    assertStringIncludes(err, rows[index]![2]);
  }
});
