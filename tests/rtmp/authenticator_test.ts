import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { amfStringProperty } from "../../src/amf/mod.ts";
import {
  RtmpAuthenticator,
  rtmpChallengeShare,
  type RtmpConnectAnswer,
  RtmpConnectAuthentication,
  withoutConnectProof,
} from "../../src/rtmp/mod.ts";
import { ScriptedServer } from "../client/scripted_server.ts";
import { ffmpeg } from "../support/media_file.ts";
import { ignoreWithout } from "../support/process.ts";
import { until } from "../support/test_server.ts";

let seed = 1;
const random = (length: number): Uint8Array =>
  Uint8Array.from({ length }, () => (seed = (seed * 16807) % 2147483647) & 0xff);

const USER = { username: "ann", password: "se4cret" };

/** A client that was asked, and the `app` that it answers in. */
function answer(
  server: RtmpAuthenticator,
  nowMs: number,
  credentials = USER,
  app = "live",
): string {
  const client = new RtmpConnectAuthentication({ credentials, app, random });
  assert(client.refused(server.question()));
  const named = server.read(client.app, { nowMs });
  assert(named.kind === "named");
  assertEquals(named.username, credentials.username);
  assert(client.refused(server.challenge(named.username, { nowMs })));
  return client.app;
}

function read(server: RtmpAuthenticator, app: string, nowMs: number): RtmpConnectAnswer {
  const proof = server.read(app, { nowMs });
  assert(proof.kind === "answer", proof.kind);
  return proof;
}

Deno.test("RtmpAuthenticator lets in who knows the password, and nobody else", () => {
  const server = new RtmpAuthenticator({ random });
  const app = answer(server, 0);
  assertEquals(read(server, app, 1).username, "ann");
  for (const password of ["", "se4cre", "se4cret ", "Se4cret"]) {
    assertEquals(read(server, app, 1).verify({ password }), false, password);
  }
  assertEquals(read(server, app, 1).verify({ ha1: "00" }), false);
  assertEquals(read(server, app, 1).verify(USER), true);
});

Deno.test("RtmpAuthenticator takes an answer once, in its time, and calls others stale, not wrong", () => {
  const server = new RtmpAuthenticator({ random, lifetimeMs: 1000 });
  const [first, second, third] = [0, 0, 0].map((nowMs) => answer(server, nowMs));
  assertEquals(read(server, first!, 500).verify(USER), true);
  const again = read(server, first!, 600);
  assertEquals([again.verify(USER), again.isStale()], [false, true]);
  assertEquals(read(server, second!, 999).verify(USER), true);
  const late = read(server, third!, 1000);
  assertEquals([late.verify(USER), late.isStale()], [false, true]);
  const wrong = read(server, third!, 500);
  assertEquals([wrong.verify({ password: "x" }), wrong.isStale()], [false, false]);
  // Neither is what was used forgotten too early.
  for (const nowMs of [999, 1000, 5000]) {
    assertEquals(read(server, first!, nowMs).verify(USER), false);
  }
});

Deno.test("RtmpAuthenticator remembers a bounded number of answers, and as many again when time has passed", () => {
  const server = new RtmpAuthenticator({ random, lifetimeMs: 1000, maxUsed: 2 });
  const right = (nowMs: number): boolean => read(server, answer(server, nowMs), nowMs).verify(USER);
  assertEquals([right(0), right(1), right(2)], [true, true, false]);
  assertEquals([right(1000), right(1000)], [true, false]);
});

Deno.test("authenticators that share what they have asked take each answer once, whoever is shown it", () => {
  const shared = rtmpChallengeShare(random);
  const [one, other] = [0, 1].map(() =>
    new RtmpAuthenticator({ random, shared, lifetimeMs: 5000 })
  );
  const startMs = Date.UTC(2030, 0, 1);
  for (let n = 0; n < 50; n++) {
    const app = answer(one!, startMs);
    assertEquals(read(other!, app, startMs + 4000).verify(USER), true);
    for (const server of [one!, other!]) {
      const again = read(server, app, startMs + 4999);
      assertEquals([again.verify(USER), again.isStale()], [false, true]);
      assertEquals(read(server, app, startMs + 5000).verify(USER), false, "it is too old");
    }
  }
  const alone = new RtmpAuthenticator({ random });
  assertEquals(read(alone, answer(one!, startMs), startMs).verify(USER), false);
});

Deno.test("RtmpAuthenticator takes no challenge that it did not make for that user", () => {
  const server = new RtmpAuthenticator({ random });
  const own = answer(server, 0);
  // The whole of the answer made by one who knows the password, on a challenge that is not this server's.
  const foreign = answer(new RtmpAuthenticator({ random }), 0);
  const salt = /salt=([^&]+)/.exec(server.challenge("ann", { nowMs: 0 }))![1]!;
  const forged = (opaque: string): string => {
    const md5 = (text: string): string => createHash("md5").update(text).digest("base64");
    const response = md5(`${md5(`ann${salt}se4cret`)}${opaque}00000000`);
    return `live?authmod=adobe&user=ann&challenge=00000000&response=${response}&opaque=${opaque}`;
  };
  const sealed = /opaque=([^&]+)/.exec(own)![1]!;
  const [nonce, time, seal] = sealed.split(".");
  assertEquals(read(server, forged(sealed), 0).verify(USER), true);
  const fakes = [
    foreign,
    forged(`${nonce}.${Number(time) + 1}.${seal}`),
    forged(`x${nonce}.${time}.${seal}`),
    forged(`${nonce}.${time}.`),
    forged(`${nonce}.${time}`),
    forged(".."),
    forged(""),
    forged(/opaque=([^&]+)/.exec(server.challenge("bob", { nowMs: 0 }))![1]!),
  ];
  for (const fake of fakes) {
    const proof = read(server, fake, 0);
    assertEquals([proof.verify(USER), proof.isStale()], [false, false], fake);
  }
});

Deno.test("RtmpAuthenticator asks everybody alike, and a name cannot forge a part of the question", () => {
  const server = new RtmpAuthenticator({ random });
  const saltOf = (name: string): string =>
    /&salt=([^&]+)&/.exec(server.challenge(name, { nowMs: 0 }))![1]!;
  assertEquals(saltOf("ann"), saltOf("ann"));
  assert(saltOf("ann") !== saltOf("nobody"));
  const odd = "a&salt=x d]%=[+\u00fc";
  const credentials = { username: odd, password: "p w%&=" };
  const app = answer(server, 0, credentials, "live?token=1");
  const proof = read(server, app, 0);
  assertEquals([proof.username, proof.verify(credentials)], [odd, true]);
  assertEquals(withoutConnectProof(app), "live?token=1");
});

Deno.test("RtmpAuthenticator reads nothing from an app that does not answer it, however odd", () => {
  const server = new RtmpAuthenticator({ random });
  const apps = ["", "live", "live?", "live?user=ann&pass=x", "live?authmod=llnw&user=ann", "?&=&"];
  for (const app of [...apps, `live?authmod=adobe&user=ann&x=${"y".repeat(5000)}`]) {
    assertEquals(server.read(app, { nowMs: 0 }), { kind: "none" }, app);
    assertEquals(withoutConnectProof(app).startsWith(app.split("?")[0]!), true);
  }
  assertEquals(server.read("live?authmod=adobe&user=%", { nowMs: 0 }), {
    kind: "named",
    username: "%",
  });
  assertEquals(withoutConnectProof("live?authmod=adobe&user=ann"), "live");
  assertEquals(withoutConnectProof("live?user=ann&pass=x"), "live?user=ann&pass=x");
});

for (const [username, password] of [["ann4", "se4cret"], ["ann%40home", "p4ss%20w%2F"]]) {
  Deno.test({
    name: `FFmpeg is let in by an RtmpAuthenticator with rtmp://${username}:${password}@`,
    ignore: ignoreWithout("ffmpeg"),
    fn: async () => {
      const authenticator = new RtmpAuthenticator({ random });
      const story: string[] = [];
      await using server = new ScriptedServer(async (peer) => {
        await peer.shakeHands();
        const connect = await peer.command("connect");
        const app = amfStringProperty(connect.object, "app") ?? "";
        const proof = authenticator.read(app, { nowMs: 0 });
        const known = { password: decodeURIComponent(password!) };
        if (proof.kind === "answer" && proof.verify(known)) {
          story.push(`let in as ${proof.username}`);
          await peer.answer(connect, "_result", { code: "NetConnection.Connect.Success" });
          await peer.command("never");
          return;
        }
        story.push(proof.kind);
        await peer.answer(connect, "_error", {
          level: "error",
          code: "NetConnection.Connect.Rejected",
          description: proof.kind === "named"
            ? authenticator.challenge(proof.username, { nowMs: 0 })
            : authenticator.question(),
        });
        peer.close();
      });
      const url = `${server.url.replace("//", `//${username}:${password}@`)}/live/cam`;
      await using _publisher = ffmpeg([
        ...["-re", "-f", "lavfi", "-i", "testsrc=size=64x64", "-t", "60", "-c:v", "flv"],
        ...["-f", "flv", url],
      ]);
      await until(() => story.length === 3);
      assertEquals(story, ["none", "named", `let in as ${decodeURIComponent(username!)}`]);
    },
  });
}
