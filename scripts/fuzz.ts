/**
 * Sends a server what no honest client would, connection by connection through the states of its protocols, and looks
 * whether it lives on: whether healthy streams beside it miss a frame, whether anything was thrown that nobody caught,
 * and whether memory and descriptors come back.
 *
 * ```sh
 * deno run -A scripts/fuzz.ts --inputs 608000 --seed 1
 * deno run -A scripts/fuzz.ts --seconds 60
 * ```
 *
 * The same seed sends the same bytes on each connection; how connections interleave is the machine's.
 *
 * @module
 */
import { HealthyStreams } from "./fuzz/healthy_stream.ts";
import { HTTP2_START, HttpWalk } from "./fuzz/http_walk.ts";
import { Chance } from "./fuzz/mutation.ts";
import { RtmpWalk, type Step } from "./fuzz/rtmp_walk.ts";
import { RtspWalk } from "./fuzz/rtsp_walk.ts";
import { programArguments } from "./program_arguments.ts";

/** How much is sent, and what is allowed to be left afterwards. */
export interface FuzzOptions {
  /** Inputs: messages, requests and packets. */
  readonly inputs: number;
  /** No more is begun after so long, seconds. */
  readonly seconds: number;
  /** Where chance starts. */
  readonly seed: number;
}

/** What came of it. */
export interface FuzzReport {
  readonly inputs: number;
  readonly connections: number;
  readonly seconds: number;
  /** What is wrong; nothing when all is well. */
  readonly faults: readonly string[];
  readonly healthy: HealthyStreams["health"];
  readonly rssMb: {
    readonly before: number;
    readonly warm: number;
    readonly most: number;
    readonly after: number;
  };
  readonly descriptors: { readonly before: number; readonly after: number };
}

/** Connections at a time. */
const AT_ONCE = 24;
/** Steps of one connection at most. */
const MOST_STEPS = 40;
/** A step that should be answered waits so long at most. */
const ANSWER_MS = 50;
/** Sessions over UDP, and the memory of what was, have so long to go. */
const SETTLE_MS = 90_000;
/** What the process may have more afterwards than half of the way: the heap's own slack. */
const RSS_SLACK_MB = 100;

/** What a program prints: Deno itself lets only who may do anything look at other processes. */
async function printed(program: string, path: string): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: [path], stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}

/** A server in a process of its own. */
class WatchedServer {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>[] = [];
  #output = "";
  #hasEnded = false;
  readonly ended: Promise<Deno.CommandStatus>;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--allow-net", "mod.ts", "--log-level", "info"],
        ...["--rtmp", "127.0.0.1:0", "--rtsp", "127.0.0.1:0", "--rtp", "0"],
        ...["--http", "127.0.0.1:0", "--webrtc", "127.0.0.1:0"],
      ],
      cwd: new URL("../", import.meta.url),
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = [this.#child.stdout, this.#child.stderr].map((stream) => this.#read(stream));
    this.ended = this.#child.status.then((status) => {
      this.#hasEnded = true;
      return status;
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The newest of what it has printed. */
  get output(): string {
    return this.#output.slice(-4000);
  }

  /** Lines that say something has failed which should not have. */
  get failures(): string[] {
    return this.#output.split("\n").filter((line) => /\bERROR\b|\bUncaught\b|^error:/.test(line));
  }

  async port(protocol: string): Promise<number> {
    for (;;) {
      const found = new RegExp(`${protocol} listening on \\S+:(\\d+)`).exec(this.#output);
      if (found !== null) return Number(found[1]);
      if (this.#hasEnded) throw new Error(`the server has not started:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async rssMb(): Promise<number> {
    const status = await printed("cat", `/proc/${this.#child.pid}/status`);
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  }

  async descriptors(): Promise<number> {
    return (await printed("ls", `/proc/${this.#child.pid}/fd`)).trim().split("\n").length;
  }

  async stop(): Promise<Deno.CommandStatus> {
    if (!this.#hasEnded) this.#child.kill("SIGTERM");
    const status = await this.ended;
    await Promise.allSettled(this.#reading);
    return status;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#output += text;
      // Lines about failures are kept; the rest of a long run is not.
      if (this.#output.length > 1e7) this.#output = this.failures.join("\n") + this.output;
    }
  }
}

const PROTOCOLS = ["rtmp", "rtsp", "http"] as const;

/** Where each is spoken. */
type Ports = Readonly<Record<typeof PROTOCOLS[number], number>>;

/** Goes one way through a protocol's states; returns the inputs that were sent. */
async function walk(
  ports: Ports,
  chance: Chance,
): Promise<number> {
  const protocol = chance.of(PROTOCOLS);
  const port = ports[protocol];
  const rtsp = protocol === "rtsp" ? new RtspWalk(chance, port) : undefined;
  const steps = rtsp ?? (protocol === "rtmp" ? new RtmpWalk(chance) : new HttpWalk(chance));
  let conn: Deno.TcpConn;
  try {
    conn = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return 0;
  }
  let isOver = false;
  let onAnswer = (): void => {};
  const reading = (async () => {
    const buffer = new Uint8Array(65_536);
    const decoder = new TextDecoder("latin1");
    for (;;) {
      const count = await conn.read(buffer).catch(() => null);
      onAnswer();
      if (count === null) break;
      const session = rtsp && /^Session: (\w+)/m.exec(decoder.decode(buffer.subarray(0, count)));
      if (rtsp && session) rtsp.session = session[1]!;
    }
    isOver = true;
  })();
  let sent = 0;
  const most = 1 + chance.below(MOST_STEPS);
  try {
    for (let step: Step = steps.start(), number = 0; number < most; number++, step = steps.next()) {
      for (let at = 0; at < step.bytes.length;) at += await conn.write(step.bytes.subarray(at));
      sent += step.inputs;
      if (step.isAnswered) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ANSWER_MS);
          onAnswer = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      if (isOver) break;
      // Answers have a chance to come: a session's number is in one.
      if (chance.is(0.3)) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } catch {
    // The server has closed, as it may.
  }
  try {
    // Some leave in order; the others are gone at once.
    if (chance.is(0.5)) await conn.closeWrite();
    conn.close();
  } catch {
    // It was closed already.
  }
  await reading;
  return sent;
}

/** What the first client of HTTP/2 has the server make stays. */
async function warmUp(port: number): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(HTTP2_START);
  await conn.read(new Uint8Array(64));
}

/** Sends datagrams of no session to the RTP ports. */
async function strangers(ports: readonly number[], chance: Chance): Promise<number> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const packets = new RtspWalk(chance, 1);
  const count = 20;
  for (let number = 0; number < count; number++) {
    const port = chance.of(ports);
    await socket.send(packets.packet(), { transport: "udp", hostname: "127.0.0.1", port });
  }
  socket.close();
  return count;
}

/** Runs it all. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const server = new WatchedServer();
  const faults: string[] = [];
  try {
    const ports: Ports = {
      rtmp: await server.port("rtmp"),
      rtsp: await server.port("rtsp"),
      http: await server.port("http"),
    };
    const rtp = await server.port("rtp");
    const healthy = await HealthyStreams.start(ports);
    await warmUp(ports.http);
    const before = { rssMb: await server.rssMb(), descriptors: await server.descriptors() };
    const startMs = performance.now();
    const elapsed = () => (performance.now() - startMs) / 1000;
    let inputs = 0;
    let connections = 0;
    let mostMb = before.rssMb;
    let warmMb = mostMb;
    const progress = () => Math.max(inputs / options.inputs, elapsed() / options.seconds);
    const go = async () => {
      while (inputs < options.inputs && elapsed() < options.seconds && !server.hasEnded) {
        const number = connections++;
        const chance = new Chance(options.seed * 0x9e3779b1 + number);
        const sent = number % 50 === 49
          ? await strangers([rtp, rtp + 1], chance)
          : await walk(ports, chance);
        // Not added to in one expression with the wait, beside which the other walks add theirs.
        inputs += sent;
        if (number % 200 === 0) mostMb = Math.max(mostMb, await server.rssMb());
        if (progress() < 1 / 2) warmMb = mostMb;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, go));
    const seconds = elapsed();
    const isBack = async () => await server.descriptors() <= before.descriptors;
    const settleMs = performance.now() + SETTLE_MS;
    while (!server.hasEnded && !await isBack() && performance.now() < settleMs) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    if (server.hasEnded) faults.push(`the server has ended:\n${server.output}`);
    const after = server.hasEnded
      ? { rssMb: 0, descriptors: 0 }
      : { rssMb: await server.rssMb(), descriptors: await server.descriptors() };
    if (after.descriptors > before.descriptors) {
      faults.push(`descriptors: ${before.descriptors} before, ${after.descriptors} after`);
    }
    if (after.rssMb > warmMb + RSS_SLACK_MB) {
      faults.push(`memory: ${warmMb} MB after half of it, ${after.rssMb} MB at the end`);
    }
    await healthy.stop();
    for (const [protocol, { faults: missing, frames }] of Object.entries(healthy.health)) {
      if (frames === 0) faults.push(`${protocol}: nothing came`);
      faults.push(...missing.map((fault) => `${protocol}: ${fault}`));
    }
    const { code } = await server.stop();
    if (code !== 0) faults.push(`the server has ended with ${code}:\n${server.output}`);
    faults.push(...server.failures);
    return {
      inputs,
      connections,
      seconds,
      faults,
      healthy: healthy.health,
      rssMb: { before: before.rssMb, warm: warmMb, most: mostMb, after: after.rssMb },
      descriptors: { before: before.descriptors, after: after.descriptors },
    };
  } finally {
    await server.stop();
  }
}

if (import.meta.main) {
  const { inputs, ...args } = programArguments(import.meta, {
    numbers: ["inputs", "seconds", "seed"],
  });
  const options = {
    inputs: inputs ?? Infinity,
    seconds: args.seconds ?? (inputs === undefined ? 60 : 3600),
    seed: args.seed ?? Date.now() % 2 ** 31,
  };
  console.log(`seed ${options.seed}`);
  const { faults, healthy, ...report } = await fuzz(options);
  console.log(report);
  for (const [protocol, { frames, longestMs }] of Object.entries(healthy)) {
    console.log(`${protocol}: ${frames} frames beside, the slowest ${Math.round(longestMs)} ms`);
  }
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) Deno.exit(1);
}
