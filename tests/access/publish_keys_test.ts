import { assert, assertEquals, assertRejects } from "@std/assert";
import { ServerError } from "../../src/transport/mod.ts";
import { PublishKeys } from "../../src/access/mod.ts";
import { KeyFile } from "../../src/access/key_file.ts";
import { GateBench, granted } from "../gate/gate_bench.ts";
import { AccessBench, password } from "./access_bench.ts";

const KEY = "k3y-of-the-camera-0";
const MANY = "k3y-of-two-cameras";
const keys = { [KEY]: "live/cam", [MANY]: ["live/one", "two"] };

/** Where a publisher by that name and query ends up. */
async function placeOf(bench: AccessBench, name: string, query = ""): Promise<string> {
  const answer = await bench.ask({ action: "publish", name, query });
  if ("refuse" in answer) return answer.refuse;
  return "allow" in answer ? answer.name ?? "no name" : "asked";
}

Deno.test("a key stands for its stream, wherever a protocol has room for it", async () => {
  const bench = new AccessBench({ keys });
  const rows = [
    [`live/${KEY}`, "", "live/cam"],
    [KEY, "", "live/cam"],
    [`any/app/${KEY}`, "", "live/cam"],
    [`live/cam/${KEY}`, "", "live/cam"],
    ["live/cam", `key=${KEY}`, "live/cam"],
    ["live/other", `key=${KEY}`, "The key is for another stream"],
    [`live/one/${MANY}`, "", "live/one"],
    [`two/${MANY}`, "", "two"],
    ["two", `key=${MANY}`, "two"],
    [`live/${MANY}`, "", "The key is for several streams: put the name before it, as in NAME/KEY"],
    ["live/cam", "", "Not allowed"],
    [`live/${KEY}x`, "", "Not allowed"],
    ["live/cam", "key=wrong", "Wrong key"],
  ] as const;
  for (const [name, query, place] of rows) {
    assertEquals(await placeOf(bench, name, query), place, name + query);
  }
});

Deno.test("who guesses a key is slowed as who guesses a password, and no name of it is told", async () => {
  const bench = new AccessBench({ keys });
  assertEquals(await bench.ask({ action: "publish", name: "live/guess" }), {
    refuse: "Not allowed",
    hidesName: true,
    isGuess: true,
  });
  assertEquals(await bench.ask({ action: "publish", query: "key=guess" }), {
    refuse: "Wrong key",
    isGuess: true,
  });
  const refused = await bench.ask({ action: "publish", name: `live/${MANY}` });
  assert("refuse" in refused && refused.hidesName && refused.isGuess === false);
  assertEquals(await bench.words({ name: "live/cam" }), "anonymous", "players need none");
  const played = await bench.ask({ name: `live/${KEY}` });
  assert("refuse" in played && played.hidesName, "and cannot play a key");
});

Deno.test("a key in the app of a client that puts its whole URL there is told to nobody", async () => {
  const { access } = new AccessBench({ keys });
  const told: string[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: access.authenticate,
      isSecretName: access.isSecretName,
      onConnect: ({ app }) => void told.push(app),
    },
  });
  const guest = bench.guest();
  await guest.enter({ app: `live/${KEY}?user=x`, userAgent: "OBS" });
  assertEquals([told, guest.info?.app], [["live"], "live"]);
  assertEquals(granted(await guest.publish({ name: `live/${KEY}` })).info.stream, "live/cam");
  assert(!JSON.stringify(bench.log.lines).includes(KEY));
  const other = bench.guest();
  await other.enter({ app: "live/cam?q=1" });
  assertEquals(other.info?.app, "live/cam?q=1");
});

Deno.test("beside keys, users and rules count as ever", async () => {
  const bench = new AccessBench({ keys, users: [{ name: "ann", password: "a" }] });
  assertEquals(await placeOf(bench, `live/${KEY}`), "live/cam");
  assertEquals(await bench.words({ action: "publish", credentials: password("ann", "a") }), "ann");
  assertEquals(await bench.words(), "asked: User name and password are needed");
  const asked = await bench.ask({ action: "publish", name: "live/guess" });
  assert("challenge" in asked && asked.hidesName);
});

Deno.test("keys are made, listed without their secrets, and revoked; those of the options are not", async () => {
  const nowMs = Date.UTC(2030, 0, 1);
  const all = new PublishKeys({ [KEY]: "live/cam" }, { now: () => nowMs });
  const revoked: string[] = [];
  all.onRevoked = (id) => revoked.push(id);
  const made = await all.make("live/new", { expiresAt: new Date(nowMs + 5000) });
  assert(made.secret.length >= 26 && /^[\w-]+$/.test(made.secret));
  const [fixed, listed] = all.list();
  assertEquals(fixed!.streams, ["live/cam"]);
  assertEquals(listed, {
    id: made.id,
    streams: ["live/new"],
    madeAt: "2030-01-01T00:00:00.000Z",
    expiresAt: "2030-01-01T00:00:05.000Z",
  });
  assert(
    !JSON.stringify(all.list()).includes(made.secret) && !JSON.stringify(all.list()).includes(KEY),
  );
  const verdict = all.judge(`live/${made.secret}`, new URLSearchParams());
  assert(verdict.kind === "key");
  assertEquals([verdict.id, verdict.name, verdict.expiresInMs], [made.id, "live/new", 5000]);
  assertEquals([all.isFor(verdict.hash, "live/new"), all.isFor(verdict.hash, "live/cam")], [
    true,
    false,
  ]);
  assertEquals(await all.revoke(made.id), true);
  assertEquals([await all.revoke(made.id), await all.revoke("nothing")], [false, false]);
  assertEquals(all.judge(`live/${made.secret}`, new URLSearchParams()), { kind: "none" });
  await assertRejects(() => all.revoke(fixed!.id), TypeError, "stands in the configuration");
  await assertRejects(() => all.make("../etc"), TypeError);
  assertEquals(revoked, [made.id]);
  all.replaceFixed({});
  assertEquals([revoked, all.size], [[made.id, fixed!.id], 0]);
});

Deno.test("a key that has expired lets nobody in", async () => {
  let nowMs = 1000;
  const all = new PublishKeys({}, { now: () => nowMs });
  const { secret } = await all.make("a", { expiresAt: new Date(2000) });
  nowMs = 2000;
  assertEquals(all.judge(secret, new URLSearchParams()), {
    kind: "refused",
    why: "The key has expired",
  });
});

Deno.test("keys that were made survive in their file, by their hashes alone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/keys.json`;
    const made = new PublishKeys({}, { now: () => 0, store: new KeyFile(path) });
    await made.load();
    const keys = await Promise.all(["a", "b", "c"].map((name) => made.make(name)));
    await made.revoke(keys[1]!.id);
    const text = await Deno.readTextFile(path);
    for (const { secret } of keys) assert(!text.includes(secret));
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    const read = new PublishKeys({}, { now: () => 0, store: new KeyFile(path) });
    await read.load();
    assertEquals(read.list(), made.list());
    assertEquals(read.judge(`x/${keys[2]!.secret}`, new URLSearchParams()).kind, "key");
    for (
      const text of [
        "",
        "{",
        "[]",
        '{"keys":7}',
        '{"keys":[{}]}',
        '{"keys":[{"id":"x","hash":"y","streams":[]}]}',
      ]
    ) {
      await Deno.writeTextFile(path, text);
      const error = await assertRejects(() => new KeyFile(path).load(), ServerError);
      assertEquals(error.code, "state");
      assert(error.message.includes(path));
    }
    await assertRejects(() => new KeyFile(folder).load(), ServerError, "it is no file");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
