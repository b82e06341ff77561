/** Who guesses passwords has about one try a second, whatever doors and connections it comes by. */
import { assert, assertEquals } from "@std/assert";
import { fixedUsers, type ShownCredentials } from "../../src/gate/mod.ts";
import { GuessGuard } from "../../src/gate/guess_guard.ts";
import { settled, TurnedClock } from "../support/turned_clock.ts";
import { GateBench, granted, kindOf, password, PUBLIC } from "./gate_bench.ts";

const WRONG = password("alice", "looking-glass");
const RIGHT = password("alice", "wonderland");

/** A gate whose `authenticate` counts what it has judged, and takes `delayMs` for it. */
function guarded(
  options: { delayMs?: number; isRight?: (shown: ShownCredentials) => boolean } = {},
) {
  const { delayMs = 0, isRight = (shown) => shown === RIGHT } = options;
  const judged: number[] = [];
  const bench: GateBench = new GateBench({
    limits: { maxConnectionsPerAddress: Infinity, maxHandshakesPerSecond: Infinity },
    hooks: {
      authenticate: async ({ credentials }) => {
        judged.push(bench.clock.now());
        if (delayMs > 0) {
          await new Promise<void>((resolve) => bench.clock.setTimer(resolve, delayMs));
        }
        return isRight(credentials) ? { allow: { user: "alice" } } : { challenge: "Wrong" };
      },
    },
  });
  return { bench, judged };
}

for (const delayMs of [0, 250]) {
  Deno.test(`of 10 000 guesses of an address in ten minutes about one a second is judged, answers of ${delayMs} ms`, async () => {
    const { bench, judged } = guarded({ delayMs });
    const refused = { full: 0, denied: 0, challenge: 0 };
    for (let second = 0; second < 600; second++) {
      for (let tries = 0; tries < 17; tries++) {
        // Each by a connection of its own, by doors in turn.
        const guest = bench.guest({ protocol: ["rtmp", "rtsp"][tries % 2]! });
        void guest.publish({ name: "live/cam", credentials: WRONG }).then((answer) => {
          refused[kindOf(answer) as keyof typeof refused]++;
          guest.release();
        });
      }
      await bench.clock.turnSlowly(1000);
    }
    assert(judged.length <= 600 + 16, `${judged.length} judged`);
    assert(judged.length >= 590, `${judged.length} judged`);
    await bench.clock.turnSlowly(60_000);
    assertEquals(refused.full + refused.denied + refused.challenge, 600 * 17, "all are answered");
    assert(refused.full > 9000, `${refused.full} without their turn`);
    assertEquals([bench.gate.guests.size, bench.clock.pending], [0, 0]);
  });
}

Deno.test("guesses in bursts with rests between are no more than those without", async () => {
  const { bench, judged } = guarded({ delayMs: 10 });
  for (let burst = 0; burst < 100; burst++) {
    for (let tries = 0; tries < 16; tries++) {
      void bench.guest().publish({ name: "live/cam", credentials: WRONG });
    }
    await bench.clock.turnSlowly(5000);
  }
  assert(judged.length <= 500 + 16, `${judged.length} judged in 500 s`);
});

Deno.test("what is not allowed is a guess, however the program says so", async () => {
  const ways = [
    () => ({ refuse: "Wrong password" }),
    () => ({ challenge: "Wrong password" }),
    () => undefined as never,
    () => Promise.reject(new Error("no such user")),
    () => {
      throw new Error("no such user");
    },
  ];
  for (const way of ways) {
    let judged = 0;
    const bench = new GateBench({
      hooks: {
        authenticate: () => {
          judged++;
          return way();
        },
      },
    });
    for (let tries = 0; tries < 90; tries++) {
      void bench.guest().publish({ name: "live/cam", credentials: WRONG });
    }
    await settled();
    assert(judged <= 16, `${judged} at once`);
    await bench.clock.turnSlowly(20_000);
    assert(judged <= 16 + 20, `${judged} in 20 s: ${way}`);
  }
});

Deno.test("an address that guesses slows no other one", async () => {
  const { bench } = guarded();
  for (let tries = 0; tries < 50; tries++) {
    void bench.guest().publish({ name: "live/cam", credentials: WRONG });
  }
  await settled();
  const other = bench.guest({ remoteAddress: "198.51.100.4" });
  let answer = "";
  void other.publish({ name: "live/cam", credentials: RIGHT }).then((one) => answer = kindOf(one));
  await settled();
  assertEquals(answer, "granted");
});

Deno.test("a thousand honest users of one address wait for nothing but the answers", async () => {
  const { bench } = guarded();
  let allowed = 0;
  for (let user = 0; user < 1000; user++) {
    void bench.guest().play({ name: "live/cam", credentials: RIGHT })
      .then((answer) => kindOf(answer) === "granted" && allowed++);
  }
  await settled();
  for (let more = 0; more < 20; more++) await settled();
  assertEquals([allowed, bench.clock.now()], [1000, 0]);
});

Deno.test("who shows nothing does not guess, and does not wait for those who do", async () => {
  const { bench } = guarded();
  for (let tries = 0; tries < 50; tries++) {
    void bench.guest().publish({ name: "live/cam", credentials: WRONG });
  }
  await settled();
  for (let tries = 0; tries < 50; tries++) {
    assertEquals(kindOf(await bench.guest().publish({ name: "live/cam" })), "challenge");
  }
});

Deno.test("a right answer to a challenge that is too old is no guess", async () => {
  const stale: ShownCredentials = {
    kind: "digest",
    username: "alice",
    realm: "weir",
    verify: () => false,
    isStale: () => true,
  };
  const { bench, judged } = guarded({ isRight: () => false });
  const guest = await bench.entered();
  for (let tries = 0; tries < 20; tries++) {
    assertEquals(kindOf(await guest.play({ name: "a", credentials: stale })), "challenge");
  }
  assertEquals([judged.length, bench.gate.counts.wrongCredentials], [20, 0]);
});

Deno.test("the third wrong answer closes the connection, and what came with it is not judged", async () => {
  const { bench, judged } = guarded();
  const guest = await bench.entered();
  const answers = await Promise.all([
    guest.publish({ name: "live/cam", credentials: WRONG }),
    guest.publish({ name: "live/cam", credentials: WRONG }),
    guest.publish({ name: "live/cam", credentials: WRONG }),
  ]);
  assertEquals(answers.map(kindOf), ["challenge", "challenge", "denied"]);
  const [, , third] = answers;
  assert("refused" in third!);
  assertEquals(third.close?.reason, "wrong-credentials");
  await bench.clock.turnSlowly(60_000);
  // The door is slow to close.
  const late = await guest.publish({ name: "live/cam", credentials: RIGHT });
  assertEquals([kindOf(late), judged.length], ["denied", 3]);
  assertEquals(bench.gate.counts.wrongCredentials, 3);
});

Deno.test("that nobody could be asked slows, but is no wrong answer of the client", async () => {
  const bench = new GateBench({ hooks: { authenticate: () => Promise.reject(new Error("gone")) } });
  const guest = await bench.entered();
  for (let tries = 0; tries < 5; tries++) {
    const answer = await guest.publish({ name: "a", credentials: WRONG });
    assertEquals(answer, { refused: "denied", why: "Internal error" });
  }
  assertEquals(bench.gate.counts.wrongCredentials, 0);
});

Deno.test("how many wrong answers close a connection can be set", async () => {
  for (const most of [1, 5]) {
    const bench = new GateBench({
      limits: { maxWrongCredentials: most },
      hooks: { authenticate: fixedUsers({ alice: "wonderland" }) },
    });
    const guest = await bench.entered();
    for (let tries = 1; tries <= most; tries++) {
      const answer = await guest.publish({ name: "a", credentials: WRONG });
      assertEquals("refused" in answer && answer.close !== undefined, tries === most);
    }
  }
});

Deno.test("who leaves while it waits for its turn gives its place up, and nobody is asked about it", async () => {
  const { bench, judged } = guarded();
  for (let tries = 0; tries < 5; tries++) {
    await bench.guest().publish({ name: "live/cam", credentials: WRONG });
  }
  const guests = Array.from({ length: 100 }, () => bench.guest());
  const answers = guests.map((guest) => guest.publish({ name: "a", credentials: WRONG }));
  await settled();
  for (const guest of guests) {
    guest.leave({ clean: false, reason: "reset", message: "" });
    guest.release();
  }
  assertEquals(new Set((await Promise.all(answers)).map(kindOf)), new Set(["absent"]));
  assertEquals(judged.length, 5);
  const honest = bench.guest().publish({ name: "a", credentials: RIGHT });
  await bench.clock.turnSlowly(1000);
  assertEquals(kindOf(await honest), "granted", "it is the next");
  assertEquals(bench.gate.counts.full, 0);
});

Deno.test("credentials wait for their turn no longer than for a hook", async () => {
  const { bench } = guarded();
  for (let tries = 0; tries < 1000; tries++) {
    void bench.guest().publish({ name: "live/cam", credentials: WRONG });
  }
  await settled();
  const last = bench.guest().publish({ name: "live/cam", credentials: WRONG });
  await bench.clock.turnSlowly(30_000);
  assertEquals(kindOf(await last), "full");
});

Deno.test("over a thousand credentials of an address that wait are refused at once", async () => {
  const { bench } = guarded();
  for (let tries = 0; tries < 1005 + 16; tries++) {
    void bench.guest().publish({ name: "live/cam", credentials: WRONG });
  }
  await settled();
  for (let tries = 0; tries < 12; tries++) {
    void bench.guest().publish({ name: "live/cam", credentials: WRONG });
  }
  await settled();
  const { full } = bench.gate.counts;
  assert(full >= 12 && full < 40, `${full}`);
});

Deno.test("after a stop nobody waits, and no timer is left, whoever is being judged", async () => {
  const answer = Promise.withResolvers<never>();
  const bench = new GateBench({ hooks: { authenticate: () => answer.promise } });
  const guests = Array.from({ length: 40 }, () => bench.guest());
  const answers = guests.map((guest) => guest.publish({ name: "a", credentials: WRONG }));
  await settled();
  bench.gate.close();
  answer.resolve({ challenge: "Wrong" } as never);
  assertEquals((await Promise.all(answers)).filter((one) => kindOf(one) === "full").length, 24);
  assertEquals(kindOf(await bench.guest().publish({ name: "a", credentials: WRONG })), "full");
  assertEquals(bench.clock.pending, 0);
});

Deno.test("one whose answer takes long holds up nobody whose turn has come", async () => {
  const slow = Promise.withResolvers<never>();
  const bench = new GateBench({
    hooks: {
      authenticate: ({ credentials }) =>
        credentials.kind === "token" ? slow.promise : { challenge: "Wrong" },
    },
  });
  const wrong = () => bench.guest().publish({ name: "a", credentials: WRONG });
  for (let tries = 0; tries < 4; tries++) await wrong();
  void bench.guest().publish({ name: "a", credentials: { kind: "token", token: "slow" } });
  const next = wrong();
  await bench.clock.turnSlowly(1000);
  assertEquals([kindOf(await next), bench.clock.now()], ["challenge", 1000]);
});

Deno.test("the guard remembers the addresses that have guessed of late, and who waits, and nobody else", async () => {
  const clock = new TurnedClock();
  const guard = new GuessGuard(clock);
  const leavers = new Set<() => void>();
  const turn = (address: string) => guard.turn(address, { waitMs: 30_000, leavers });
  const [first, second] = [await turn("a"), await turn("b")];
  assertEquals([guard.size, leavers.size], [2, 0]);
  first!(true);
  assertEquals(guard.size, 1, "who is right is forgotten");
  second!(false);
  second!(false);
  await clock.turnSlowly(999);
  assertEquals(guard.size, 1);
  await clock.turnSlowly(1);
  assertEquals([guard.size, clock.pending], [0, 0], "one guess is made good in a second");
});

Deno.test("an address is forgotten once it has been quiet", async () => {
  const { bench } = guarded();
  for (let tries = 0; tries < 3; tries++) {
    await bench.guest().publish({ name: "a", credentials: WRONG });
  }
  assertEquals(bench.clock.pending, 1);
  await bench.clock.turnSlowly(5000);
  assertEquals(bench.clock.pending, 0);
  granted(await bench.guest({ remoteAddress: PUBLIC }).publish({ name: "a", credentials: RIGHT }));
  assertEquals(bench.clock.pending, 0, "who is right leaves nothing behind");
});
