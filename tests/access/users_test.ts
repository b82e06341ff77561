import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { createHash } from "node:crypto";
import {
  type AccessOptions,
  AccessOptionsError,
  type AccessUser,
  ha1Of,
  hashPassword,
  parseScryptHash,
} from "../../src/access/mod.ts";
import { ScryptVerifier } from "../../src/access/scrypt_password.ts";
import { TooManyWaiting, Turns } from "../../src/access/turns.ts";
import type { ShownCredentials } from "../../src/gate/mod.ts";
import { AccessBench, NOTHING, password } from "./access_bench.ts";

/** Cheap to check: what scrypt costs is not what these tests are about. */
const CHEAP = "$scrypt$ln=4,r=1,p=1$c2FsdA$";

/** The hash of a password, at the least cost. */
async function cheapHash(text: string): Promise<string> {
  const { scryptSync } = await import("node:crypto");
  const hash = scryptSync(text, "salt", 32, { N: 16, r: 1, p: 1 });
  return CHEAP + hash.toString("base64").replace(/=+$/, "");
}

/** A client that knows a password, as Digest with MD5 checks it. */
function digest(username: string, known: string): ShownCredentials {
  const right = ha1Of({ username, password: known })["digest-md5"];
  return {
    kind: "digest",
    username,
    realm: "weir",
    verify: (given) =>
      "password" in given
        ? ha1Of({ username, password: given.password })["digest-md5"] === right
        : given.ha1 === right,
  };
}

Deno.test("a hash of a password is checked by it alone, is another each time, and can be read by others", async () => {
  const [one, other] = [await hashPassword("wonderland"), await hashPassword("wonderland")];
  assertMatch(one, /^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/);
  assertNotEquals(one, other);
  const verifier = new ScryptVerifier();
  assert(await verifier.verify("wonderland", parseScryptHash(one)!));
  assert(!await verifier.verify("Wonderland", parseScryptHash(one)!));
  await assertRejects(() => hashPassword(""), TypeError);
});

Deno.test("what is no hash, or would cost more than the machine has, is not read as one", () => {
  for (
    const text of [
      "",
      "$scrypt$",
      "$scrypt$ln=15,r=8,p=1$$",
      `$scrypt$ln=30,r=8,p=1$c2FsdA$${"a".repeat(43)}`,
      `$scrypt$ln=15,r=999,p=1$c2FsdA$${"a".repeat(43)}`,
      `$scrypt$ln=10,r=8,p=999$c2FsdA$${"a".repeat(43)}`,
      `$scrypt$ln=0,r=8,p=1$c2FsdA$${"a".repeat(43)}`,
      `$scrypt$ln=15,r=8,p=1$c2FsdA$${"a".repeat(10)}`,
    ]
  ) assertEquals(parseScryptHash(text), undefined, text);
});

Deno.test("users are known by their password, whatever it is stored as, and nobody else is", async () => {
  const bench = new AccessBench({
    users: [
      { name: "scrypt", password: await cheapHash("one") },
      { name: "plain", password: "two" },
      {
        name: "ha1",
        ha1: ha1Of({ username: "ha1", password: "three" })["digest-md5"].toUpperCase(),
      },
      { name: "sha", ha1: ha1Of({ username: "sha", password: "four" })["digest-sha-256"] },
    ],
  });
  for (
    const [user, known] of [["scrypt", "one"], ["plain", "two"], ["ha1", "three"], [
      "sha",
      "four",
    ]] as const
  ) {
    for (let n = 0; n < 2; n++) {
      assertEquals(await bench.words({ credentials: password(user, known) }), user);
      assertEquals(
        await bench.words({ credentials: password(user, "x") }),
        "asked: Wrong user name or password",
      );
    }
  }
  for (const credentials of [password("nobody", "one"), password("", ""), password("scrypt", "")]) {
    assertEquals(await bench.words({ credentials }), "asked: Wrong user name or password");
  }
  assertEquals(await bench.words(), "asked: User name and password are needed");
  assertEquals(
    await bench.words({ action: "api", credentials: password("plain", "two") }),
    "refused: Not allowed",
  );
});

Deno.test("a wrong password takes as long for names that nobody has as for users, whatever theirs is stored as", async () => {
  const plain = { name: "plain", password: "two" };
  const ha1 = { name: "ha1", ha1: ha1Of({ username: "ha1", password: "three" })["digest-md5"] };
  // Computing it takes some 30 ms.
  const hash = "$scrypt$ln=14,r=8,p=1$c2FsdA$" + "a".repeat(43);
  const hashed = { name: "scrypt", password: hash };
  /** The least time that a wrong password has taken, milliseconds. */
  const leastMs = async (users: readonly AccessUser[], name: string) => {
    const bench = new AccessBench({ users });
    const took: number[] = [];
    for (let n = 0; n < 3; n++) {
      const start = performance.now();
      assertEquals(
        await bench.words({ credentials: password(name, "x") }),
        "asked: Wrong user name or password",
      );
      took.push(performance.now() - start);
    }
    return Math.min(...took);
  };
  for (const name of ["scrypt", "plain", "ha1", "nobody"]) {
    assert(await leastMs([plain, hashed, ha1], name) > 5, `${name} is judged without a hash`);
  }
  for (const name of ["plain", "ha1", "nobody"]) {
    assert(await leastMs([plain, ha1], name) < 5, `${name} is judged by a hash that nobody has`);
  }
});

Deno.test("a password that was right before is not hashed again, and of another user it is wrong", async () => {
  const hash = await hashPassword("one");
  const bench = new AccessBench({
    users: [{ name: "ann", password: hash }, { name: "bob", password: await cheapHash("two") }],
  });
  const credentials = password("ann", "one");
  assertEquals(await bench.words({ credentials }), "ann");
  const start = performance.now();
  for (let n = 0; n < 500; n++) assertEquals(await bench.words({ credentials }), "ann");
  // Each would take more than 50 ms on any machine.
  assert(performance.now() - start < 10_000);
  assertEquals(
    await bench.words({ credentials: password("bob", "one") }),
    "asked: Wrong user name or password",
  );
});

Deno.test("Digest is for users whose ha1 or password is known, and is offered only where all can answer it", async () => {
  const scrypt = { name: "scrypt", password: await cheapHash("one") };
  const plain = { name: "plain", password: "two" };
  const both = { ...scrypt, ha1: ha1Of({ username: "scrypt", password: "one" })["digest-md5"] };
  const rows: [AccessOptions["users"], readonly string[], boolean][] = [
    [[plain], ["digest-md5", "basic"], true],
    [[both, plain], ["digest-md5", "basic"], false],
    [[scrypt, plain], ["basic"], false],
    [[{ name: "sha", ha1: createHash("sha256").update("sha:weir:x").digest("hex") }], [
      "digest-sha-256",
      "basic",
    ], false],
  ];
  for (const [users, methods, asks] of rows) {
    const { access } = new AccessBench({ users: users! });
    assertEquals([access.passwordMethods, access.asksAtConnect], [methods, asks]);
  }
  const all = new AccessBench({ users: [both, plain] });
  assertEquals(await all.words({ credentials: digest("scrypt", "one") }), "scrypt");
  assertEquals(await all.words({ credentials: digest("plain", "two") }), "plain");
  assertEquals(
    await all.words({ credentials: digest("plain", "x") }),
    "asked: Wrong user name or password",
  );
  assertEquals(
    await all.words({ credentials: digest("nobody", "") }),
    "asked: Wrong user name or password",
  );
  const some = new AccessBench({ users: [scrypt, plain] });
  for (const user of ["scrypt", "plain", "nobody"]) {
    assertMatch(
      await some.words({ credentials: digest(user, "two") }),
      /cannot be checked by Digest here: use Basic/,
    );
  }
});

Deno.test("rules say who may do what, where and from where; the first that is about a request decides", async () => {
  const bench = new AccessBench({
    users: [{ name: "ann", password: "a" }, { name: "bob", password: "b" }],
    rules: [
      { deny: ["publish", "play"], paths: "secret/*" },
      { allow: "play", paths: "public/*" },
      { allow: ["publish", "play"], users: "*", paths: "home/{user}/*" },
      { allow: "publish", users: ["ann"], from: ["192.168.0.0/16", "::1"] },
      { allow: "api", users: "bob", from: "127.0.0.1", paths: "never/read" },
    ],
  });
  const ann = password("ann", "a");
  const bob = password("bob", "b");
  const who = "asked: User name and password are needed";
  const no = "refused: Not allowed";
  const rows = [
    [{ name: "public/x" }, "anonymous"],
    [{ name: "public/x", credentials: ann }, "ann"],
    [{ name: "public/x", action: "publish" }, no],
    [{ name: "public/x", action: "publish", from: "192.168.1.1" }, who],
    [{ name: "secret/x", credentials: ann }, no],
    [{ name: "home/ann/1", credentials: ann }, "ann"],
    [{ name: "home/ann/1", credentials: bob }, no],
    [{ name: "home/ann/1" }, who],
    [{ name: "x", action: "publish", credentials: ann }, no],
    [{ name: "x", action: "publish", credentials: ann, from: "192.168.1.1" }, "ann"],
    [{ name: "x", action: "publish", credentials: bob, from: "::1" }, no],
    [{ name: "", action: "api", credentials: bob, from: "127.0.0.1" }, "bob"],
    [{ name: "", action: "api", credentials: bob }, no],
    [{ name: "", action: "api", from: "127.0.0.1" }, who],
  ] as const;
  for (const [question, words] of rows) {
    assertEquals(await bench.words(question), words, JSON.stringify(question));
  }
  const wrong = await bench.ask({ name: "x", credentials: ann });
  assertEquals("refuse" in wrong && wrong.isGuess, false, "right credentials are no guess");
});

Deno.test("RTMP asks at connect where a password is needed for the app, and could be answered", async () => {
  const users = [{ name: "ann", password: "a" }];
  const rules = [{ allow: "play" }, { allow: "publish", users: "ann", paths: "live/*" }] as const;
  const ahead = { name: "live", isAhead: true } as const;
  const bench = new AccessBench({ users, rules });
  assertEquals(
    await bench.words({ ...ahead, action: "publish" }),
    "asked: User name and password are needed",
  );
  assertEquals(await bench.words(ahead), "anonymous");
  const withKeys = new AccessBench({ users, rules, signingSecrets: ["a secret of 16 or more"] });
  assertEquals(await withKeys.words({ ...ahead, action: "publish" }), "anonymous");
});

Deno.test("without anything said, anybody may publish and play, and nobody use the API but by its token", async () => {
  const bench = new AccessBench({ apiTokens: ["0123456789abcdef"] });
  assertEquals(await bench.ask({ action: "publish" }), { allow: "anonymous", isOpen: true });
  assertEquals(await bench.words({ action: "api" }), "asked: User name and password are needed");
  assertEquals(
    await bench.words({ action: "api", credentials: { kind: "token", token: "0123456789abcdef" } }),
    "api-token",
  );
  assertEquals(
    await bench.words({ action: "api", credentials: { kind: "token", token: "0123456789abcdeg" } }),
    "asked: Wrong token",
  );
  assertEquals(bench.access.isOpen, true);
});

Deno.test("mistakes in the options are told by where they are, and without secrets", async () => {
  const hash = await cheapHash("hunter2");
  const rows: [AccessOptions, string][] = [
    [{ users: [{ name: "", password: "hunter2" }] }, "users[0].name"],
    [{ users: [{ name: "a:b", password: "hunter2" }] }, "users[0].name"],
    [
      { users: [{ name: "a", password: "x" }, { name: "a", password: "hunter2" }] },
      "users[1].name",
    ],
    [{ users: [{ name: "a" }] }, "users[0].password"],
    [{ users: [{ name: "a", password: `${hash}$hunter2` }] }, "users[0].password"],
    [{ users: [{ name: "a", ha1: "hunter2" }] }, "users[0].ha1"],
    [{ rules: [{}] }, "rules[0]"],
    [{ rules: [{ allow: "play", deny: "play" }] }, "rules[0]"],
    [{ rules: [{ allow: "play" }, { allow: "watch" as "play" }] }, "rules[1].allow"],
    [{ rules: [{ allow: "play", paths: "a*b" }] }, "rules[0].paths"],
    [{ rules: [{ allow: "play", from: "10.0.0.0/99" }] }, "rules[0].from"],
    [{ apiTokens: ["hunter2"] }, "apiTokens[0]"],
    [{ signingSecrets: ["0123456789abcdef", "hunter2"] }, "signingSecrets[1]"],
    [{ keys: { hunter2: "live/cam" } }, "keys, number 1"],
    [{ keys: { "hunter2-0123456789": "../cam" } }, "keys, number 1"],
    [{ keys: { "hunter2-0123456789": [] } }, "keys, number 1"],
    [{ jwt: {} }, "jwt"],
    [{ jwt: { secret: "hunter2" } }, "jwt.secret"],
    [{ jwt: { jwks: "file:///hunter2" } }, "jwt.jwks"],
    [{ jwt: { jwks: "https://idp.example/keys", algorithms: ["HS256"] } }, "jwt.algorithms"],
    [{ jwt: { jwks: "https://idp.example/keys", algorithms: ["none"] } }, "jwt.algorithms"],
    [{ url: "https://me:hunter2@auth.example/" }, "url"],
    [{ url: "ftp://auth.example/hunter2" }, "url"],
    [{ urlTimeoutMs: 0 }, "urlTimeoutMs"],
    [{ urlConcurrency: 1.5 }, "urlConcurrency"],
  ];
  for (const [options, path] of rows) {
    const error = assertThrows(() => new AccessBench(options), AccessOptionsError);
    assertEquals(error.path, path);
    assert(!error.message.includes("hunter2"), error.message);
  }
});

Deno.test("turns run so many at a time, in order, and let no more wait than they may", async () => {
  const turns = new Turns({ atATime: 2, waiting: 2 });
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const begun: number[] = [];
  const runs = gates.map(({ promise }, n) => turns.run(() => (begun.push(n), promise)));
  await assertRejects(() => turns.run(() => Promise.resolve()), TooManyWaiting);
  assertEquals(begun, [0, 1]);
  gates[1]!.reject(new Error("it failed"));
  await assertRejects(() => runs[1]!, Error, "it failed");
  assertEquals(begun, [0, 1, 2]);
  for (const { resolve } of gates) resolve();
  await Promise.allSettled(runs);
  assertEquals(begun, [0, 1, 2, 3]);
  assertEquals(await turns.run(() => Promise.resolve(5)), 5);
  assertEquals(NOTHING.kind, "none");
});

Deno.test("rules by pattern go before others, those of the most particular pattern first, and leave the rest to others", async () => {
  const paths = {
    "live/*": [{ allow: "publish", users: "ann" }],
    "live/open": [{ allow: "publish" }],
  } as const;
  const users = [{ name: "ann", password: "a" }, { name: "bob", password: "b" }];
  const ann = password("ann", "a");
  const bob = password("bob", "b");
  const table = [
    // Without rules for all, users may do everything elsewhere.
    [{ users }, "live/x", ann, "ann"],
    [{ users }, "live/x", bob, "refused: Not allowed"],
    [{ users }, "live/open", NOTHING, "anonymous"],
    [{ users }, "else/x", bob, "bob"],
    [{ users }, "else/x", NOTHING, "asked: User name and password are needed"],
    [{ users, rules: [{ deny: "publish" }] }, "live/open", bob, "bob"],
    [{ users, rules: [{ deny: "publish" }] }, "else/x", bob, "refused: Not allowed"],
    // Without anything else, anybody may.
    [{}, "else/x", NOTHING, "anonymous"],
    [{}, "live/x", NOTHING, "asked: User name and password are needed"],
    [{ keys: { "a-publishing-key-of-this-test": "a" } }, "else/x", NOTHING, "refused: Not allowed"],
  ] as const;
  for (const [options, name, credentials, words] of table) {
    const bench = new AccessBench({ ...options, paths });
    const asked = { action: "publish", name, credentials } as const;
    assertEquals(await bench.words(asked), words, `${Deno.inspect(options)} ${name}`);
  }
  // What no rule of the pattern is about is as the others say.
  assertEquals(await new AccessBench({ paths }).words({ name: "live/x" }), "anonymous");
  assertEquals(new AccessBench({ paths }).access.isOpen, false);
});

Deno.test("to talk has to be allowed by name: nobody may where nothing says who may, nor who may publish by a rule", async () => {
  const asked = async (options: AccessOptions, credentials = NOTHING) => {
    const answer = await new AccessBench(options).ask({ action: "talk", credentials });
    return Object.keys(answer)[0];
  };
  const users = [{ name: "ann", password: "wonderland" }];
  const ann = password("ann", "wonderland");
  assertEquals(await asked({}), "refuse");
  assertEquals(await asked({ keys: { "0123456789abcdef": "live/cam" } }), "refuse");
  assertEquals(await asked({ rules: [{ allow: ["publish", "play"] }] }), "refuse");
  assertEquals(await asked({ rules: [{ allow: "talk" }] }), "allow");
  assertEquals(await asked({ users }), "challenge");
  assertEquals(await asked({ users }, ann), "allow");
  const rules = [{ allow: ["publish", "play"], users: "*" }] as const;
  assertEquals(await asked({ users, rules }, ann), "refuse");
});
