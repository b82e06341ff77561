/**
 * How many changes and questions a second one NATS server takes of the directory of machines, each machine's as weir has
 * them: what bends first in `docs/scaling.md`. Needs `nats-server`.
 *
 *     deno run -A bench/cluster/store_rate.ts
 *
 * @module
 */
import { NatsStore } from "../../src/cluster/mod.ts";
import { NatsServer } from "../../tests/cluster/nats_server.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

/** Machines that ask at a time; each waits for its answer, as machines do. */
const MACHINES = 64;
const SECONDS = 3;

programArguments(import.meta);
await using nats = await NatsServer.start();
const stores = await Promise.all(
  Array.from({ length: MACHINES }, () => NatsStore.open({ servers: [nats.address], prefix: "b" })),
);
const record = JSON.stringify({
  node: "edge-1",
  run: crypto.randomUUID(),
  epoch: 1,
  identity: "user somebody",
  claimedMs: Date.now(),
});

/** How often a second all machines together do something. */
async function rate(act: (store: NatsStore, at: number) => Promise<unknown>): Promise<number> {
  const endMs = performance.now() + SECONDS * 1000;
  let count = 0;
  await Promise.all(stores.map(async (store) => {
    while (performance.now() < endMs) await act(store, count++);
  }));
  return count / SECONDS;
}

const rows = [
  ["changes of 10 000 streams", (store, at) => store.put(`stream.s${at % 10_000}`, record)],
  ["questions for a stream", (store, at) => store.get(`stream.s${at % 10_000}`)],
  ["lists of the copies of a stream", (store, at) => store.keys(`replica.s${at % 10_000}.`)],
] as const satisfies readonly (readonly [
  string,
  (store: NatsStore, at: number) => Promise<unknown>,
])[];
for (const [what, act] of rows) console.log(`${what}: ${Math.round(await rate(act))} a second`);
await Promise.all(stores.map((store) => store.close()));
