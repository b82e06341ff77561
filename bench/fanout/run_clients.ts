/** One run: the clients in a process of their own, and what the server's process used meanwhile. */
import type { ClientReport, ClientTask } from "./clients.ts";
import { readCpuSeconds, readPeakBytes } from "./process_usage.ts";

/** What one run has shown. */
export interface Run {
  readonly report: ClientReport;
  /** Of the server's process, in the time that counted. */
  readonly cpuSeconds: number;
  /** The most memory that the server's process had resident so far, 10^6 bytes. */
  readonly peakMB: number;
}

/** Has the clients load a server whose process is known. */
export async function runClients(pid: number, task: ClientTask): Promise<Run> {
  const script = new URL("clients.ts", import.meta.url).href;
  const clients = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--unstable-net", script, JSON.stringify(task)],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const lines = clients.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let report: ClientReport | undefined;
  let cpuSeconds = 0;
  for (let text = ""; report === undefined;) {
    const { value, done } = await lines.read();
    if (done) throw new Error("The clients ended early");
    text += value;
    const found = text.split("\n");
    text = found.pop()!;
    for (const line of found) {
      if (line === "start") cpuSeconds = -await readCpuSeconds(pid);
      else if (line === "end") cpuSeconds += await readCpuSeconds(pid);
      else report = JSON.parse(line) as ClientReport;
    }
  }
  const peakMB = await readPeakBytes(pid) / 1e6;
  await clients.status;
  await lines.cancel();
  return { report, cpuSeconds, peakMB };
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** The machine and the runtime, in words. */
export async function machine(): Promise<string> {
  const info = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const model = /^model name\s*: (.*)$/m.exec(info)?.[1] ?? "unknown processor";
  return `${model}, ${navigator.hardwareConcurrency} cores, ${Deno.build.os} ${Deno.osRelease()}, ` +
    `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`;
}
