/**
 * weir beside other servers, in turn and in one run: what a delivered byte, a join and a published byte cost, how
 * late pictures are, how many are lost, and how much memory that takes.
 *
 *     deno task bench:servers
 *     deno task bench:servers --cases rtmp-200,ingest --servers weir,nginx --repeat 3 --seconds 6
 *     deno task bench:servers --mediamtx /usr/local/bin/mediamtx --lal /usr/local/bin/lalserver --srs /usr/local/srs/objs/srs
 *     deno task bench:servers --cases hls-500,whep-80 --mediamtx /usr/local/bin/mediamtx
 *     deno task bench:servers --json > servers.json
 *
 * Debian's nginx with its RTMP module and Node-Media-Server of npm take part where they are installed or can be;
 * MediaMTX, lal and SRS where the path to the program is given. Each case has servers that offer what it measures, and
 * each server is started anew for each round. Players and publishers are one process, on this machine, and compete
 * with the server for it; what counts is processor time of the server's process to the nanosecond, from when all
 * players have had their first pictures for some seconds (`--warm`, 4 by default: a runtime that compiles as it runs
 * becomes cheaper for about half a minute, and servers run for longer). Latency is from before the publisher's write to a player's read of the
 * whole picture. Every figure is a median of the rounds; ratios are medians of each round's processor time as a
 * multiple of nginx's in the same round, or of the first server's where nginx does not take part.
 *
 * @module
 */
import { setUp } from "../scripts/setup.ts";
import type { ClientTask, Door, Load } from "./fanout/clients.ts";
import { machine, median, type Run, runClients } from "./fanout/run_clients.ts";
import { startServer } from "./fanout/servers.ts";
import { programArguments } from "../scripts/program_arguments.ts";

/** One question to the servers that can answer it. */
interface Case {
  readonly title: string;
  readonly load?: Load;
  readonly via: Door;
  readonly streams: number;
  /** Players of all streams; those that join, a second. */
  readonly players: number;
  readonly mbps?: number;
  /** The servers that take part, by kind. */
  readonly kinds: readonly string[];
}

const ALL_OF_RTMP = ["nginx", "weir", "node-media-server", "mediamtx", "lal", "srs"];
const ALL_OF_RTSP = ["mediamtx", "weir", "lal"];
const ALL_OF_BROWSERS = ["mediamtx-http", "weir-http"];
const RTMP = { via: "rtmp", kinds: ALL_OF_RTMP } as const;
/** The groups of pictures that those are sent who join must not be what is measured. */
const JOIN_MBPS = 0.3;

const CASES: Readonly<Record<string, Case>> = {
  "rtmp-1": { title: "RTMP, 1 player", ...RTMP, streams: 1, players: 1 },
  "rtmp-50": { title: "RTMP, 50 players", ...RTMP, streams: 1, players: 50 },
  "rtmp-200": { title: "RTMP, 200 players", ...RTMP, streams: 1, players: 200 },
  "rtmp-1000": { title: "RTMP, 1000 players", ...RTMP, streams: 1, players: 1000 },
  "rtmp-100x2": { title: "RTMP, 100 streams of 2 players", ...RTMP, streams: 100, players: 200 },
  "gathered-200": {
    title: "RTMP, 200 players, 100 ms gathered",
    ...{ via: "rtmp", streams: 1, players: 200, kinds: ["nginx", "weir-100ms", "srs-100ms"] },
  },
  "gathered-1000": {
    title: "RTMP, 1000 players, 100 ms gathered",
    ...{ via: "rtmp", streams: 1, players: 1000, kinds: ["nginx", "weir-100ms", "srs-100ms"] },
  },
  "workers-1000": {
    title: "RTMP, 1000 players, two workers",
    ...{ via: "rtmp", streams: 1, players: 1000, kinds: ["weir", "weir-2-workers"] },
  },
  "ingest": {
    title: "RTMP, one publisher, flat out",
    ...{ ...RTMP, load: "ingest", streams: 1, players: 0 },
  },
  "joins": {
    title: "RTMP, 500 joins a second",
    ...{ ...RTMP, load: "join", streams: 1, players: 500, mbps: JOIN_MBPS },
  },
  ...rtsp("tcp", 50),
  ...rtsp("tcp", 200),
  ...rtsp("udp", 50),
  ...rtsp("udp", 200),
  "flv-200": {
    title: "HTTP-FLV, 200 players",
    ...{
      via: "flv",
      streams: 1,
      players: 200,
      kinds: ["weir-http", "node-media-server", "lal", "srs"],
    },
  },
  "hls-500": {
    title: "LL-HLS, 500 viewers of 3 Mb/s",
    ...{ via: "hls", streams: 1, players: 500, mbps: 3, kinds: ALL_OF_BROWSERS },
  },
  "whep-80": {
    title: "WHEP, 80 players of 3 Mb/s",
    ...{
      via: "whep",
      streams: 1,
      players: 80,
      mbps: 3,
      kinds: [...ALL_OF_BROWSERS, "weir-http-ffi"],
    },
  },
};

function rtsp(transport: "tcp" | "udp", players: number): Record<string, Case> {
  const title = `RTSP over ${transport.toUpperCase()}, ${players} players`;
  const via = `rtsp-${transport}` as const;
  const kinds = transport === "udp" ? [...ALL_OF_RTSP, "weir-ffi"] : ALL_OF_RTSP;
  return { [`${via}-${players}`]: { title, via, streams: 1, players, kinds } };
}

/** What one round of one server has shown. */
interface Round extends Run {
  /** Processor time as a multiple of the reference's, for the same work. */
  readonly ratio: number;
}

interface Settings {
  readonly cases: readonly string[];
  /** The names by which servers are started, by kind. */
  readonly servers: ReadonlyMap<string, string>;
  readonly repeat: number;
  readonly seconds: number;
  readonly mbps: number;
  /** How long all players watch before anything counts. */
  readonly warmSeconds: number;
  readonly json: boolean;
}

async function readSettings(): Promise<Settings> {
  const { json, ...texts } = programArguments(import.meta, {
    numbers: ["repeat", "seconds", "mbps", "warm"],
    texts: ["cases", "servers", "mediamtx", "lal", "srs"],
    switches: ["json"],
  });
  const cases = texts.cases?.split(",") ?? Object.keys(CASES);
  const unknown = cases.filter((name) => !Object.hasOwn(CASES, name));
  if (unknown.length > 0) {
    throw new RangeError(`No case ${unknown}: there are ${Object.keys(CASES)}`);
  }
  const weirs = ["weir", "weir-http", "weir-http-ffi", "weir-ffi", "weir-100ms", "weir-2-workers"];
  const servers = new Map(weirs.map((name) => [name, name]));
  const missing = await setUp();
  if (!missing.some((name) => name === "nginx" || name === "libnginx-mod-rtmp")) {
    servers.set("nginx", "nginx");
  }
  servers.set("node-media-server", "node-media-server");
  for (const kind of ["mediamtx", "lal", "srs"] as const) {
    const program = texts[kind];
    if (program !== undefined) servers.set(kind, `${kind}:${program}`);
  }
  if (texts.mediamtx !== undefined) servers.set("mediamtx-http", `mediamtx-http:${texts.mediamtx}`);
  if (texts.srs !== undefined) servers.set("srs-100ms", `srs-100ms:${texts.srs}`);
  const wanted = texts.servers?.split(",");
  for (const kind of servers.keys()) {
    if (
      wanted?.some((name) => kind === name || kind.startsWith(`${name}-`)) === false
    ) {
      servers.delete(kind);
    }
  }
  return {
    ...{ cases, servers, json },
    repeat: texts.repeat ?? 3,
    seconds: texts.seconds ?? 6,
    mbps: texts.mbps ?? 3.2,
    warmSeconds: texts.warm ?? 4,
  };
}

async function measure(
  server: string,
  of: Case,
  { seconds, mbps, warmSeconds }: Settings,
): Promise<Run> {
  await using running = await startServer(server);
  const { port: rtmpPort, rtspPort = 0, httpPort = 0, whepPort = 0 } = running;
  const { load = "play", via, streams, players } = of;
  const task: ClientTask = {
    ...{ load, rtmpPort, rtspPort, httpPort, whepPort },
    ...{ publish: "rtmp", via, streams, players, seconds, warmSeconds },
    mbps: of.mbps ?? mbps,
  };
  return await runClients(running.pid, task);
}

/** What the processor time is a cost of: a join, or bytes. */
function work({ load }: Case, { report }: Run): number {
  return load === "join" ? report.joins / 1000 : report.bytes / 1e9;
}

async function measureCase(of: Case, settings: Settings): Promise<Map<string, Round[]>> {
  const kinds = of.kinds.filter((kind) => settings.servers.has(kind));
  const rounds = new Map<string, Round[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < settings.repeat; round++) {
    let reference: number | undefined;
    for (const kind of kinds) {
      try {
        const run = await measure(settings.servers.get(kind)!, of, settings);
        const cost = run.cpuSeconds / work(of, run);
        reference ??= cost;
        rounds.get(kind)!.push({ ...run, ratio: cost / reference });
      } catch (error) {
        console.error(`${kind} did not finish "${of.title}":`, error);
      }
    }
  }
  return rounds;
}

/** A figure of a case, with the digits that it is told with. */
type Figure = readonly [title: string, value: (round: Round) => number, digits: number];

function figuresOf(of: Case): readonly Figure[] {
  const cost: Figure = [
    of.load === "join" ? "CPU ms/join" : "CPU s/GB",
    (round) => round.cpuSeconds / work(of, round),
    3,
  ];
  const ends: Figure[] = [["peak MB", ({ peakMB }) => peakMB, 0], [
    "× first",
    ({ ratio }) => ratio,
    2,
  ]];
  if (of.load === "ingest") {
    return [cost, ["MB/s", ({ report }) => report.bytes / report.seconds / 1e6, 0], ...ends];
  }
  const joins: Figure[] = [
    ["join p50 ms", ({ report }) => report.joinP50Ms, 0],
    ["join p99 ms", ({ report }) => report.joinP99Ms, 0],
  ];
  if (of.load === "join") {
    return [cost, ["joins/s", ({ report }) => report.joins / report.seconds, 0], ...joins, ...ends];
  }
  const ofWay: Figure[] = of.via === "hls"
    ? [
      ["parts", ({ report }) => report.parts, 0],
      ["late parts", ({ report }) => report.lateParts, 0],
      ["requests/s", ({ report }) => report.requests / report.seconds, 0],
      ["failures", ({ report }) => report.failures, 0],
    ]
    : [["loss %", ({ report }) => report.loss * 100, 3], [
      "missed",
      ({ report }) => report.missed,
      0,
    ]];
  return [
    cost,
    ["cores", ({ cpuSeconds, report }) => cpuSeconds / report.seconds, 2],
    ["p50 ms", ({ report }) => report.p50Ms, 1],
    ["p99 ms", ({ report }) => report.p99Ms, 1],
    ["max ms", ({ report }) => report.maxMs, 0],
    ...ofWay,
    ["clients' CPU", ({ report }) => report.cpuSeconds / report.seconds, 2],
    ...joins,
    ...ends,
  ];
}

function print(of: Case, rounds: ReadonlyMap<string, Round[]>): void {
  const figures = figuresOf(of);
  console.log(`\n## ${of.title}\n`);
  console.log(`| server | ${figures.map(([title]) => title).join(" | ")} |`);
  console.log(`|---|${figures.map(() => "---:").join("|")}|`);
  for (const [kind, all] of rounds) {
    const values = figures.map(([, value, digits]) => {
      const figure = median(all.map(value));
      return Number.isNaN(figure) ? "—" : figure.toFixed(digits);
    });
    console.log(`| ${kind} | ${values.join(" | ")} |`);
  }
}

async function versions({ servers }: Settings): Promise<string> {
  const asked: [string, string, string[]][] = [
    ["nginx", "nginx", ["-v"]],
    ...["mediamtx", "lal", "srs"].map((kind): [string, string, string[]] => [
      kind,
      servers.get(kind)?.slice(kind.length + 1) ?? "",
      [{ mediamtx: "--version", lal: "-v", srs: "-v" }[kind]!],
    ]),
  ];
  const lines: string[] = [];
  for (const [kind, program, args] of asked) {
    if (!servers.has(kind)) continue;
    const { stdout, stderr } = await new Deno.Command(program, { args }).output();
    const [line = "?"] = new TextDecoder().decode(stdout.length > 0 ? stdout : stderr).split("\n");
    lines.push(`${kind} ${line.trim()}`);
  }
  return lines.join("; ");
}

async function main(): Promise<void> {
  const settings = await readSettings();
  const { cases, repeat, seconds, mbps, json } = settings;
  const about = {
    machine: await machine(),
    versions: await versions(settings),
    load: `streams of ${mbps} Mb/s, ${seconds} s, medians of ${repeat}`,
  };
  if (!json) console.log(Object.values(about).join("\n"));
  const results: Record<string, unknown> = {};
  for (const name of cases) {
    const of = CASES[name]!;
    const rounds = await measureCase(of, settings);
    if (!json) print(of, rounds);
    results[name] = Object.fromEntries(
      [...rounds].map(([kind, all]) => [
        kind,
        Object.fromEntries(
          figuresOf(of).map(([title, value]) => [title, median(all.map(value))]),
        ),
      ]),
    );
  }
  if (json) console.log(JSON.stringify({ ...about, cases: results }, null, 2));
}

await main();
