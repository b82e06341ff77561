/**
 * Measures low-latency HLS with many viewers: a server in a process of its own, one publisher of 3 Mb/s, and viewers that
 * do what players do: they ask for the next playlist and for the part that is hinted at, both before these are there.
 *
 * `deno run -A bench/hls_viewers.ts [VIEWERS] [SECONDS]` prints how late parts were, and what the server has used.
 *
 * @module
 */
import { parseFragment, splitBoxes } from "../src/mp4/mod.ts";
import { quantile } from "./fanout/meter.ts";
import { readCpuSeconds, readPeakBytes } from "./fanout/process_usage.ts";
import { publishRtmp } from "./fanout/rtmp_peer.ts";
import { startServer } from "./fanout/servers.ts";
import { readStamp } from "./fanout/test_stream.ts";

const [viewers = 500, seconds = 20] = Deno.args.map(Number);
const MBPS = 3;
const WARM_UP_MS = 4000;

/** An answer to a request. */
interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** One connection that is kept, and makes a request at a time. */
class HttpClient {
  readonly #conn: Deno.TcpConn;
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  async get(path: string): Promise<Answer> {
    const head = new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    for (let at = 0; at < head.length;) at += await this.#conn.write(head.subarray(at));
    let end = -1;
    while ((end = headEnd(this.#buffer)) < 0) await this.#read(65_536);
    const text = new TextDecoder().decode(this.#buffer.subarray(0, end));
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    const missing = end + length - this.#buffer.length;
    if (missing > 0) await this.#read(missing, end + length);
    const body = this.#buffer.subarray(end, end + length);
    this.#buffer = this.#buffer.subarray(end + length);
    return { status: Number(text.slice(9, 12)), body };
  }

  close(): void {
    this.#conn.close();
  }

  /** Reads on, until there are `total` bytes where that is given. */
  async #read(most: number, total = 0): Promise<void> {
    const target = new Uint8Array(this.#buffer.length + most);
    target.set(this.#buffer);
    let at = this.#buffer.length;
    do {
      const count = await this.#conn.read(target.subarray(at));
      if (count === null) throw new Error("The server has closed");
      at += count;
    } while (at < total);
    this.#buffer = target.subarray(0, at);
  }
}

function headEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return -1;
}

/** Milliseconds from the last picture of a part to its arrival, at each viewer. */
const latencies: number[] = [];
const stamps = new Map<string, number>();
let isMeasuring = false;
let isOver = false;
let requests = 0;
let failures = 0;
let holdBackMs = 0;

async function watch(port: number): Promise<void> {
  const open = async () => new HttpClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  const playlists = await open();
  const files = await open();
  const index = new TextDecoder().decode((await playlists.get("/live/cam/index.m3u8")).body);
  const folder = `/live/cam/${/^(hls\/\w+\/)main\.m3u8$/m.exec(index)![1]}`;
  let text = new TextDecoder().decode((await playlists.get(`${folder}main.m3u8`)).body);
  holdBackMs = Number(/PART-HOLD-BACK=([\d.]+)/.exec(text)![1]) * 1000;
  while (!isOver) {
    const hint = /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)![1]!;
    const [, msn, part] = /\.(\d+)\.(\d+)\.m4s$/.exec(hint)!;
    const next = `${folder}main.m3u8?_HLS_msn=${msn}&_HLS_part=${part}&_HLS_skip=YES`;
    const [playlist, file] = await Promise.all([
      playlists.get(next),
      files.get(`${folder}${hint}`).then((answer) => {
        if (answer.status === 200) arrived(hint, answer.body);
        return answer;
      }),
    ]);
    if (isMeasuring) requests += 2;
    if (playlist.status !== 200 || file.status !== 200) failures++;
    text = new TextDecoder().decode(playlist.body);
  }
  playlists.close();
  files.close();
}

function arrived(name: string, bytes: Uint8Array): void {
  const now = performance.now();
  const stamp = stamps.get(name) ?? stampOf(bytes);
  stamps.set(name, stamp);
  if (isMeasuring) latencies.push(now - stamp);
}

/** When the last picture of a part was made. */
function stampOf(part: Uint8Array): number {
  const [moof] = splitBoxes(part);
  const size = new DataView(part.buffer, part.byteOffset).getUint32(0);
  if (moof?.type !== "moof") throw new Error("A part does not begin with moof");
  const { tracks } = parseFragment(part.subarray(0, size), []);
  const { offset } = tracks.find(({ trackId }) => trackId === 1)!.samples.at(-1)!;
  // Behind the length of the NAL unit, its header and the first byte of the slice.
  return readStamp(part, offset + 6);
}

const server = await startServer("weir-http");
const { pid, port, httpPort } = server;
await publishRtmp("cam", { port, mbps: MBPS, phase: 0 });
const watching = Array.from({ length: viewers }, async (_, index) => {
  await new Promise((resolve) => setTimeout(resolve, 1000 + index * 4));
  await watch(httpPort!);
});
await new Promise((resolve) => setTimeout(resolve, 1000 + viewers * 4 + WARM_UP_MS));
const before = await readCpuSeconds(pid);
isMeasuring = true;
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
isMeasuring = false;
const used = await readCpuSeconds(pid) - before;
const sorted = latencies.toSorted((a, b) => a - b);
const late = sorted.filter((latency) => latency > holdBackMs).length;
console.log(
  `${viewers} viewers, ${MBPS} Mb/s, ${seconds} s: ${sorted.length} parts, ${late} late ` +
    `(over PART-HOLD-BACK, ${holdBackMs} ms), ${failures} failures`,
);
console.log(
  `from the last picture of a part to its arrival: p50 ${quantile(sorted, 0.5).toFixed(0)} ms, ` +
    `p99 ${quantile(sorted, 0.99).toFixed(0)} ms, most ${quantile(sorted, 1).toFixed(0)} ms`,
);
console.log(
  `server: ${(used / seconds * 100).toFixed(0)} % of a core, ` +
    `${(requests / seconds).toFixed(0)} requests/s, ` +
    `${(await readPeakBytes(pid) / 1e6).toFixed(0)} MB at most`,
);
isOver = true;
await Promise.allSettled(watching);
// The publisher goes on for ever, so this ends by an exit, which would leave the server behind: it is told first.
void server[Symbol.asyncDispose]();
Deno.exit(failures > 0 || late > 0 ? 1 : 0);
