/**
 * How many players of one stream a server of one worker carries, and of two: players join by steps until pictures come
 * later than they may. The players are a program in C that discards what comes in the kernel, since they share the
 * processor with the server; some more, in this process, tell by the stamps in pictures how late they are.
 *
 *     deno run -A bench/cluster/saturation.ts [--step=500] [--seconds=4] [--mbps=3.2] [--late-ms=100] [SERVER …]
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { ChunkEncoder, encodeCommandMessage } from "../../src/rtmp/mod.ts";
import { Meter } from "../fanout/meter.ts";
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { playRtmp, publishRtmp } from "../fanout/rtmp_peer.ts";
import { machine } from "../fanout/run_clients.ts";
import { startServer } from "../fanout/servers.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

/** Players that are listened to. */
const SAMPLES = 20;

const {
  step = 500,
  seconds = 4,
  mbps = 3.2,
  "late-ms": lateMs = 100,
  most = 8000,
  rest,
} = programArguments(import.meta, {
  numbers: ["step", "seconds", "mbps", "late-ms", "most"],
  rest: "SERVER …",
});
const servers = rest.length > 0 ? rest : ["weir", "weir-2-workers"];

/** All that a player says, but for the second half of its handshake. */
function joinBytes(port: number): Uint8Array {
  const encoder = new ChunkEncoder();
  const command = (
    name: string,
    content: { object?: object; args?: string[]; streamId?: number },
  ) => {
    const { object = null, args = [], streamId = 0 } = content;
    const { type, body: payload } = encodeCommandMessage({
      ...{ name, transactionId: 1, args },
      object: object as Record<string, string> | null,
    });
    return encoder.encode({ type, payload, streamId, chunkStreamId: 3, timestampMs: 0 });
  };
  const said = concat([
    new Uint8Array(1537).fill(3, 0, 1),
    command("connect", { object: { app: "live", tcUrl: `rtmp://127.0.0.1:${port}/live` } }),
    command("createStream", {}),
    command("play", { args: ["cam"], streamId: 1 }),
  ]);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, said.length);
  return concat([length, said]);
}

/** Players that discard what comes. */
class Crowd implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.pid = process.pid;
    this.#input = process.stdin.getWriter();
    this.#lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async join(program: string, { port, players }: { port: number; players: number }) {
    const process = new Deno.Command(program, {
      args: [String(port), String(players)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const crowd = new Crowd(process);
    await crowd.#input.write(joinBytes(port));
    await crowd.#line();
    return crowd;
  }

  /** Bytes that have come so far. */
  async bytes(): Promise<number> {
    await this.#input.write(Uint8Array.of(0));
    return Number(await this.#line());
  }

  async #line(): Promise<string> {
    const { value } = await this.#lines.read();
    if (value === undefined) throw new Error("The players have ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#process.status;
    await this.#lines.cancel();
  }
}

async function climb(program: string, name: string): Promise<void> {
  await using server = await startServer(name);
  const { port, pid } = server;
  const meter = new Meter();
  await publishRtmp("cam", { port, mbps, phase: 0 });
  await Promise.all(
    Array.from({ length: SAMPLES }, () => playRtmp("cam", { port, meter, parses: true })),
  );
  await using crowds = new AsyncDisposableStack();
  const all: Crowd[] = [];
  const bytesOfAll = async (): Promise<number> =>
    (await Promise.all(all.map((crowd) => crowd.bytes()))).reduce((sum, one) => sum + one, 0);
  const cpuOfAll = async (): Promise<number> =>
    (await Promise.all(all.map((crowd) => readCpuSeconds(crowd.pid))))
      .reduce((sum, one) => sum + one, await readCpuSeconds());
  while (all.length * step < most) {
    all.push(crowds.use(await Crowd.join(program, { port, players: step })));
    // What a join costs is not what is measured.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const [bytes, cpu, own] = [await bytesOfAll(), await readCpuSeconds(pid), await cpuOfAll()];
    meter.start();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const took = meter.stop();
    const [cpuSeconds, ownSeconds] = [await readCpuSeconds(pid) - cpu, await cpuOfAll() - own];
    const gigabytes = (await bytesOfAll() - bytes) / 1e9;
    const [p50, p99] = [meter.latency(0.5), meter.latency(0.99)];
    const lost = 1 - meter.received / meter.expected;
    const asked = all.length * step * mbps / 8000 * took;
    const cells = [
      name,
      all.length * step,
      (gigabytes / took * 1000).toFixed(0),
      `${(100 * gigabytes / asked).toFixed(0)} %`,
      `${p50.toFixed(1)} / ${p99.toFixed(1)}`,
      `${(100 * lost).toFixed(1)} %`,
      (cpuSeconds / took).toFixed(2),
      (cpuSeconds / gigabytes).toFixed(2),
      (ownSeconds / took).toFixed(2),
    ];
    console.log(`| ${cells.join(" | ")} |`);
    if (!(p99 <= 4 * lateMs && lost < 0.01)) break;
  }
  meter.isOver = true;
}

// The publisher and the samples of a server that was measured go on without it.
globalThis.addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Deno.errors.BrokenPipe) event.preventDefault();
});

const folder = await Deno.makeTempDir({ prefix: "weir-bench-" });
try {
  const program = `${folder}/discard`;
  const source = decodeURIComponent(new URL("discard.c", import.meta.url).pathname);
  const { success } = await new Deno.Command("cc", { args: ["-O2", "-o", program, source] })
    .output();
  if (!success) throw new Error("Cannot compile bench/cluster/discard.c: is there a C compiler?");
  console.log(`${await machine()}; one publisher of ${mbps} Mb/s\n`);
  const heads = ["server", "players", "MB/s", "of what is sent", "p50 / p99 ms", "lost"];
  heads.push("cores", "CPU s/GB", "cores of clients");
  console.log(`| ${heads.join(" | ")} |\n|${heads.map(() => "---").join("|")}|`);
  for (const name of servers) await climb(program, name);
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit();
