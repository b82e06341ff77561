/**
 * What a request costs at the door for HTTP, on connections that are kept: the server's processor time, which is what
 * Linux counts in nanoseconds.
 *
 *     deno run -A bench/doors/http_requests.ts [--requests 4000] [--rate 0] [--passes 3] [CHECKOUT …]
 *
 * Each checkout is a process of its own, and they are asked in turn, beside a bare `Deno.serve` that says "ok". With a
 * rate, requests come so often a second in all; else each follows the answer before it.
 *
 * @module
 */
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { freePort } from "../fanout/servers.ts";
import { type StartedServer, startServer } from "../started_server.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
/** What is asked the first times costs more than what is asked all day. */
const WARM_UP = 3000;

const PATHS = ["/healthz", "/metrics", "/v1/streams", "/v1/players?limit=5", "/nothing/here"];

interface Running extends StartedServer {
  readonly name: string;
  readonly port: number;
}

/** Asks on one connection, a request at a time. */
class Asker {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(256 * 1024);

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  async ask(head: Uint8Array): Promise<void> {
    await this.#conn.write(head);
    let end = Infinity;
    for (let at = 0; at < end;) {
      const count = await this.#conn.read(this.#buffer.subarray(at));
      if (count === null) throw new Error("The server has closed");
      at += count;
      if (end < Infinity) continue;
      const text = new TextDecoder().decode(this.#buffer.subarray(0, at));
      const behind = text.indexOf("\r\n\r\n") + 4;
      if (behind > 4) end = behind + Number(/content-length: (\d+)/i.exec(text)![1]);
    }
  }

  close(): void {
    this.#conn.close();
  }
}

let newest = 24_000;

/** A port of nobody's, not even of a server that is about to start. */
function nextPort(): number {
  return newest = freePort(newest + 1);
}

async function start(name: string, args: readonly string[], port: number): Promise<Running> {
  return { ...await startServer(args), name, port };
}

function startWeir(folder: string): Promise<Running> {
  const port = nextPort();
  return start(folder, [
    ...["run", "--allow-net", `${folder}/mod.ts`, "--log-level", "warn", "--rtsp", "off"],
    ...["--webrtc", "off", "--rtmp", `127.0.0.1:${nextPort()}`, "--http", `127.0.0.1:${port}`],
  ], port);
}

function startBare(): Promise<Running> {
  const port = nextPort();
  const text =
    `Deno.serve({ port: ${port}, hostname: "127.0.0.1", onListen() { console.log("#token=none") } },
    () => new Response("ok\\n", { headers: { "content-length": "3" } }))`;
  const url = `data:application/javascript;base64,${btoa(text)}`;
  return start("Deno.serve", ["run", "--allow-net", url], port);
}

async function measure(
  { pid, port, token }: Running,
  path: string,
  { requests, rate }: { readonly requests: number; readonly rate: number },
): Promise<number> {
  const asker = new Asker(await Deno.connect({ hostname: "127.0.0.1", port }));
  const head = new TextEncoder().encode(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: bench\r\nAccept: */*\r\n` +
      `Authorization: Bearer ${token}\r\nAccept-Encoding: gzip\r\n\r\n`,
  );
  for (let at = 0; at < WARM_UP; at++) await asker.ask(head);
  const before = await readCpuSeconds(pid);
  const startMs = performance.now();
  for (let at = 0; at < requests; at++) {
    if (rate > 0) {
      const waitMs = startMs + at * 1000 / rate - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    await asker.ask(head);
  }
  const used = await readCpuSeconds(pid) - before;
  asker.close();
  return used * 1e6 / requests;
}

const {
  requests = 4000,
  rate = 0,
  passes = 3,
  paths = PATHS.join(","),
  rest: folders,
} = programArguments(import.meta, {
  numbers: ["requests", "rate", "passes"],
  texts: ["paths"],
  rest: "CHECKOUT …",
});
const checkouts = folders.length === 0 ? [ROOT] : folders;
await using stack = new AsyncDisposableStack();
const servers: Running[] = [];
for (const folder of checkouts) servers.push(stack.use(await startWeir(folder)));
servers.push(stack.use(await startBare()));
for (const path of paths.split(",")) {
  const found = new Map(servers.map(({ name }) => [name, [] as number[]]));
  // The first pass warms up.
  for (let pass = 0; pass <= passes; pass++) {
    for (const server of servers) {
      const costUs = await measure(server, path, {
        requests: requests,
        rate: rate,
      });
      if (pass > 0) found.get(server.name)!.push(costUs);
    }
  }
  for (const [name, costs] of found) {
    const shown = costs.map((costUs) => costUs.toFixed(0)).join(", ");
    console.log(`${path}  ${name}: ${shown} µs of CPU a request`);
  }
}
