/**
 * What an RTMP player that joins costs the server: handshake, connect, createStream and play of a stream
 * that is live, up to its first media, and the end of the connection.
 *
 * `deno run -A bench/doors/rtmp_join.ts [JOINS] [CHECKOUT]`: the server runs as a process of its own,
 * from this checkout or another, and its processor time is what Linux counts in nanoseconds.
 */
import { RtmpClient } from "../../src/client/mod.ts";
import {
  ChunkDecoder,
  ChunkEncoder,
  encodeCommandMessage,
  MessageType,
  type RawMessage,
} from "../../src/rtmp/mod.ts";
import type { AmfValue } from "../../src/amf/mod.ts";
import { readCpuSeconds } from "../fanout/process_usage.ts";
import { programArguments } from "../../scripts/program_arguments.ts";

const { rest } = programArguments(import.meta, { rest: "[JOINS] [CHECKOUT]" });
const [joinsText = "2000", checkout = new URL("../..", import.meta.url).pathname] = rest;
const joins = Number(joinsText);
const PORT = 21935;

const encoder = new ChunkEncoder();

function command(name: string, id: number, content: { object?: AmfValue; args?: AmfValue[] }) {
  const { object = null, args = [] } = content;
  const { type, body: payload } = encodeCommandMessage({ name, transactionId: id, object, args });
  const streamId = name === "play" ? 1 : 0;
  return encoder.encode({ type, payload, chunkStreamId: 3, streamId, timestampMs: 0 });
}

const C0C1 = new Uint8Array(1537).fill(3, 0, 1);
const CONNECT = command("connect", 1, {
  object: { app: "live", tcUrl: `rtmp://127.0.0.1:${PORT}/live` },
});
const CREATE_STREAM = command("createStream", 2, {});
const PLAY = command("play", 0, { args: ["cam"] });

async function send(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads until a message is found. */
async function find(
  conn: Deno.TcpConn,
  decoder: ChunkDecoder,
  isIt: (message: RawMessage) => boolean,
): Promise<void> {
  for (;;) {
    const target = new Uint8Array(65_536);
    const count = await conn.read(target);
    if (count === null) throw new Error("The server has closed");
    if (decoder.push(target.subarray(0, count)).some(isIt)) return;
  }
}

const isResult = ({ type, payload }: RawMessage): boolean =>
  type === MessageType.CommandAmf0 &&
  new TextDecoder().decode(payload.subarray(3, 10)) === "_result";
const isMedia = ({ type }: RawMessage): boolean =>
  type === MessageType.Audio || type === MessageType.Video;

async function join(): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: PORT });
  conn.setNoDelay(true);
  const decoder = new ChunkDecoder();
  await send(conn, C0C1);
  const answer = new Uint8Array(3073);
  for (let at = 0; at < answer.length;) at += (await conn.read(answer.subarray(at)))!;
  await send(conn, answer.subarray(1, 1537));
  await send(conn, CONNECT);
  await find(conn, decoder, isResult);
  await send(conn, CREATE_STREAM);
  await find(conn, decoder, isResult);
  await send(conn, PLAY);
  await find(conn, decoder, isMedia);
  conn.close();
}

async function connect(): Promise<RtmpClient> {
  for (;;) {
    try {
      return await RtmpClient.connect(`rtmp://127.0.0.1:${PORT}/live/cam`);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A checkout that has the door for HTTP would open its usual port, which another server may have. */
async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const others = await isFile(`${checkout}/src/doors/http/mod.ts`) ? ["--http", "off"] : [];
const server = new Deno.Command(Deno.execPath(), {
  args: [
    ...["run", "-A", "--unstable-net", `${checkout}/mod.ts`, "--rtsp", "off"],
    ...["--log-level", "warn", "--rtmp", `127.0.0.1:${PORT}`],
    ...others,
  ],
}).spawn();
try {
  const publisher = await connect();
  const media = (await publisher.publish()).getWriter();
  await media.write({ kind: "audio", timestampMs: 0, body: Uint8Array.of(0xaf, 0, 0x12, 0x10) });
  let timestampMs = 0;
  const timer = setInterval(() => {
    const body = new Uint8Array(200).fill(0xaf, 0, 1).fill(1, 1, 2);
    void media.write({ kind: "audio", timestampMs: timestampMs += 20, body });
  }, 20);
  const costs: number[] = [];
  const passes = 4;
  for (let pass = 0; pass < passes; pass++) {
    const before = await readCpuSeconds(server.pid);
    const startMs = performance.now();
    for (let i = 0; i < joins / passes; i++) await join();
    const cost = (await readCpuSeconds(server.pid) - before) * 1000 / (joins / passes);
    costs.push(cost);
    const wallMs = (performance.now() - startMs) / (joins / passes);
    console.log(`${cost.toFixed(3)} ms of CPU a join, ${wallMs.toFixed(2)} ms in all`);
  }
  clearInterval(timer);
  await publisher.close();
} finally {
  server.kill("SIGTERM");
  await server.status;
}
