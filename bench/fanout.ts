/**
 * The whole server with many players: what a player costs, and how late the pictures are.
 *
 *     deno task bench:fanout --players 200 --seconds 10 --mbps 3.2 --servers weir,nginx --repeat 3
 *     deno task bench:fanout --servers weir --via rtmp,rtsp-tcp,rtsp-udp
 *     deno task bench:fanout --servers weir --via rtmp,rtsp-tcp --streams 20 --players 20
 *     deno task bench:fanout --servers weir-http --via rtmp,flv,ws-flv --players 500
 *     deno task bench:fanout --servers weir-http --via whep --players 80 --mbps 3
 *     deno task bench:fanout --servers weir-http,mediamtx-http:/usr/local/bin/mediamtx --via hls --players 500 --mbps 3
 *     deno task bench:fanout --quick
 *
 * Each server in turn, by each of the ways of `--via`, gets `--streams` publishers (30 pictures and 43
 * audio frames a second, a key frame every two seconds; over RTMP, or with `--publish rtsp` interleaved)
 * and so many players, spread over the streams, on this machine, from one process of their own. Processor
 * time is the server process's alone; latency is from before the publisher's write to the player's read of
 * the whole picture, on one clock, and so has the load of the measuring process in it; the datagrams that
 * this process is too slow for count as lost. What a run measures depends on what else the machine does:
 * compare servers of one run, not runs. The last column is the median of each round's processor time as a
 * multiple of the first line's, for the same media. A part of HLS is late that comes longer after its last picture
 * than the playlist's PART-HOLD-BACK. A packet of WebRTC that is missing is asked for again: those count as lost that
 * did not come by themselves, and as missed that never came.
 *
 * Servers: `weir`; `weir-http`, with ports of HTTP and WebRTC instead of RTSP; `weir:FOLDER` and
 * `weir-http:FOLDER`, those of another checkout; `weir-ffi` and `weir-http-ffi`, with the permission of that name; `weir-2-workers`; `weir-50ms` and `weir-100ms`, which gather media for so long; `nginx` with
 * libnginx-mod-rtmp, one worker; `node-media-server`, from npm; `mediamtx:PROGRAM`, `mediamtx-http:PROGRAM`, `lal:PROGRAM`, `srs:PROGRAM`
 * and, gathering too, `srs-100ms:PROGRAM`. `bench:servers` measures all of them by a list of cases.
 *
 * @module
 */
import { type Door, DOORS } from "./fanout/clients.ts";
import { machine, median, runClients } from "./fanout/run_clients.ts";
import { isServer, SERVER_NAMES, type ServerUnderTest, startServer } from "./fanout/servers.ts";
import { programArguments } from "../scripts/program_arguments.ts";

interface Settings {
  readonly players: number;
  readonly streams: number;
  readonly seconds: number;
  readonly mbps: number;
  readonly repeat: number;
  /** How long all players watch before anything counts. */
  readonly warmSeconds: number;
  readonly publish: "rtmp" | "rtsp";
  readonly cells: readonly Cell[];
}

/** One line of the table. */
interface Cell {
  readonly server: string;
  readonly via: Door;
}

/** One run of one cell. */
interface Figures {
  readonly cpuSecondsPerGB: number;
  readonly cpuShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lossPercent: number;
  readonly missed: number;
  readonly lateParts: number;
  readonly requestsPerSecond: number;
  readonly failures: number;
  readonly peakMB: number;
  readonly deliveredMbps: number;
  readonly clientShare: number;
  /** Processor time as a multiple of that of the first cell in the same round. */
  readonly ratio: number;
}

function readSettings(): Settings {
  const { quick, publish = "rtmp", ...given } = programArguments(import.meta, {
    numbers: ["players", "streams", "seconds", "mbps", "repeat", "warm"],
    texts: ["servers", "via", "publish"],
    switches: ["quick"],
  });
  const servers = (given.servers ?? (quick ? "weir" : "weir,nginx")).split(",");
  const doors = (given.via ?? "rtmp").split(",");
  const unknown = servers.filter((name) => !isServer(name));
  if (unknown.length > 0) {
    throw new RangeError(`No server ${unknown}: there are ${SERVER_NAMES}`);
  }
  checkNames("way to play", doors, DOORS);
  checkNames("way to publish", [publish], ["rtmp", "rtsp"]);
  return {
    players: given.players ?? (quick ? 20 : 200),
    streams: given.streams ?? 1,
    seconds: given.seconds ?? (quick ? 2 : 10),
    mbps: given.mbps ?? 3.2,
    warmSeconds: given.warm ?? 4,
    repeat: given.repeat ?? (quick ? 1 : 3),
    publish: publish as "rtmp" | "rtsp",
    cells: servers.flatMap((server) => doors.map((via) => ({ server, via: via as Door }))),
  };
}

function checkNames(what: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new RangeError(`No ${what} ${unknown}: there are ${known}`);
}

async function measure({ server: name, via }: Cell, settings: Settings): Promise<Figures> {
  await using server: ServerUnderTest = await startServer(name);
  const { players, streams, seconds, mbps, publish, warmSeconds } = settings;
  const needsRtsp = publish === "rtsp" || via.startsWith("rtsp");
  if (needsRtsp && server.rtspPort === undefined) {
    throw new RangeError(`${name} is not measured with RTSP`);
  }
  const needsHttp = via.endsWith("flv") || via === "whep" || via === "hls";
  if (needsHttp && server.httpPort === undefined) {
    throw new RangeError(`${name} is not measured with HTTP`);
  }
  const { rtspPort = 0, httpPort = 0, whepPort = 0 } = server;
  const run = await runClients(server.pid, {
    ...{ rtmpPort: server.port, rtspPort, httpPort, whepPort, publish, via },
    ...{ players, streams, seconds, mbps, warmSeconds },
  });
  const { report, cpuSeconds, peakMB } = run;
  return {
    cpuSecondsPerGB: cpuSeconds / (report.bytes / 1e9),
    cpuShare: cpuSeconds / report.seconds,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    lossPercent: report.loss * 100,
    missed: report.missed,
    lateParts: report.lateParts,
    requestsPerSecond: report.requests / report.seconds,
    failures: report.failures,
    peakMB,
    deliveredMbps: report.bytes * 8 / 1e6 / report.seconds / players,
    clientShare: report.cpuSeconds / report.seconds,
    ratio: 1,
  };
}

async function main(): Promise<void> {
  const settings = readSettings();
  const { players, streams, seconds, mbps, repeat, publish, cells } = settings;
  console.log(await machine());
  console.log(
    `${players} players of ${streams} ${publish} stream${streams === 1 ? "" : "s"}, ` +
      `${mbps} Mb/s, ${seconds} s, medians of ${repeat}\n`,
  );
  const runs = new Map<Cell, Figures[]>(cells.map((cell) => [cell, []]));
  for (let round = 0; round < repeat; round++) {
    let first: Figures | undefined;
    for (const cell of cells) {
      const figures = await measure(cell, settings);
      first ??= figures;
      runs.get(cell)!.push({ ...figures, ratio: figures.cpuShare / first.cpuShare });
    }
  }
  const columns: [string, keyof Figures, number][] = [
    ["CPU s/GB", "cpuSecondsPerGB", 3],
    ["CPU of one core", "cpuShare", 2],
    ["p50 ms", "p50Ms", 2],
    ["p99 ms", "p99Ms", 1],
    ["loss %", "lossPercent", 3],
    ["missed", "missed", 0],
    ["late parts", "lateParts", 0],
    ["requests/s", "requestsPerSecond", 0],
    ["failures", "failures", 0],
    ["peak MB", "peakMB", 0],
    ["Mb/s a player", "deliveredMbps", 2],
    ["clients' CPU", "clientShare", 2],
    ["CPU, × first", "ratio", 2],
  ];
  console.log(`| server | to | ${columns.map(([title]) => title).join(" | ")} |`);
  console.log(`|---|---|${columns.map(() => "---:").join("|")}|`);
  for (const [{ server, via }, figures] of runs) {
    const values = columns.map(([, key, digits]) =>
      median(figures.map((figure) => figure[key])).toFixed(digits)
    );
    console.log(`| ${server} | ${via} | ${values.join(" | ")} |`);
  }
}

await main();
