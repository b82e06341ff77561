/** Access fails closed: only an answer that allows lets anybody in. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type AuthenticationAnswer,
  type AuthenticationRequest,
  credentialsInQuery,
  fixedUsers,
  type ShownCredentials,
} from "../../src/gate/mod.ts";
import { GateBench, granted, kindOf, password } from "./gate_bench.ts";

const NOTHING: ShownCredentials = { kind: "none" };

/** What an `authenticate` may do, and what its client gets. */
const ANSWERS: readonly (readonly [string, () => unknown, string])[] = [
  ["undefined", () => undefined, "denied"],
  ["null", () => null, "denied"],
  ["true", () => true, "denied"],
  ["a text", () => "anonymous", "denied"],
  ["a number", () => 1, "denied"],
  ["an array", () => ["anonymous"], "denied"],
  ["{}", () => ({}), "denied"],
  ["allow: true", () => ({ allow: true }), "denied"],
  ["allow: a text", () => ({ allow: "alice" }), "denied"],
  ["allow: {}", () => ({ allow: {} }), "denied"],
  ["allow: an empty user", () => ({ allow: { user: "" } }), "denied"],
  ["allow: a user that is no text", () => ({ allow: { user: 7 } }), "denied"],
  ["refuse: no text", () => ({ refuse: true }), "denied"],
  ["challenge: no text", () => ({ challenge: true }), "denied"],
  ["allow and refuse at once", () => ({ allow: "anonymous", refuse: "No" }), "denied"],
  ["allow and challenge at once", () => ({ allow: "anonymous", challenge: "Who?" }), "challenge"],
  ["allow and a refuse of no text", () => ({ allow: "anonymous", refuse: true }), "denied"],
  ["allow and a challenge of no text", () => ({ allow: "anonymous", challenge: 1 }), "denied"],
  ["allow, the others undefined", () => ({ allow: "anonymous", refuse: undefined }), "granted"],
  ["refuse", () => ({ refuse: "No" }), "denied"],
  ["challenge", () => ({ challenge: "Who?" }), "challenge"],
  ["a rejection", () => Promise.reject(new Error("gone")), "denied"],
  ["a promise of nothing", () => Promise.resolve(undefined), "denied"],
  [
    "a throw",
    () => {
      throw new Error("gone");
    },
    "denied",
  ],
  [
    "a throw of what has no words",
    () => {
      throw Object.create(null);
    },
    "denied",
  ],
  [
    "an answer that throws when it is read",
    () => ({
      get allow() {
        throw new Error("gone");
      },
    }),
    "denied",
  ],
  ["an answer that never comes", () => new Promise(() => {}), "denied"],
  ["allow: anonymous", () => ({ allow: "anonymous" }), "granted"],
  ["allow: a user", () => ({ allow: { user: "alice" } }), "granted"],
  ["a promise of a user", () => Promise.resolve({ allow: { user: "alice" } }), "granted"],
];

for (const [what, answer, right] of ANSWERS) {
  for (const action of ["publish", "play"] as const) {
    Deno.test(`an authenticate that answers ${what} to who wants to ${action}: ${right}`, async () => {
      for (const credentials of [NOTHING, password("alice", "wonderland")]) {
        const asked: string[] = [];
        const bench = new GateBench({
          hookMs: 5000,
          hooks: {
            authenticate: answer as () => AuthenticationAnswer,
            onPublish: () => void asked.push("publish"),
            onPlay: () => void asked.push("play"),
          },
        });
        const guest = await bench.entered();
        const answering = guest[action]({ name: "live/cam", credentials });
        await bench.clock.turnSlowly(5000);
        assertEquals(kindOf(await answering), right);
        assertEquals(asked, right === "granted" ? [action] : []);
        assertEquals(bench.tickets.length, right === "granted" ? 1 : 0);
      }
    });
  }
}

Deno.test("an authenticate that takes too long has its client closed, and its answer counts no more", async () => {
  const late = Promise.withResolvers<AuthenticationAnswer>();
  const bench = new GateBench({ hookMs: 5000, hooks: { authenticate: () => late.promise } });
  const guest = await bench.entered();
  const answering = guest.publish({ name: "live/cam" });
  await bench.clock.turnSlowly(5000);
  const answer = await answering;
  assert("refused" in answer);
  assertEquals(answer.close?.reason, "hook-timeout");
  late.resolve({ allow: { user: "alice" } });
  await bench.clock.turnSlowly(1);
  assertEquals([bench.tickets, bench.clock.pending], [[], 0]);
});

Deno.test("the authenticate hook comes before the others, and is told all that there is to know", async () => {
  const asked: unknown[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: ({ action, name, query, credentials, connection }) => {
        asked.push(["who", action, name, query.get("q"), credentials.kind, connection.userAgent]);
        return { allow: { user: "alice" } };
      },
      onPublish: ({ name }) => void asked.push(["may", name]),
    },
  });
  const guest = bench.guest();
  granted(await guest.enter({ userAgent: "encoder" }));
  const ticket = granted(
    await guest.publish({ name: "live/cam", query: new URLSearchParams("q=1&token=t") }),
  );
  assertEquals(asked, [["who", "publish", "live/cam", "1", "token", "encoder"], [
    "may",
    "live/cam",
  ]]);
  assertEquals(ticket.info.user, "alice");
});

Deno.test("what can be no stream is refused before anybody is asked about it", async () => {
  const asked: string[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: ({ name }) => {
        asked.push(name);
        return { allow: "anonymous" };
      },
      onPlay: ({ name }) => void asked.push(name),
    },
  });
  const guest = await bench.entered();
  for (const name of ["", "a//b", "../etc", "a\\b", "a\0b", "x".repeat(513)]) {
    assertEquals(kindOf(await guest.play({ name })), "invalid");
    assertEquals(kindOf(await guest.publish({ name })), "invalid");
  }
  assertEquals([asked, bench.gate.counts.invalid], [[], 12]);
});

Deno.test("what a listed user may do is asked of the query too, but what is shown counts first", async () => {
  const bench = new GateBench({ hooks: { authenticate: fixedUsers({ alice: "wonderland" }) } });
  const guest = await bench.entered();
  const right = new URLSearchParams("user=alice&pass=wonderland");
  const wrong = password("alice", "looking-glass");
  assertEquals(kindOf(await guest.play({ name: "a", query: right })), "granted");
  assertEquals(
    kindOf(await guest.play({ name: "a", query: right, credentials: NOTHING })),
    "granted",
  );
  assertEquals(
    kindOf(await guest.play({ name: "a", query: right, credentials: wrong })),
    "challenge",
  );
});

Deno.test("to prove who one is asks for nothing more, and to have to is known beforehand", async () => {
  const asked: string[] = [];
  const bench = new GateBench({
    hooks: {
      authenticate: fixedUsers({ alice: "wonderland" }, { anonymous: ["play"] }),
      onPlay: () => void asked.push("play"),
    },
  });
  const guest = await bench.entered();
  const credentials = password("alice", "wonderland");
  assertEquals(await guest.prove("play", { name: "a", credentials }), { granted: "alice" });
  assertEquals(kindOf(await guest.prove("publish", { name: "a" })), "challenge");
  assertEquals(await guest.mustProve("publish", { name: "live" }), true);
  assertEquals(await guest.mustProve("play", { name: "live" }), false);
  const shown = { name: "live", query: new URLSearchParams("user=alice&pass=wrong") };
  assertEquals(await guest.mustProve("publish", shown), false, "it is judged later");
  assertEquals(await new GateBench().guest().mustProve("publish", { name: "live" }), false);
  const broken = new GateBench({ hooks: { authenticate: () => undefined as never } });
  assertEquals(
    await broken.guest().mustProve("publish", { name: "live" }),
    false,
    "it is refused later",
  );
  assertEquals([asked, bench.tickets], [[], []]);
});

/** A request that shows `credentials`. */
function request(
  credentials: ShownCredentials,
  action: "publish" | "play" = "publish",
): AuthenticationRequest {
  const connection = { id: 1, protocol: "rtsp", remoteAddress: "", app: "", userAgent: "" };
  return { connection, name: "live/cam", query: new URLSearchParams(), action, credentials };
}

/** Digest credentials of a client that knows `known`. */
function digest(username: string, known: string): ShownCredentials {
  return {
    kind: "digest",
    username,
    realm: "weir",
    verify: (shown) => "password" in shown && shown.password === known,
  };
}

Deno.test("fixed users are those who are listed, and no name that every object has", () => {
  const authenticate = fixedUsers({ alice: "wonderland" });
  const allowed = (credentials: ShownCredentials) => "allow" in authenticate(request(credentials));
  for (const make of [password, digest]) {
    assertEquals(allowed(make("alice", "wonderland")), true);
    const wrong = ["", "undefined", "looking-glass", "WONDERLAND", "wonderland ", "wonderlan"];
    for (const pass of wrong) assertEquals(allowed(make("alice", pass)), false, pass);
    for (const name of ["", "Alice", "constructor", "__proto__", "toString", "hasOwnProperty"]) {
      for (const pass of ["", "wonderland", "undefined", String(Object.prototype.toString)]) {
        assertEquals(allowed(make(name, pass)), false, name);
      }
    }
  }
  assertEquals(authenticate(request({ kind: "none" })), {
    challenge: "User name and password are needed",
  });
  assertEquals(allowed({ kind: "token", token: "wonderland" }), false);
  const listed = fixedUsers(JSON.parse(`{"__proto__":"a","constructor":"b"}`));
  assertEquals(listed(request(password("__proto__", "a"))), { allow: { user: "__proto__" } });
  assertEquals(listed(request(password("constructor", "b"))), { allow: { user: "constructor" } });
  assertEquals("allow" in listed(request(password("toString", ""))), false);
});

Deno.test("fixed users without a password cannot be made", () => {
  for (const password of ["", undefined, null, 7]) {
    assertThrows(() => fixedUsers({ alice: password as string }), TypeError, "alice has none");
  }
});

Deno.test("fixed users may leave a thing to everybody, and what is left out they do not", () => {
  const authenticate = fixedUsers({ alice: "wonderland" }, { anonymous: ["play"] });
  assertEquals(authenticate(request({ kind: "none" }, "play")), { allow: "anonymous" });
  assert("challenge" in authenticate(request({ kind: "none" }, "publish")));
  assert("challenge" in authenticate(request(password("alice", "no"), "play")), "shown and wrong");
});

Deno.test("a query shows a token, or a user and a password under either name", () => {
  const shown = (query: string) => credentialsInQuery(new URLSearchParams(query));
  assertEquals(shown("key=1"), { kind: "none" });
  assertEquals(shown("token=t&user=u&pass=p"), { kind: "token", token: "t" });
  assertEquals(shown("user=u&pass=p"), password("u", "p"));
  assertEquals(shown("username=u&password=p"), password("u", "p"));
  assertEquals(shown("user=u"), password("u", ""));
  assertEquals(shown("pass=p"), password("", "p"));
});
