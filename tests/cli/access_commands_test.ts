import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ha1Of, signPermission } from "../../src/access/mod.ts";
import { ScryptVerifier } from "../../src/access/scrypt_password.ts";
import { parseScryptHash } from "../../src/access/mod.ts";
import { ROOT } from "../support/process.ts";
import { TestServer } from "../support/test_server.ts";

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

Deno.test("sign-url knows the stream of a URL of HTTP, whatever way it is played by", async () => {
  const secret = "a secret of this server";
  const ways = [".flv", ".ts", ".mp4", "/index.m3u8", "/clip.mp4", "/whep", "/whip", ""];
  await Promise.all(ways.map(async (way) => {
    const { out } = await weir(`${secret}\n`, "sign-url", `https://host/live/cam${way}`);
    const expiresAtS = Number(/[?&]expires=(\d+)/.exec(out)?.[1]);
    const query = signPermission(secret, { action: "play", name: "live/cam", expiresAtS });
    assertEquals(out.trimEnd(), `https://host/live/cam${way}?${query}`);
  }));
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

Deno.test("keys of a running server are made, listed and revoked by the command", async () => {
  const token = "a-token-of-the-tests";
  await using weir = await TestServer.start({
    rtmp: { hostname: "127.0.0.1", port: 0 },
    http: { hostname: "127.0.0.1", port: 0 },
    access: {},
    api: { tokens: [token] },
  });
  const { port } = weir.server.addresses.find(({ protocol }) => protocol === "http")!;
  const url = `http://127.0.0.1:${port}`;
  const keys = async (...words: string[]) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", `--allow-net=127.0.0.1:${port}`, "mod.ts", "keys", ...words],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${token}\n`)).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stdout, stderr } = await child.output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  };
  const made = await keys(url, "make", "live/cam", "live/other", "--expires", "1h");
  assertEquals(made.code, 0, made.err);
  const [key] = weir.server.access!.keys.list();
  assertEquals(weir.server.access!.keys.isKey(`live/${made.out.trim()}`), true);
  const listed = await keys(url);
  assertStringIncludes(listed.out, `${key!.id}  live/cam live/other  until ${key!.expiresAt}`);
  assertEquals((await keys(url, "revoke", key!.id)).out, `${key!.id} is revoked\n`);
  const again = await keys(url, "revoke", key!.id);
  assertEquals([again.code, again.err], [1, `weir: There is no key ${key!.id}\n`]);
  assertEquals((await keys(url, "make")).code, 2);
  assertEquals(weir.server.access!.keys.list(), []);
});
