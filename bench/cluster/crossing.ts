/**
 * What a unit costs that crosses from one worker to another, and how long it takes.
 *
 *     deno run -A bench/cluster/crossing.ts [--seconds 4]
 *
 * One thread sends units to another: a stream of 30 pictures and 43 audio frames a second in batches as a feed of the
 * cluster gathers them, so many streams at once. Three ways are measured: a buffer that is given away (`transfer`, what
 * weir does), one that is copied on the way (`clone`), and memory that both threads have, with a message for where in it
 * (`shared`). The time of the threads when they send nothing is taken off. Processor time is the exact run time of all
 * threads (`/proc/PID/task/…/schedstat`, Linux).
 *
 * @module
 */
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { packUnits, unpackUnits } from "../../src/cluster/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

const WAYS = ["nothing", "transfer", "clone", "shared"] as const;
type Way = typeof WAYS[number];

interface Task {
  readonly role: "send" | "take";
  readonly way: Way;
  readonly streams: number;
  readonly seconds: number;
  readonly port: MessagePort;
  readonly shared: SharedArrayBuffer;
}

interface Taken {
  readonly units: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The part of a worker's global scope that is used here. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<Task>) => void) | null;
  postMessage(message: Taken | "ready"): void;
};

/** One picture of 3.2 Mb/s at 30 a second, and the audio that rides along. */
const PICTURE = unit("video", 13_300);
const AUDIO = unit("audio", 370);
const BATCH: readonly MediaUnit[] = [AUDIO, PICTURE];

function unit(kind: "video" | "audio", length: number): MediaUnit {
  return {
    kind,
    role: "media",
    track: 0,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    payload: { format: "flv", body: new Uint8Array(length).fill(7) },
  };
}

/** Microseconds on a clock that all threads share. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function send({ way, streams, seconds, port, shared }: Task): void {
  const room = new Uint8Array(shared);
  let at = 0;
  let sent = 0;
  const startMs = performance.now();
  const total = seconds * 30;
  const round = (): void => {
    while (sent < total && sent * 1000 / 30 <= performance.now() - startMs) {
      sent++;
      for (let stream = 0; stream < streams && way !== "nothing"; stream++) {
        const sentMs = now();
        const buffer = packUnits(BATCH);
        if (way === "transfer") port.postMessage({ sentMs, buffer }, [buffer]);
        else if (way === "clone") port.postMessage({ sentMs, buffer });
        else {
          if (at + buffer.byteLength > room.length) at = 0;
          room.set(new Uint8Array(buffer), at);
          port.postMessage({ sentMs, at, length: buffer.byteLength });
          at += buffer.byteLength;
        }
      }
    }
    if (sent < total) {
      setTimeout(round, Math.max(0, sent * 1000 / 30 - (performance.now() - startMs)));
    } else port.postMessage("end");
  };
  round();
}

function take({ port, shared }: Task): void {
  const latencies: number[] = [];
  let units = 0;
  port.onmessage = ({ data }) => {
    if (data === "end") {
      latencies.sort((a, b) => a - b);
      const share = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? 0;
      return scope.postMessage({ units, p50Ms: share(0.5), p99Ms: share(0.99) } satisfies Taken);
    }
    // What lies in shared memory is copied out, since the hub keeps it.
    const buffer: ArrayBuffer = data.buffer ??
      new Uint8Array(shared, data.at, data.length).slice().buffer;
    units += unpackUnits(buffer).length;
    latencies.push(now() - data.sentMs);
  };
}

async function measure(way: Way, streams: number, seconds: number) {
  const workers = [0, 1].map(() => new Worker(import.meta.url, { type: "module" }));
  const [sender, taker] = workers as [Worker, Worker];
  await Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.onmessage = resolve)),
  );
  const { port1, port2 } = new MessageChannel();
  const shared = new SharedArrayBuffer(16 * 1024 * 1024);
  const task = { way, streams, seconds, shared };
  const before = await readCpuSeconds();
  const taken = await new Promise<Taken>((resolve) => {
    taker.onmessage = ({ data }) => resolve(data);
    taker.postMessage({ ...task, role: "take", port: port2 }, [port2]);
    sender.postMessage({ ...task, role: "send", port: port1 }, [port1]);
  });
  const cpu = await readCpuSeconds() - before;
  for (const worker of workers) worker.terminate();
  return { ...taken, cpu };
}

/** Median of three. */
async function median(way: Way, streams: number, seconds: number) {
  const runs = [];
  for (let round = 0; round < 3; round++) runs.push(await measure(way, streams, seconds));
  return runs.sort((a, b) => a.cpu - b.cpu)[1]!;
}

// A worker is a main module too.
if (!("DedicatedWorkerGlobalScope" in globalThis)) {
  const { seconds = 4 } = programArguments(import.meta, { numbers: ["seconds"] });
  console.log("streams  way       µs CPU a unit  p50 ms  p99 ms");
  for (const streams of [1, 20, 100]) {
    const idle = await median("nothing", streams, seconds);
    for (const way of WAYS.slice(1)) {
      const { units, cpu, p50Ms, p99Ms } = await median(way, streams, seconds);
      const us = (cpu - idle.cpu) / units * 1e6;
      console.log(
        `${String(streams).padStart(7)}  ${way.padEnd(8)}  ${us.toFixed(1).padStart(13)}  ${
          p50Ms.toFixed(2).padStart(6)
        }  ${p99Ms.toFixed(2).padStart(6)}`,
      );
    }
  }
} else {
  scope.onmessage = ({ data }) => {
    if (data.role === "send") send(data);
    else take(data);
  };
  scope.postMessage("ready");
}
