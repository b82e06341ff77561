/**
 * Whether one client makes others wait: beside hostile clients it measures RTMP handshakes, one begun each 5 ms, and two
 * healthy streams, over RTMP and RTSP, of which each frame is awaited.
 *
 *     deno run -A bench/canary/canary.ts [KIND …] [--seconds=10] [--server=FOLDER]
 *     deno run -A bench/canary/canary.ts [--seconds=10] -- COMMAND [ARGUMENT …]
 *
 * Each KIND of `hostile.ts` is a run of its own, "none" for comparison; all of them by default. A COMMAND in place of
 * them finds the server's addresses in `RTMP` and `RTSP`, and its process in `PID`. The server is a process of its own,
 * started as in the README, from this checkout or another.
 *
 * @module
 */
import { freePort } from "../../tests/support/free_port.ts";
import { HealthyStreams } from "../../scripts/fuzz/healthy_stream.ts";
import { RunningProcess } from "../../tests/support/process.ts";
import { quantile } from "../fanout/meter.ts";
import { readPeakBytes } from "../fanout/process_usage.ts";
import { HOSTILE_KINDS } from "./hostile.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

/** A handshake is begun this often, milliseconds. */
const EACH_MS = 5;

/** A handshake that takes longer than this has failed, milliseconds. */
const PATIENCE_MS = 10_000;

const LOCAL = "127.0.0.1:0";

/** What handshakes have taken. */
class Canary {
  readonly tookMs: number[] = [];
  /** How late the timers of this process were, which no server has to do with: what is measured is no truer than that. */
  readonly lateMs: number[] = [];
  failures = 0;

  /** Shakes hands with `port` until the time is over. */
  async run(port: number, until: number): Promise<void> {
    const running = new Set<Promise<void>>();
    for (let dueMs = performance.now(); dueMs < until; dueMs += EACH_MS) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      this.lateMs.push(Math.max(0, performance.now() - dueMs));
      const shaking = this.#shake(port).catch(() => void this.failures++);
      running.add(shaking);
      void shaking.then(() => running.delete(shaking));
    }
    await Promise.all(running);
  }

  async #shake(port: number): Promise<void> {
    const startMs = performance.now();
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const patience = setTimeout(() => conn.close(), PATIENCE_MS);
    try {
      await conn.write(new Uint8Array(1537).fill(3, 0, 1));
      const answer = new Uint8Array(3073);
      for (let at = 0; at < answer.length;) {
        const count = await conn.read(answer.subarray(at));
        if (count === null) throw new Error("The server has closed");
        at += count;
      }
      this.tookMs.push(performance.now() - startMs);
      conn.close();
    } finally {
      clearTimeout(patience);
    }
  }
}

async function descriptors(pid: number): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

/** Runs a server, what is healthy, and `hostile` beside it; returns what was seen, in words. */
async function measure(
  checkout: string | undefined,
  seconds: number,
  hostile: (about: { pid: number; rtmp: number; rtsp: number }) => Promise<string>,
): Promise<string> {
  // RTP takes an even port, and the one above it.
  const rtpPort = freePort() & ~1;
  await using server = new RunningProcess(
    Deno.execPath(),
    [
      ...[
        "run",
        "--allow-net",
        "mod.ts",
        "--rtmp",
        LOCAL,
        "--rtsp",
        LOCAL,
        "--rtp",
        String(rtpPort),
      ],
      ...(checkout === undefined ? ["--http", "off"] : []),
    ],
    { limitMs: (seconds + 120) * 1000, ...(checkout === undefined ? {} : { cwd: checkout }) },
  );
  const portOf = async (protocol: string) =>
    Number((await server.line(new RegExp(`${protocol} listening on .*:(\\d+)`)))[1]);
  const ports = { rtmp: await portOf("rtmp"), rtsp: await portOf("rtsp") };
  const healthy = await HealthyStreams.start(ports);
  const before = await descriptors(server.pid);
  const canary = new Canary();
  const [said] = await Promise.all([
    hostile({ pid: server.pid, ...ports }),
    canary.run(ports.rtmp, performance.now() + seconds * 1000),
  ]);
  const peakMb = await readPeakBytes(server.pid) / 1e6;
  const { rtmp, rtsp } = healthy.health;
  const [rtmpMs, rtspMs] = [rtmp.longestMs, rtsp.longestMs].map((ms) => ms.toFixed(0));
  const faults = [...rtmp.faults, ...rtsp.faults];
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const after = await descriptors(server.pid);
  await healthy.stop();
  const took = canary.tookMs.sort((a, b) => a - b);
  const late = canary.lateMs.sort((a, b) => a - b);
  const share = (part: number) => quantile(took, part).toFixed(1);
  return [
    `${took.length} handshakes, ${canary.failures} failed`,
    `p50 ${share(0.5)}, p99 ${share(0.99)}, longest ${share(1)} ms`,
    `own timers late by ${quantile(late, 0.99).toFixed(1)} ms (p99)`,
    `frames at most ${rtmpMs} ms (RTMP), ${rtspMs} ms (RTSP)`,
    faults.length === 0 ? "none missing" : `${faults.length} faults: ${faults[0]}`,
    `peak ${peakMb.toFixed(0)} MB`,
    `descriptors ${before} → ${after}`,
    ...new Set(server.lines.filter((line) => / WARN | ERROR /.test(line)).slice(0, 2)),
    said,
  ].join("; ");
}

async function outputOf(command: string, args: readonly string[], env = {}): Promise<string> {
  const { stdout } = await new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

if (import.meta.main) {
  const separator = Deno.args.indexOf("--");
  const given = separator < 0 ? Deno.args : Deno.args.slice(0, separator);
  const command = separator < 0 ? [] : Deno.args.slice(separator + 1);
  const { seconds = 10, server: checkout, rest: wanted } = programArguments(import.meta, {
    numbers: ["seconds"],
    texts: ["server"],
    rest: "KIND …, or -- COMMAND [ARGUMENT …]",
    args: given,
  });
  if (command.length > 0) {
    const [program, ...args] = command;
    const said = await measure(
      checkout,
      seconds,
      ({ pid, rtmp, rtsp }) =>
        outputOf(program!, args, {
          PID: String(pid),
          RTMP: `127.0.0.1:${rtmp}`,
          RTSP: `127.0.0.1:${rtsp}`,
        }),
    );
    console.log(`${command.join(" ")}: ${said}`);
  } else {
    const hostile = new URL("hostile.ts", import.meta.url).pathname;
    for (const kind of wanted.length > 0 ? wanted : ["none", ...HOSTILE_KINDS]) {
      const said = await measure(checkout, seconds, async ({ rtmp, rtsp }) => {
        if (kind === "none") return "nobody hostile";
        const args = [kind, seconds, rtmp, rtsp].map(String);
        return await outputOf(Deno.execPath(), ["run", "-A", hostile, ...args]);
      });
      console.log(`${kind}: ${said}`);
    }
  }
  Deno.exit(0);
}
