/**
 * What `datagram_test.ts` runs with `--allow-ffi`: sends runs of datagrams, and prints for each how many came, whether they
 * came whole and in order, and whether all had left when `sendRun` returned.
 */
import { bindDeno } from "../../src/transport/datagram.ts";

/** Sizes of the datagrams of each run. */
const RUNS: Readonly<Record<string, readonly number[]>> = {
  "of one size": Array(10).fill(1464),
  "of one size and a rest": [...Array(10).fill(1464), 700],
  "of all sizes": [1, 1464, 1464, 1464, 20, 60, 60, 1200, 1464, 1464],
  "of more than a call takes": Array(70).fill(1000),
  "of none": [],
};

/** Bytes that nothing else has, at an odd place of a larger buffer. */
function datagram(number: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size + 3).subarray(3);
  return bytes.map((_, at) => number * 31 + at);
}

async function tell(bound: string, hostname: string): Promise<void> {
  // A stream socket of the same port is not taken for it.
  using listener = Deno.listen({ hostname: bound, port: 0 });
  const sender = bindDeno({ hostname: bound, port: (listener.addr as Deno.NetAddr).port });
  const receiver = bindDeno({ hostname, port: 0 });
  const came: Uint8Array[] = [];
  let wake = (): void => {};
  const ended = receiver.receive((bytes) => {
    came.push(bytes);
    wake();
  });
  const peer = { hostname, port: receiver.port };
  for (const [title, sizes] of Object.entries(RUNS)) {
    const run = sizes.map((size, number) => datagram(number, size));
    const sent = sender.sendRun(run, peer);
    while (came.length < run.length) await new Promise<void>((resolve) => wake = resolve);
    const isSame = came.every((bytes, number) => bytes.join() === run[number]!.join());
    console.log(`${bound}, ${title}: ${came.length} ${isSame} ${sent === undefined}`);
    came.length = 0;
    await sent;
  }
  // What cannot leave in one call leaves one by one: these are longer than a datagram can be.
  const long = sender.sendRun([new Uint8Array(70_000), Uint8Array.of(9)], peer);
  while (came.length < 1) await new Promise<void>((resolve) => wake = resolve);
  console.log(`${bound}, one too long before another: ${came[0]!.join()} ${long === undefined}`);
  await long;
  sender.close();
  const late = sender.sendRun([Uint8Array.of(1)], peer);
  console.log(`${bound}, closed: ${late === undefined}`);
  await late;
  receiver.close();
  await ended;
}

await tell("127.0.0.1", "127.0.0.1");
await tell("::", "127.0.0.1");
await tell("::", "::1");
