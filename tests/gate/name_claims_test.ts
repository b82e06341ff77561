/** Publishers whose names are shared with other hubs. */
import { assert, assertEquals } from "@std/assert";
import type { Answer, ConnectionEnd, NameClaim, NameLease } from "../../src/gate/mod.ts";
import { END, GateBench, granted, kindOf, UNIT } from "./gate_bench.ts";

/** A directory that answers as the test says, and notes what it was asked. */
function scripted(answer?: Answer<NameLease>) {
  const claims: NameClaim[] = [];
  const released: string[] = [];
  const grant = (name: string): Answer<NameLease> => ({
    granted: { release: () => void released.push(name) },
  });
  return {
    claims,
    released,
    claim: (claim: NameClaim) => {
      claims.push(claim);
      return Promise.resolve(answer ?? grant(claim.name));
    },
  };
}

const REPLACED: ConnectionEnd = { clean: false, reason: "replaced", message: "Taken over" };

Deno.test("a publisher is granted its name by all hubs, with the identity that the gate decided, and gives it back", async () => {
  const directory = scripted();
  const bench = new GateBench({
    claims: directory,
    hub: { conflict: "reject" },
    hooks: { authenticate: () => ({ allow: { user: "alice" } }) },
  });
  const ticket = await bench.publisher(await bench.entered());
  assertEquals(directory.claims.map(({ name, identity, conflict }) => [name, identity, conflict]), [
    ["live/cam", "user alice", "reject"],
  ]);
  ticket.end(END);
  assertEquals(directory.released, ["live/cam"]);
});

Deno.test("what the other hubs refuse is the publisher's answer, and leaves no ticket", async () => {
  const why = "Cannot publish live/cam as worker 2 has it";
  const bench = new GateBench({ claims: scripted({ refused: "taken", why }) });
  const answer = await (await bench.entered()).publish({ name: "live/cam" });
  assertEquals(answer, { refused: "taken", why });
  assertEquals([bench.tickets, bench.gate.counts.taken, bench.heard], [[], 1, []]);
});

Deno.test("a publisher whose name becomes another hub's is ended as one that was taken over", async () => {
  const directory = scripted();
  const bench = new GateBench({ claims: directory });
  const ends: ConnectionEnd[] = [];
  const ticket = await bench.publisher(await bench.entered(), { ends });
  directory.claims[0]!.onLost(REPLACED);
  assertEquals([ends, ticket.write(UNIT), bench.hub.streams], [[REPLACED], false, []]);
});

Deno.test("a publisher that loses its name before it begins is refused by its start", async () => {
  const directory = scripted();
  const bench = new GateBench({ claims: directory });
  const ticket = granted(await (await bench.entered()).publish({ name: "live/cam" }));
  directory.claims[0]!.onLost(REPLACED);
  assertEquals(kindOf(ticket.start({ onEnded: () => {} })), "taken");
  assertEquals(directory.released, ["live/cam"]);
});

Deno.test("what all hubs have granted is not refused by this one", async () => {
  const bench = new GateBench({ claims: scripted(), hub: { conflict: "reject" } });
  const ends: ConnectionEnd[] = [];
  await bench.publisher(await bench.entered(), { ends });
  await bench.publisher(await bench.entered());
  assertEquals(ends.map(({ reason }) => reason), ["replaced"]);
});

Deno.test("a client that asks first and begins later claims the name when it begins", async () => {
  const directory = scripted();
  const bench = new GateBench({ claims: directory });
  const guest = await bench.entered();
  const ticket = granted(await guest.publish({ name: "live/cam", isLater: true }));
  assertEquals(directory.claims.length, 0);
  assertEquals([await ticket.claim(), await ticket.claim()], [undefined, undefined]);
  granted(ticket.start({ onEnded: () => {} }));
  assertEquals(directory.claims.length, 1);
});

Deno.test("a client that goes while its name is claimed leaves no claim behind", async () => {
  const directory = scripted();
  const bench = new GateBench({ claims: directory });
  const guest = await bench.entered();
  const asked = guest.publish({ name: "live/cam" });
  guest.leave(END);
  await asked;
  assertEquals([directory.claims.length - directory.released.length, bench.tickets], [0, []]);
});

Deno.test("a name that the hub has no room for is given back", async () => {
  const directory = scripted();
  const bench = new GateBench({ claims: directory, hub: { maxStreams: 1 } });
  const ticket = granted(await (await bench.entered()).publish({ name: "live/cam" }));
  bench.hub.acquire("live/other");
  assertEquals(kindOf(ticket.start({ onEnded: () => {} })), "full");
  assertEquals(directory.released, ["live/cam"]);
});

Deno.test("a publisher for whom the hub has no room sends nobody away at another", async () => {
  const directory = scripted();
  const bench = new GateBench({ claims: directory, hub: { maxStreams: 0 } });
  const asked = await (await bench.entered()).publish({ name: "live/cam" });
  assertEquals([kindOf(asked), directory.claims.length], ["full", 0]);
});

Deno.test("what is fetched from another hub claims nothing, tells no hook, says where it is from, and gives way", async () => {
  const directory = scripted();
  const bench = new GateBench({
    claims: directory,
    hooks: { onUnit: () => void bench.heard.push("unit") },
  });
  const ends: ConnectionEnd[] = [];
  const ticket = granted(await bench.gate.own("cluster").publish({ name: "live/cam", via: "w2" }));
  const publication = granted(ticket.start({ onEnded: (end) => void ends.push(end) }));
  assertEquals([publication.via, publication.statistics.via], ["w2", "w2"]);
  assert(ticket.write(UNIT));
  assertEquals(ticket.tracks.map(({ kind, codec }) => [kind, codec]), [["audio", "mp3"]]);
  assertEquals(ticket.health?.tracks.map(({ kind, frames }) => [kind, frames]), [["audio", 1]]);
  assertEquals([directory.claims, bench.heard], [[], []]);
  await bench.publisher(await bench.entered());
  assertEquals(ends.map(({ reason }) => reason), ["replaced"]);
  const late = granted(await bench.gate.own("cluster").publish({ name: "live/cam", via: "w2" }));
  assertEquals(kindOf(late.start({ onEnded: () => {} })), "taken");
  assertEquals(bench.heard, ["publish live/cam"]);
});
