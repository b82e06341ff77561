/**
 * The whole server with many players: what a player costs, and how late the pictures are.
 *
 *     deno task bench:fanout --players 200 --seconds 10 --mbps 3.2 --servers weir,nginx --repeat 3
 *     deno task bench:fanout --quick
 *
 * Each server in turn gets one publisher (30 pictures and 43 audio frames a second, a key frame every
 * two seconds) and so many players on this machine, from one process of their own. Processor time is
 * the server process's alone; latency is from the publisher's write to the player's read, on one
 * clock, and so has the load of the measuring process in it. What a run measures depends on what else
 * the machine does: compare servers of one run, not runs.
 *
 * Servers: `weir`; `weir-50ms` and `weir-100ms`, which gather media for so long; `nginx` with
 * libnginx-mod-rtmp, one worker; `node-media-server`, from npm.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { ClientReport } from "./fanout/clients.ts";
import { readCpuSeconds, readPeakBytes } from "./fanout/process_usage.ts";
import { SERVERS, type ServerUnderTest } from "./fanout/servers.ts";

interface Settings {
  readonly players: number;
  readonly seconds: number;
  readonly mbps: number;
  readonly repeat: number;
  readonly servers: readonly string[];
}

/** One run of one server. */
interface Figures {
  readonly cpuSecondsPerGB: number;
  readonly cpuShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly peakMB: number;
  readonly deliveredMbps: number;
  readonly clientShare: number;
}

function readSettings(args: readonly string[]): Settings {
  const { players, seconds, mbps, repeat, servers, quick } = parseArgs([...args], {
    string: ["players", "seconds", "mbps", "repeat", "servers"],
    boolean: ["quick"],
  });
  const names = (servers ?? (quick ? "weir" : "weir,nginx")).split(",");
  const unknown = names.filter((name) => !(name in SERVERS));
  if (unknown.length > 0) {
    throw new RangeError(`No server ${unknown}: there are ${Object.keys(SERVERS).join(", ")}`);
  }
  return {
    players: Number(players ?? (quick ? 20 : 200)),
    seconds: Number(seconds ?? (quick ? 2 : 10)),
    mbps: Number(mbps ?? 3.2),
    repeat: Number(repeat ?? (quick ? 1 : 3)),
    servers: names,
  };
}

async function measure(name: string, settings: Settings): Promise<Figures> {
  await using server: ServerUnderTest = await SERVERS[name]!();
  const { players, seconds, mbps } = settings;
  const script = new URL("fanout/clients.ts", import.meta.url).href;
  const clients = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", script, ...[server.port, players, seconds, mbps].map(String)],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let report: ClientReport | undefined;
  let cpuSeconds = 0;
  const lines = clients.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; report === undefined;) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`The clients of ${name} ended early`);
    text += value;
    const found = text.split("\n");
    text = found.pop()!;
    for (const line of found) {
      if (line === "start") cpuSeconds = -await readCpuSeconds(server.pid);
      else if (line === "end") cpuSeconds += await readCpuSeconds(server.pid);
      else report = JSON.parse(line) as ClientReport;
    }
  }
  const peakMB = await readPeakBytes(server.pid) / 1e6;
  await clients.status;
  await lines.cancel();
  return {
    cpuSecondsPerGB: cpuSeconds / (report.bytes / 1e9),
    cpuShare: cpuSeconds / report.seconds,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    peakMB,
    deliveredMbps: report.bytes * 8 / 1e6 / report.seconds / players,
    clientShare: report.cpuSeconds / report.seconds,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

async function machine(): Promise<string> {
  const info = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const model = /^model name\s*: (.*)$/m.exec(info)?.[1] ?? "unknown processor";
  return `${model}, ${navigator.hardwareConcurrency} cores, ${Deno.build.os} ${Deno.osRelease()}, ` +
    `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`;
}

async function main(): Promise<void> {
  const settings = readSettings(Deno.args);
  const { players, seconds, mbps, repeat, servers } = settings;
  console.log(await machine());
  console.log(`${players} players, ${mbps} Mb/s, ${seconds} s, medians of ${repeat}\n`);
  const runs = new Map<string, Figures[]>(servers.map((name) => [name, []]));
  for (let round = 0; round < repeat; round++) {
    for (const name of servers) runs.get(name)!.push(await measure(name, settings));
  }
  const columns: [string, keyof Figures, number][] = [
    ["CPU s/GB", "cpuSecondsPerGB", 3],
    ["CPU of one core", "cpuShare", 2],
    ["p50 ms", "p50Ms", 2],
    ["p99 ms", "p99Ms", 1],
    ["peak MB", "peakMB", 0],
    ["Mb/s a player", "deliveredMbps", 2],
    ["clients' CPU", "clientShare", 2],
  ];
  console.log(`| server | ${columns.map(([title]) => title).join(" | ")} |`);
  console.log(`|---|${columns.map(() => "---:").join("|")}|`);
  for (const [name, figures] of runs) {
    const cells = columns.map(([, key, digits]) =>
      median(figures.map((figure) => figure[key])).toFixed(digits)
    );
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}

await main();
