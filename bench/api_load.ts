/**
 * What it costs that the API and the metrics are asked all the time, while players watch.
 *
 *     deno run -A bench/api_load.ts [--players 200] [--seconds 10] [--rate 50]
 *
 * The server is a process of its own, whose processor time is what the kernel has counted of its threads: in turn for some
 * seconds without questions, and for as many with `--rate` a second of the API and of the metrics each, so that what else
 * the machine does is in both. What the players have of it is told beside.
 *
 * @module
 */
import type { ClientReport, ClientTask } from "./fanout/clients.ts";
import { readCpuSeconds } from "./fanout/process_usage.ts";
import { median } from "./fanout/run_clients.ts";
import { freePort } from "./fanout/servers.ts";
import { type StartedServer, startServer } from "./started_server.ts";
import { programArguments } from "../scripts/program_arguments.ts";

/** What was measured. */
export interface ApiLoadFigures {
  /** Shares of a core that the server takes, without and with the questions: medians of the turns. */
  readonly idleShare: number;
  readonly askedShare: number;
  /** Questions that were answered. */
  readonly answered: number;
  /** Pictures that the players saw, of those that take the messages apart, and how late the slowest hundredth was. */
  readonly pictures: number;
  readonly p99Ms: number;
  /** Times that a player was too slow. */
  readonly skips: number;
}

/** What is asked for the first times costs more than what is asked all day. */
const WARM_UP = 500;

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** Questions are asked for so long, and then for as long none, milliseconds. */
const WINDOW_MS = 1500;

/** Measures. */
export async function measureApiLoad(
  { players, seconds, rate }: {
    readonly players: number;
    readonly seconds: number;
    readonly rate: number;
  },
): Promise<ApiLoadFigures> {
  const rtmpPort = freePort();
  const httpPort = freePort(rtmpPort + 1);
  await using server = await startWeir(rtmpPort, httpPort);
  for (let at = 0; at < WARM_UP; at++) {
    for (const path of ["v1/streams", "metrics"]) await (await ask(server, path)).arrayBuffer();
  }
  const task: ClientTask = {
    ...{ rtmpPort, rtspPort: 0, httpPort, whepPort: httpPort, publish: "rtmp", via: "rtmp" },
    ...{ players, streams: 1, seconds, mbps: 3.2 },
  };
  const [idle, asked]: [number[], number[]] = [[], []];
  let answered = 0;
  let window = idle;
  let isOver = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  const askAll = async (): Promise<void> => {
    for (const path of ["v1/streams", "metrics"]) {
      const answer = await ask(server, path);
      await answer.arrayBuffer();
      if (answer.ok) answered++;
    }
  };
  const takeTurns = async (): Promise<void> => {
    timer = setInterval(() => {
      if (window === asked) void askAll();
    }, 1000 / rate);
    while (!isOver) {
      const [cpu, atMs] = [await readCpuSeconds(server.pid), performance.now()];
      await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
      // The last one may have gone beyond the players' end.
      if (isOver) break;
      const used = await readCpuSeconds(server.pid) - cpu;
      window.push(used * 1000 / (performance.now() - atMs));
      window = window === idle ? asked : idle;
    }
  };
  let turns: Promise<void> | undefined;
  const report = await runClients(task, (line) => {
    if (line === "start") turns = takeTurns();
    else {
      isOver = true;
      clearInterval(timer);
    }
    return Promise.resolve();
  });
  await turns;
  const text = await (await ask(server, "metrics")).text();
  return {
    idleShare: median(idle),
    askedShare: median(asked),
    answered,
    pictures: report.pictures,
    p99Ms: report.p99Ms,
    skips: Number(/^weir_skips_total (\S+)$/m.exec(text)?.[1]),
  };
}

interface Running extends StartedServer {
  readonly url: string;
}

function ask({ url, token }: Running, path: string): Promise<Response> {
  return fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
}

async function startWeir(rtmpPort: number, httpPort: number): Promise<Running> {
  const server = await startServer([
    ...["run", "--allow-net", "mod.ts", "--log-level", "warn", "--rtsp", "off"],
    ...["--webrtc", "off", "--rtmp", `127.0.0.1:${rtmpPort}`, "--http", `127.0.0.1:${httpPort}`],
  ], { cwd: ROOT });
  return { ...server, url: `http://127.0.0.1:${httpPort}/` };
}

async function runClients(
  task: ClientTask,
  onLine: (line: "start" | "end") => Promise<void>,
): Promise<ClientReport> {
  const script = new URL("fanout/clients.ts", import.meta.url).href;
  const clients = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--unstable-net", script, JSON.stringify(task)],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const piece of clients.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      if (line === "start" || line === "end") await onLine(line);
      else {
        await clients.status;
        return JSON.parse(line) as ClientReport;
      }
    }
  }
  throw new Error("The clients have ended early");
}

if (import.meta.main) {
  const { players = 200, seconds = 10, rate = 50 } = programArguments(import.meta, {
    numbers: ["players", "seconds", "rate"],
  });
  const figures = await measureApiLoad({ players, seconds, rate });
  console.log(figures);
  const cost = (figures.askedShare - figures.idleShare) * 100;
  console.log(`${figures.answered} answers cost ${cost.toFixed(1)} % of a core`);
}
