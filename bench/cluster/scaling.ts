/**
 * How far a cluster reaches: measures what a write costs on this machine, fits a line to it, and simulates trees of
 * machines by the rules that weir itself goes by. Its output is in `docs/scaling.md`.
 *
 *     deno run -A bench/cluster/scaling.ts
 *
 * @module
 */
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { BEAT_MS, type RankedHolder, rankHolders, RENEWAL_MS } from "../../src/cluster/mod.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

/** A picture of 3.2 Mb/s at 30 a second, with its audio, in bytes: what a player is written each time. */
const WRITE_BYTES = 13_700;
const WRITES_A_SECOND = 30;
const BITS_A_PLAYER = WRITE_BYTES * WRITES_A_SECOND * 8;

/** A connection whose other end, a process of its own, reads all that is written. */
class Writer implements AsyncDisposable {
  readonly conn: Deno.TcpConn;
  readonly #reader: Deno.ChildProcess;

  private constructor(conn: Deno.TcpConn, reader: Deno.ChildProcess) {
    this.conn = conn;
    this.#reader = reader;
  }

  static async open(): Promise<Writer> {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const reader = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const c = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
         const b = new Uint8Array(1 << 20); while (await c.read(b) !== null);`,
      ],
    }).spawn();
    return new Writer(await listener.accept(), reader);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.conn.close();
    await this.#reader.status;
  }
}

/** What a write of each length costs this process, microseconds; another reads. */
async function writeCosts(lengths: readonly number[]): Promise<[length: number, us: number][]> {
  await using writer = await Writer.open();
  const { conn } = writer;
  const costs: [number, number][] = [];
  for (const length of lengths) {
    const bytes = new Uint8Array(length);
    const count = Math.min(20_000, Math.ceil(4e8 / length));
    const before = await readCpuSeconds();
    for (let write = 0; write < count; write++) {
      for (let at = 0; at < length;) at += await conn.write(bytes.subarray(at));
    }
    costs.push([length, (await readCpuSeconds() - before) / count * 1e6]);
  }
  return costs;
}

/** What it costs more to write when one was asleep before, microseconds: a timer, a wake of the thread, cold caches. */
async function wakeCost(writeUs: number): Promise<number> {
  await using writer = await Writer.open();
  const { conn } = writer;
  const bytes = new Uint8Array(WRITE_BYTES);
  const count = 500;
  const before = await readCpuSeconds();
  for (let write = 0; write < count; write++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  }
  const each = (await readCpuSeconds() - before) / count * 1e6;
  return each - writeUs;
}

/** The line through points, by least squares. */
function fit(points: readonly (readonly [number, number])[]): { fixed: number; each: number } {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const each = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) /
    points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  return { fixed: y - each * x, each };
}

interface SimulatedNode extends RankedHolder {
  feeds: number;
  readonly region: string;
}

/** A tree of one stream over machines that come one after the other, as `rankHolders` has them choose. */
function tree({ nodes, regions, maxFeeds }: {
  readonly nodes: number;
  readonly regions: number;
  readonly maxFeeds: number;
}): { readonly depth: number; readonly crossings: number; readonly orphans: number } {
  const node = (at: number, from?: SimulatedNode): SimulatedNode => ({
    member: `n${at}`,
    region: `r${at % regions}`,
    depth: from === undefined ? 0 : from.depth + 1,
    path: [...from?.path ?? [], `n${at}`],
    feeds: 0,
    maxFeeds,
    isDraining: false,
  });
  const holders = [node(0)];
  let crossings = 0;
  for (let at = 1; at < nodes; at++) {
    const self = { member: `n${at}`, region: `r${at % regions}` };
    const from = rankHolders(holders, self)[0]!;
    from.feeds++;
    if (from.region !== self.region) crossings++;
    holders.push(node(at, from));
  }
  // The region of the publisher's neighbours is lost: who has fetched through it has to look again.
  const lost = new Set(holders.filter(({ region }) => region === "r1").map(({ member }) => member));
  const orphans =
    holders.filter(({ member, path }) => !lost.has(member) && path.some((on) => lost.has(on)))
      .length;
  return { depth: Math.max(...holders.map(({ depth }) => depth)), crossings, orphans };
}

/** How long a machine has a copy of a stream that has few players, seconds. */
const COPY_SECONDS = 600;

/** Changes of the store a second by the heartbeats of machines, and by each claim and copy told of anew now and then. */
function restingWrites(nodes: number, entries: number): number {
  return nodes / (BEAT_MS / 1000) + entries / (RENEWAL_MS / 1000);
}

/** The same where copies come and go: each is told of, and removed. */
function movingWrites(nodes: number, entries: number, copies: number): number {
  return restingWrites(nodes, entries) + 2 * copies / COPY_SECONDS;
}

if (import.meta.main) {
  programArguments(import.meta);
  const costs = await writeCosts([1000, 5000, 13_700, 50_000, 100_000]);
  for (const [length, us] of costs) console.log(`write of ${length} bytes: ${us.toFixed(1)} µs`);
  const { fixed, each } = fit(costs);
  console.log(`fit: ${fixed.toFixed(1)} µs a write + ${(each * 1000).toFixed(2)} µs a kB`);
  const us = fixed + each * WRITE_BYTES;
  console.log(`a wake: ${(await wakeCost(us)).toFixed(0)} µs`);
  const players = Math.floor(1e6 / (us * WRITES_A_SECOND));
  const line = Math.floor(10e9 / BITS_A_PLAYER);
  console.log(`players a core by writes alone: ${players}; by 10 Gb/s: ${line}`);
  console.log(`cores that 10 Gb/s takes by writes alone: ${(line / players).toFixed(1)}`);
  for (const maxFeeds of [8, 64]) {
    for (const nodes of [10, 100, 1000]) {
      const { depth, crossings, orphans } = tree({ nodes, regions: 10, maxFeeds });
      console.log(
        `one stream, ${nodes} machines, room for ${maxFeeds}: depth ${depth}, ${crossings} fetches between regions, ${orphans} look again when a region is lost`,
      );
    }
  }
  const row = (what: string, writes: number) =>
    console.log(`store writes a second, ${what}: ${writes.toFixed(0)}`);
  row("1000 machines and one stream on all", restingWrites(1000, 1000));
  row("1000 machines, 100 000 streams at ten machines each", restingWrites(1000, 1e6));
  row("the same, with copies that last ten minutes", movingWrites(1000, 1e6, 9e5));
}
