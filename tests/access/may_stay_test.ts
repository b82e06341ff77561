/** Who is in when other rules come to hold: whoever would be let in again stays, and nobody else. */
import { assertEquals } from "@std/assert";
import { createHmac } from "node:crypto";
import type { AccessOptions } from "../../src/access/mod.ts";
import { signPermission } from "../../src/access/mod.ts";
import { AccessBench, password, type Question, token } from "./access_bench.ts";

const KEY = "a-publishing-key-of-this-test";
const SECRET = "a secret of this server";
const SHARED = "a key that is shared with the makers of tokens";
const ANN = { name: "ann", password: "wonderland" };

function jwt(claims: Record<string, unknown>): string {
  const encode = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const text = `${encode({ alg: "HS256" })}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", SHARED).update(text).digest("base64url")}`;
}

const TOKEN = jwt({
  sub: "ann",
  exp: Date.UTC(2030, 0, 2) / 1000,
  weir_permissions: [{ action: "play", path: "live/cam" }],
});

const SIGNED = signPermission(SECRET, {
  action: "play",
  name: "live/cam",
  expiresAtS: Date.UTC(2030, 0, 2) / 1000,
}).toString();

/** Whether somebody who came by `before` may stay by each of the others. */
const TABLE: readonly {
  readonly who: string;
  readonly before: AccessOptions;
  readonly question: Question;
  readonly after: readonly (readonly [AccessOptions, boolean])[];
}[] = [
  {
    who: "anybody",
    before: {},
    question: {},
    after: [
      [{}, true],
      [{ rules: [{ allow: "play" }] }, true],
      [{ rules: [{ allow: "play", from: "192.0.2.0/24" }] }, false],
      [{ rules: [{ allow: "play", paths: "other/*" }] }, false],
      [{ users: [ANN] }, false],
      [{ keys: { [KEY]: "live/cam" } }, true],
    ],
  },
  {
    who: "a user",
    before: { users: [ANN] },
    question: { credentials: password("ann", "wonderland") },
    after: [
      [{ users: [ANN, { name: "bob", password: "b" }] }, true],
      [{ users: [{ name: "bob", password: "b" }] }, false],
      [{ users: [{ ...ANN, password: "another" }] }, false],
      [{ users: [ANN], rules: [{ allow: "publish", users: "ann" }] }, false],
      [{ users: [ANN], rules: [{ deny: "play", users: "ann" }, { allow: "play" }] }, false],
      [{ users: [ANN], rules: [{ allow: "play", users: "*" }] }, true],
    ],
  },
  {
    who: "a key",
    before: { keys: { [KEY]: "live/cam" } },
    question: { action: "publish", name: `live/${KEY}` },
    after: [
      [{ keys: { [KEY]: ["live/cam", "live/b"] } }, true],
      [{ keys: { [KEY]: "live/b" } }, false],
      [{ keys: { "another-key-of-this-test": "live/cam" } }, false],
      [{ users: [ANN], keys: { [KEY]: "live/cam" } }, true],
    ],
  },
  {
    who: "a signed URL",
    before: { signingSecrets: [SECRET] },
    question: { query: SIGNED },
    after: [
      [{ signingSecrets: ["a newer secret of it", SECRET] }, true],
      [{ signingSecrets: ["a newer secret of it"] }, false],
      [{ users: [ANN] }, false],
    ],
  },
  {
    who: "a token",
    before: { jwt: { secret: SHARED } },
    question: { credentials: token(TOKEN) },
    after: [
      [{ jwt: { secret: SHARED }, users: [ANN] }, true],
      [{ jwt: { secret: SHARED, issuer: "somebody" } }, false],
      [{ jwt: { secret: `${SHARED}, newer` } }, false],
      [{ jwt: { secret: SHARED, algorithms: ["HS256"] } }, true],
      [{ users: [ANN] }, false],
    ],
  },
];

for (const { who, before, question, after } of TABLE) {
  Deno.test(`${who} stays as long as it would be let in again`, async () => {
    for (const [options, stays] of after) {
      const bench = new AccessBench(before);
      const { access } = bench;
      await access.open();
      const mayStay = await bench.admit(question);
      assertEquals(await mayStay(), true);
      await access.change(options);
      assertEquals(await mayStay(), stays, Deno.inspect(options));
    }
  });
}

Deno.test("who was let in by a URL's word stays while that is asked, and another URL is asked anew", async () => {
  const asked: string[] = [];
  const bench = new AccessBench({ url: "http://one.example/" }, {
    fetch: (url, init) => {
      const { password } = JSON.parse(String(init?.body));
      const { hostname } = new URL(url);
      asked.push(`${hostname} ${password}`);
      const status = hostname === "three.example" ? 403 : 200;
      return Promise.resolve(new Response(null, { status }));
    },
  });
  const mayStay = await bench.admit({ credentials: password("zoe", "z") });
  for (const [url, stays] of [["one", true], ["two", true], ["three", false]] as const) {
    await bench.access.change({ url: `http://${url}.example/` });
    assertEquals(await mayStay(), stays);
  }
  await bench.access.change({ users: [ANN] });
  assertEquals(await mayStay(), false);
  assertEquals(asked, ["one.example z", "two.example z", "three.example z"]);
});

Deno.test("a change is told of, so that a server looks at who is in", async () => {
  const { access } = new AccessBench({ users: [ANN] });
  let changes = 0;
  access.onChanged = () => changes++;
  await access.change({});
  assertEquals(changes, 1);
});
