/** Who may take a stream over: the user that was proved, on every door alike. */
import { assertEquals } from "@std/assert";
import type { ConnectionEnd, Guest, ShownCredentials } from "../../src/gate/mod.ts";
import { fixedUsers } from "../../src/gate/mod.ts";
import { GateBench, granted, kindOf, password, PRIVATE, PUBLIC, UNIT } from "./gate_bench.ts";

const ALICE = password("alice", "wonderland");
const BOB = password("bob", "builder");
const USERS = fixedUsers({ alice: "wonderland", bob: "builder" }, { anonymous: ["publish"] });
const DOORS = ["rtmp", "rtsp"] as const;

interface Publisher {
  readonly protocol: string;
  readonly remoteAddress: string;
  readonly credentials?: ShownCredentials;
}

/** What comes of it when `next` wants the name of `first`, which has just sent something. */
async function takeover(bench: GateBench, first: Publisher, next: Publisher): Promise<string> {
  const ends: ConnectionEnd[] = [];
  const ticket = await bench.publisher(await bench.entered(first), { ...first, ends });
  ticket.write(UNIT);
  const guest: Guest = await bench.entered(next);
  const asked = granted(await guest.publish({ name: "live/cam", ...credentialsOf(next) }));
  const started = asked.start({ onEnded: () => {} });
  assertEquals(ends.map(({ reason }) => reason), "granted" in started ? ["replaced"] : []);
  return kindOf(started);
}

function credentialsOf({ credentials }: Publisher): { credentials?: ShownCredentials } {
  return credentials === undefined ? {} : { credentials };
}

for (const protocol of DOORS) {
  for (const other of DOORS) {
    const doors = protocol === other ? protocol : `${protocol} and ${other}`;
    Deno.test(`bob, behind the address of alice, does not take her stream over, by ${doors}`, async () => {
      for (const remoteAddress of [PUBLIC, PRIVATE, "127.0.0.1"]) {
        const bench = new GateBench({ hooks: { authenticate: USERS } });
        const result = await takeover(bench, { protocol, remoteAddress, credentials: ALICE }, {
          protocol: other,
          remoteAddress,
          credentials: BOB,
        });
        assertEquals(result, "taken");
      }
    });

    Deno.test(`alice takes her own stream over from another address, by ${doors}`, async () => {
      const bench = new GateBench({ hooks: { authenticate: USERS } });
      const result = await takeover(bench, {
        protocol,
        remoteAddress: PUBLIC,
        credentials: ALICE,
      }, { protocol: other, remoteAddress: "198.51.100.4", credentials: ALICE });
      assertEquals(result, "granted");
    });

    Deno.test(`where some prove who they are, an address counts for nobody, by ${doors}`, async () => {
      for (const remoteAddress of [PUBLIC, PRIVATE, "127.0.0.1"]) {
        for (const credentials of [undefined, ALICE]) {
          const bench = new GateBench({ hooks: { authenticate: USERS } });
          const first = { protocol, remoteAddress, ...(credentials && { credentials }) };
          assertEquals(await takeover(bench, first, { protocol: other, remoteAddress }), "taken");
        }
      }
    });

    Deno.test(`where nobody proves anything, a private address counts and a public one does not, by ${doors}`, async () => {
      const publish = async (first: string, next: string): Promise<string> =>
        await takeover(new GateBench(), { protocol, remoteAddress: first }, {
          protocol: other,
          remoteAddress: next,
        });
      for (const address of [PRIVATE, "127.0.0.1", "::1", "fd12::7"]) {
        assertEquals(await publish(address, address), "granted", address);
      }
      for (const address of [PUBLIC, "2001:db8::1", ""]) {
        assertEquals(await publish(address, address), "taken", address);
      }
      assertEquals(await publish(PRIVATE, "192.168.1.8"), "taken");
    });
  }
}

Deno.test("a publisher that has been silent for 2 s is replaced by anybody who may publish, and no sooner", async () => {
  for (const [silentMs, right] of [[1999, "taken"], [2000, "granted"]] as const) {
    const bench = new GateBench({ hooks: { authenticate: USERS } });
    const ends: ConnectionEnd[] = [];
    const ticket = await bench.publisher(await bench.entered(), { credentials: ALICE, ends });
    ticket.write(UNIT);
    bench.clock.turn(silentMs);
    const guest = await bench.entered({ remoteAddress: PRIVATE });
    const asked = granted(await guest.publish({ name: "live/cam", credentials: BOB }));
    assertEquals(kindOf(asked.start({ onEnded: () => {} })), right);
    assertEquals(ends.map(({ reason }) => reason), right === "granted" ? ["replaced"] : []);
  }
});

Deno.test("a user whose name is like an address is not that address, and a program is who it says", async () => {
  const bench = new GateBench({
    hooks: { authenticate: () => ({ allow: { user: `address ${PRIVATE}` } }) },
  });
  await bench.publisher(await bench.entered({ remoteAddress: PRIVATE }));
  const ticket = granted(
    await bench.gate.own("program").publish({
      name: "live/cam",
      identity: `address ${PRIVATE}`,
    }),
  );
  assertEquals(kindOf(ticket.start({ onEnded: () => {} })), "taken");
  const mine = async () =>
    granted(await bench.gate.own("program").publish({ name: "live/mine", identity: "me" }));
  granted((await mine()).start({ onEnded: () => {} }));
  granted((await mine()).start({ onEnded: () => {} }));
  const nobody = granted(await bench.gate.own("program").publish({ name: "live/mine" }));
  assertEquals(kindOf(nobody.start({ onEnded: () => {} })), "taken");
});
