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
import { playFlv, playFlvByWebSocket } from "./flv_peer.ts";
import { Meter } from "./meter.ts";
import { playRtmp, publishRtmp } from "./rtmp_peer.ts";
import { playRtspTcp, playRtspUdp, publishRtsp } from "./rtsp_peer.ts";
import { playWhep } from "./whep_peer.ts";

/** How players take the stream. */
export const DOORS = ["rtmp", "rtsp-tcp", "rtsp-udp", "flv", "ws-flv", "whep"] as const;
/** How a player takes the stream. */
export type Door = typeof DOORS[number];

/** What the clients are to do. */
export interface ClientTask {
  readonly rtmpPort: number;
  readonly rtspPort: number;
  readonly httpPort: number;
  readonly publish: "rtmp" | "rtsp";
  readonly via: Door;
  /** Players of all streams together. */
  readonly players: number;
  readonly streams: number;
  readonly seconds: number;
  readonly mbps: number;
}

/** What the clients have seen. */
export interface ClientReport {
  readonly seconds: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly pictures: number;
  /** Share of the datagrams that did not come; 0 without datagrams. */
  readonly loss: number;
  /** Processor seconds of the clients themselves. */
  readonly cpuSeconds: number;
}

const PARSE_EVERY = 10;
const CONNECT_AT_ONCE = 100;
const WARM_UP_MS = 4000;

const PLAY = {
  "rtmp": playRtmp,
  "rtsp-tcp": playRtspTcp,
  "rtsp-udp": playRtspUdp,
  "flv": playFlv,
  "ws-flv": playFlvByWebSocket,
  "whep": playWhep,
};

async function run(task: ClientTask): Promise<ClientReport> {
  const { rtmpPort, rtspPort, httpPort, publish, via, players, streams, seconds, mbps } = task;
  const meter = new Meter();
  for (let stream = 0; stream < streams; stream++) {
    const options = { mbps, phase: stream / streams };
    await (publish === "rtmp"
      ? publishRtmp(`bench${stream}`, { ...options, port: rtmpPort })
      : publishRtsp(`bench${stream}`, { ...options, port: rtspPort }));
  }
  const isHttp = via.endsWith("flv") || via === "whep";
  const port = via === "rtmp" ? rtmpPort : isHttp ? httpPort : rtspPort;
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
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const cpuBefore = process.cpuUsage();
  console.log("start");
  meter.start();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const elapsed = meter.stop();
  console.log("end");
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    seconds: elapsed,
    bytes: meter.bytes,
    p50Ms: meter.latency(0.5),
    p99Ms: meter.latency(0.99),
    pictures: meter.pictures,
    loss: meter.expected === 0 ? 0 : 1 - meter.received / meter.expected,
    cpuSeconds: (user + system) / 1e6,
  };
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
