/**
 * The publishers and players of one run, in a process of their own: its argument is a
 * {@linkcode ClientTask} as JSON. Prints `start` and `end` around the time that counts, then a report as
 * JSON.
 *
 * All players count bytes, those over UDP sequence numbers as well; one in ten also takes the messages
 * apart, to find the stamps in them, so that the clients are not what is measured.
 *
 * @module
 */
import process from "node:process";
import { playHls } from "./hls_peer.ts";
import { playFlv, playFlvByWebSocket } from "./flv_peer.ts";
import { Meter, quantile } from "./meter.ts";
import { joinRtmp, playRtmp, publishFlatOut, publishRtmp } from "./rtmp_peer.ts";
import { playRtspTcp, playRtspUdp, publishRtsp } from "./rtsp_peer.ts";
import { playWhep } from "./whep_peer.ts";

/** How players take the stream. */
export const DOORS = ["rtmp", "rtsp-tcp", "rtsp-udp", "flv", "ws-flv", "hls", "whep"] as const;
/** How a player takes the stream. */
export type Door = typeof DOORS[number];

/**
 * What the clients are to do: `play` counts what players are sent once all are there; `join` opens players
 * of RTMP at a rate, each of which leaves with its first picture; `ingest` publishes over RTMP as fast as the
 * server takes it.
 */
export type Load = "play" | "join" | "ingest";

/** What the clients are to do. */
export interface ClientTask {
  /** Default `play`. */
  readonly load?: Load;
  readonly rtmpPort: number;
  readonly rtspPort: number;
  readonly httpPort: number;
  readonly whepPort: number;
  readonly publish: "rtmp" | "rtsp";
  readonly via: Door;
  /** Players of all streams together; those that join, a second. */
  readonly players: number;
  readonly streams: number;
  readonly seconds: number;
  readonly mbps: number;
  /** How long all players watch before anything counts. Default 4. */
  readonly warmSeconds?: number;
}

/** What the clients have seen. */
export interface ClientReport {
  readonly seconds: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly pictures: number;
  /** From a player's connection to its first picture. */
  readonly joinP50Ms: number;
  readonly joinP99Ms: number;
  readonly joins: number;
  /** Share of the datagrams that did not come, over connections of the pictures. */
  readonly loss: number;
  /** Datagrams that never came, though they were asked for again where the way to play knows that. */
  readonly missed: number;
  /** Parts of HLS that have come, those that came too late, and requests that were answered and were not. */
  readonly parts: number;
  readonly lateParts: number;
  readonly requests: number;
  readonly failures: number;
  /** Processor seconds of the clients themselves. */
  readonly cpuSeconds: number;
}

const PARSE_EVERY = 10;
const CONNECT_AT_ONCE = 100;
/** How long all players watch before anything counts, seconds. */
const WARM_SECONDS = 4;

const PLAY = {
  "rtmp": playRtmp,
  "rtsp-tcp": playRtspTcp,
  "rtsp-udp": playRtspUdp,
  "flv": playFlv,
  "ws-flv": playFlvByWebSocket,
  "hls": playHls,
  "whep": playWhep,
};

async function run(task: ClientTask): Promise<ClientReport> {
  const { load = "play", rtmpPort, rtspPort, publish, streams, seconds, mbps } = task;
  const meter = new Meter();
  if (load !== "ingest") {
    for (let stream = 0; stream < streams; stream++) {
      const options = { mbps, phase: stream / streams };
      await (publish === "rtmp"
        ? publishRtmp(`bench${stream}`, { ...options, port: rtmpPort })
        : publishRtsp(`bench${stream}`, { ...options, port: rtspPort }));
    }
  }
  if (load !== "ingest") await untilPlayable(task);
  if (load === "play") await openPlayers(task, meter);
  await wait((task.warmSeconds ?? WARM_SECONDS) * 1000);
  const cpuBefore = process.cpuUsage();
  if (load !== "play") meter.joins.length = 0;
  console.log("start");
  meter.start();
  if (load === "play") await wait(seconds * 1000);
  if (load === "join") await openAtRate(task, meter);
  if (load === "ingest") {
    meter.bytes = await publishFlatOut("bench", { port: rtmpPort, seconds });
  }
  const elapsed = meter.stop();
  console.log("end");
  const { user, system } = process.cpuUsage(cpuBefore);
  meter.joins.sort((a, b) => a - b);
  return {
    seconds: elapsed,
    bytes: meter.bytes,
    p50Ms: meter.latency(0.5),
    p99Ms: meter.latency(0.99),
    maxMs: meter.latency(1),
    joinP50Ms: quantile(meter.joins, 0.5),
    joinP99Ms: quantile(meter.joins, 0.99),
    joins: meter.joins.length,
    pictures: meter.pictures,
    loss: meter.expected === 0 ? 0 : 1 - meter.received / meter.expected,
    missed: meter.missed,
    parts: meter.parts,
    lateParts: meter.lateParts,
    requests: meter.requests,
    failures: meter.failures,
    cpuSeconds: (user + system) / 1e6,
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Some servers look at a stream for seconds before they have it. */
async function untilPlayable({ rtmpPort: port, streams }: ClientTask): Promise<void> {
  for (let stream = 0, tries = 0; stream < streams;) {
    try {
      await joinRtmp(`bench${stream}`, { port, meter: new Meter() });
      stream++;
    } catch (error) {
      if (++tries > 100) throw error;
      await wait(100);
    }
  }
}

function portOf({ via, rtmpPort, rtspPort, httpPort, whepPort }: ClientTask): number {
  if (via === "rtmp") return rtmpPort;
  if (via === "whep") return whepPort;
  return via.startsWith("rtsp") ? rtspPort : httpPort;
}

async function openPlayers(task: ClientTask, meter: Meter): Promise<void> {
  const { via, players, streams } = task;
  const port = portOf(task);
  // Each player that joins by WebRTC is sent a group of pictures at once: the clients could not follow.
  const atOnce = via === "whep" ? 10 : CONNECT_AT_ONCE;
  for (let at = 0; at < players; at += atOnce) {
    const count = Math.min(atOnce, players - at);
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        PLAY[via](`bench${(at + index) % streams}`, {
          port,
          meter,
          parses: (at + index) % PARSE_EVERY === 0,
        })),
    );
  }
}

/** Opens players when each is due, whether or not earlier ones have had their pictures. */
async function openAtRate(task: ClientTask, meter: Meter): Promise<void> {
  const { rtmpPort: port, players, streams, seconds } = task;
  const startMs = performance.now();
  const joins: Promise<void>[] = [];
  while (joins.length < players * seconds) {
    const due = Math.min(players * seconds, (performance.now() - startMs) / 1000 * players);
    while (joins.length < due) {
      joins.push(joinRtmp(`bench${joins.length % streams}`, { port, meter }));
    }
    await wait(1);
  }
  await Promise.all(joins);
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!) as ClientTask)));
    Deno.exit(0);
  } catch (error) {
    console.error("The clients failed:", error);
    Deno.exit(1);
  }
}
