import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHmac, createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { AccessOptions } from "../../src/access/mod.ts";
import { AccessBench, password, token } from "./access_bench.ts";

const SECRET = "the key that is shared with whoever makes tokens";
const ALL = [{ action: "play", path: "live/*" }];

function part(value: unknown): string {
  return btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** A token, made by hand. */
function hs256(
  payload: unknown,
  { secret = SECRET, header = {} }: { secret?: string; header?: object } = {},
): string {
  const text = `${part({ alg: "HS256", typ: "JWT", ...header })}.${part(payload)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

function rs256(payload: unknown, { key, kid }: { key: KeyObject; kid: string }): string {
  const text = `${part({ alg: "RS256", kid })}.${part(payload)}`;
  return `${text}.${createSign("sha256").update(text).sign(key, "base64url")}`;
}

/** An `Access` that judges tokens, and the seconds since 1970 at its time. */
async function bench(
  options: Partial<AccessOptions> = {},
  fetch?: (url: string) => Promise<Response>,
) {
  const made = new AccessBench(
    { jwt: { secret: SECRET }, ...options },
    fetch === undefined ? {} : { fetch },
  );
  await made.access.open();
  return { made, nowS: made.nowMs / 1000 };
}

Deno.test("a token lets in who it is about, for what it says, until it expires", async () => {
  const { made, nowS } = await bench();
  const credentials = token(hs256({ sub: "ann", exp: nowS + 60, weir_permissions: ALL }));
  assertEquals(await made.ask({ credentials }), { allow: { user: "ann" }, expiresInMs: 60_000 });
  const jwt = credentials.kind === "token" ? credentials.token : "";
  assertEquals(
    await made.words({ credentials: password("anything", jwt) }),
    "ann",
    "as a password too",
  );
  for (
    const question of [{ action: "publish" }, { name: "other/cam" }, { action: "api" }] as const
  ) {
    assertEquals(
      await made.words({ ...question, credentials }),
      "refused: The token is not for this",
    );
  }
  made.nowMs += 70_000;
  assertEquals(await made.words({ credentials }), "asked: The token has expired");
});

Deno.test("claims name actions and paths, as those of others do", async () => {
  const { made, nowS } = await bench({
    jwt: { secret: SECRET, claim: "mediamtx_permissions", userClaim: "name" },
  });
  const ask = (permissions: unknown, question = {}) =>
    made.words({
      ...question,
      credentials: token(hs256({ name: "ann", exp: nowS + 60, mediamtx_permissions: permissions })),
    });
  assertEquals(await ask([{ action: "read", path: "" }]), "ann");
  assertEquals(await ask({ action: "read" }), "ann");
  assertEquals(
    await ask([{ action: "publish", path: "{user}/x" }], { action: "publish", name: "ann/x" }),
    "ann",
  );
  assertEquals(await ask([{ action: "api" }], { action: "api", name: "" }), "ann");
  for (
    const wrong of [
      undefined,
      null,
      "play",
      [],
      [{}],
      [{ action: "watch" }],
      [{ action: "__proto__" }],
      [{ action: "read", path: 7 }],
      [{ action: "read", path: "~.*" }],
      [["read"]],
    ]
  ) {
    assertEquals(await ask(wrong), "refused: The token is not for this", JSON.stringify(wrong));
  }
});

Deno.test("hostile tokens let nobody in", async () => {
  const { made, nowS } = await bench({ jwt: { secret: SECRET, issuer: "idp", audience: "weir" } });
  const payload = {
    sub: "ann",
    iss: "idp",
    aud: "weir",
    exp: nowS + 60,
    weir_permissions: [{ action: "play" }],
  };
  assertEquals(await made.words({ credentials: token(hs256(payload)) }), "ann");
  const [head, body, signature] = hs256(payload).split(".") as [string, string, string];
  const none = `${part({ alg: "none" })}.${body}.`;
  const rows: [string, string][] = [
    ["alg none", none],
    ["alg None", `${part({ alg: "None" })}.${body}.${signature}`],
    ["no signature", `${head}.${body}.`],
    ["another secret", hs256(payload, { secret: "another key of more than 32 letters" })],
    ["another algorithm's name", hs256(payload, { header: { alg: "RS256" } })],
    ["HS512 that is HS256", hs256(payload, { header: { alg: "HS512" } })],
    ["a crit header", hs256(payload, { header: { crit: ["x"], x: 1 } })],
    ["no expiry", hs256({ ...payload, exp: undefined })],
    ["an expiry that is a text", hs256({ ...payload, exp: "tomorrow" })],
    ["not yet", hs256({ ...payload, nbf: nowS + 600 })],
    ["another issuer", hs256({ ...payload, iss: "me" })],
    ["another audience", hs256({ ...payload, aud: "me" })],
    ["a changed body", `${head}.${part({ ...payload, sub: "bob" })}.${signature}`],
    ["no object", hs256("ann")],
    ["huge", hs256({ ...payload, pad: "x".repeat(9000) })],
    ["five parts", "a.b.c.d.e"],
    ["nothing", ""],
    ["dots", ".."],
    ["no base64", "%.%.%"],
  ];
  for (const [what, text] of rows) {
    const answer = await made.ask({ credentials: token(text) });
    assert(
      "challenge" in answer &&
        /^The token (is wrong|has no expiry|has expired)$/.test(answer.challenge),
      `${what}: ${Deno.inspect(answer)}`,
    );
  }
  assertEquals(made.log.lines, []);
});

Deno.test("a token about nobody publishes and plays as nobody, and none can be what stands for a key", async () => {
  const { made, nowS } = await bench({ jwt: { secret: SECRET, allowsNoExpiry: true } });
  const ask = (sub: unknown, action: "play" | "api" = "play") =>
    made.words({ action, credentials: token(hs256({ sub, weir_permissions: [{ action }] })) });
  assertEquals(
    [await ask(undefined), await ask("key:1"), await ask("signed:a"), await ask(7)],
    Array(4).fill("anonymous"),
  );
  assertEquals([await ask("urn:x:ann"), await ask(undefined, "api")], ["urn:x:ann", "token"]);
  assert(nowS > 0);
});

Deno.test("public keys are fetched, a new one when it is needed, and not for each wrong token", async () => {
  const pairs = ["one", "two"].map((kid) => ({
    kid,
    ...generateKeyPairSync("rsa", { modulusLength: 2048 }),
  }));
  const published = [pairs[0]!];
  let fetched = 0;
  const { made, nowS } = await bench({ jwt: { jwks: "https://127.0.0.1:1/keys" } }, () => {
    fetched++;
    const keys = published.map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: "jwk" }),
      kid,
      alg: "RS256",
    }));
    return Promise.resolve(Response.json({ keys }));
  });
  const payload = { sub: "ann", exp: nowS + 60, weir_permissions: [{ action: "play" }] };
  const [one, two] = pairs.map(({ kid, privateKey: key }) => token(rs256(payload, { key, kid })));
  assertEquals(await made.words({ credentials: one! }), "ann");
  for (let n = 0; n < 20; n++) {
    assertEquals(await made.words({ credentials: two! }), "asked: The token is wrong");
  }
  assertEquals(fetched, 1, "within the time that a set is believed, it is fetched once");
  const stolen = token(rs256(payload, { key: pairs[1]!.privateKey, kid: "one" }));
  assertEquals(await made.words({ credentials: stolen }), "asked: The token is wrong");
  const shared = String(pairs[0]!.publicKey.export({ format: "pem", type: "spki" }));
  assertEquals(
    await made.words({
      credentials: token(hs256(payload, { secret: shared, header: { kid: "one" } })),
    }),
    "asked: The token is wrong",
  );
});

Deno.test("where the public keys cannot be had nobody is let in, and it is told", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65536).fill(32)),
      }),
    );
  const answers: [string, () => Promise<Response>][] = [
    ["refused", () => Promise.reject(new TypeError("error sending request"))],
    ["500", () => Promise.resolve(new Response("no", { status: 500 }))],
    ["a redirection", () => Promise.resolve(Response.redirect("https://elsewhere.example/keys"))],
    ["garbage", () => Promise.resolve(new Response("<html>"))],
    ["no set", () => Promise.resolve(Response.json({ keys: 7 }))],
    ["endless", () => Promise.resolve(endless())],
  ];
  for (const [what, fetch] of answers) {
    const { made, nowS } = await bench({ jwt: { jwks: "https://127.0.0.1:1/keys" } }, fetch);
    const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const payload = { sub: "ann", exp: nowS + 60, weir_permissions: [{ action: "play" }] };
    const answer = await made.ask({ credentials: token(rs256(payload, { key, kid: "one" })) });
    assertEquals(answer, { refuse: "Who this is could not be checked", isGuess: false }, what);
    assertEquals(made.log.lines.map(({ level }) => level), ["warn"]);
  }
});

Deno.test("tokens are not judged before all is loaded that they need", async () => {
  const made = new AccessBench({ jwt: { secret: SECRET } });
  assertEquals(
    await made.words({ credentials: token("a.b.c") }),
    "refused: Who this is could not be checked",
  );
  const unreachable = new AccessBench({ jwt: { jwks: "https://idp.example/keys" } });
  await assertRejects(() => unreachable.access.open(), Error, "add --allow-net=idp.example");
});
