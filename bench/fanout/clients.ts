/**
 * The publisher and the players of one run: port, players, seconds and Mb/s are the arguments. Prints
 * `start` and `end` around the time that counts, then a report as JSON.
 *
 * All players count bytes; one in ten also takes the messages apart, to find the stamps in them, so
 * that the clients are not what is measured.
 *
 * @module
 */
import process from "node:process";
import {
  ChunkDecoder,
  ChunkEncoder,
  encodeCommandMessage,
  encodeControlMessage,
  MessageType,
} from "../../src/rtmp/mod.ts";

/** What the clients have seen. */
export interface ClientReport {
  readonly seconds: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly frames: number;
  /** Processor seconds of the clients themselves. */
  readonly cpuSeconds: number;
}

const FRAMES_PER_SECOND = 30;
const AUDIO_PER_SECOND = 43;
const AUDIO_BYTES = 370;
const KEY_INTERVAL = 60;
/** A key frame is so many times as large as another. */
const KEY_FACTOR = 3;
const PARSE_EVERY = 10;
const CONNECT_AT_ONCE = 100;
const WARM_UP_MS = 2000;
/** Offset of the stamp in a video body. */
const STAMP_AT = 5;

const [port, playerCount, seconds, mbps] = Deno.args.map(Number) as [
  number,
  number,
  number,
  number,
];

let isCounting = false;
let bytes = 0;
let countingSince = 0;
const latencies: number[] = [];

class Connection {
  readonly conn: Deno.TcpConn;
  readonly encoder = new ChunkEncoder();
  readonly decoder = new ChunkDecoder();

  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  static async open(): Promise<Connection> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    const connection = new Connection(conn);
    await connection.send(new Uint8Array(1537).fill(3, 0, 1));
    const answer = new Uint8Array(3073);
    for (let at = 0; at < answer.length;) at += (await conn.read(answer.subarray(at)))!;
    await connection.send(answer.slice(1, 1537));
    await connection.command("connect", {
      object: { app: "live", tcUrl: `rtmp://127.0.0.1:${port}/live` },
    });
    await connection.answer("_result");
    await connection.command("createStream", {});
    await connection.answer("_result");
    return connection;
  }

  async send(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) at += await this.conn.write(piece.subarray(at));
  }

  async command(
    name: string,
    content: { object?: Record<string, string>; args?: string[]; streamId?: number },
  ): Promise<void> {
    const { object = null, args = [], streamId = 0 } = content;
    const { type, body: payload } = encodeCommandMessage({ name, transactionId: 1, object, args });
    await this.message({ type, payload, streamId, chunkStreamId: 3, timestampMs: 0 });
  }

  /** Reads up to a command of that name. */
  async answer(name: string): Promise<void> {
    while (true) {
      const target = new Uint8Array(4096);
      const count = await this.conn.read(target);
      if (count === null) throw new Error(`The server closed before ${name}`);
      for (const { type, payload } of this.decoder.push(target.subarray(0, count))) {
        if (type !== MessageType.CommandAmf0) continue;
        if (new TextDecoder().decode(payload.subarray(3, 3 + name.length)) === name) return;
      }
    }
  }

  async message(message: Parameters<ChunkEncoder["encode"]>[0]): Promise<void> {
    await this.send(this.encoder.encode(message));
  }
}

/** Opens a player; resolves when its first pictures have come. */
async function play(index: number): Promise<void> {
  const connection = await Connection.open();
  await connection.command("play", { args: ["bench"], streamId: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  // Whoever takes messages apart does so from the start.
  const decoder = index % PARSE_EVERY === 0 ? connection.decoder : undefined;
  void receive(connection.conn, decoder, resolve);
  await promise;
}

async function receive(
  conn: Deno.TcpConn,
  decoder: ChunkDecoder | undefined,
  onMedia: () => void,
): Promise<void> {
  const target = new Uint8Array(64 * 1024);
  let total = 0;
  while (true) {
    const count = await conn.read(target);
    if (count === null) break;
    if (isCounting) bytes += count;
    total += count;
    if (total > 20_000) onMedia();
    if (decoder !== undefined) findStamps(decoder, target.slice(0, count));
  }
  if (isCounting) console.error("A player was closed");
}

function findStamps(decoder: ChunkDecoder, piece: Uint8Array): void {
  const now = performance.now();
  for (const { type, payload } of decoder.push(piece)) {
    if (type !== MessageType.Video || payload[1] !== 1) continue;
    const stamp = new DataView(payload.buffer, payload.byteOffset).getFloat64(STAMP_AT);
    if (isCounting && stamp >= countingSince) latencies.push(now - stamp);
  }
}

/** Publishes until the process ends. */
async function publish(): Promise<void> {
  const connection = await Connection.open();
  await connection.command("publish", { args: ["bench", "live"], streamId: 1 });
  void drain(connection.conn);
  const chunkSize = 65_536;
  const { type, body: payload } = encodeControlMessage({ kind: "set-chunk-size", size: chunkSize });
  await connection.message({ type, payload, chunkStreamId: 2, streamId: 0, timestampMs: 0 });
  connection.encoder.chunkSize = chunkSize;
  const send = (type: number, timestampMs: number, payload: Uint8Array): Promise<void> =>
    connection.message({ type, payload, timestampMs, chunkStreamId: 4, streamId: 1 });
  // A real avcC and AudioSpecificConfig: some servers look inside.
  const avcC = "0142c01effe1001967 42c01ed90280bfe5c04400000300040000 0300f23c58b92001000468cb83cb";
  await send(MessageType.Video, 0, new Uint8Array([0x17, 0, 0, 0, 0, ...fromHex(avcC)]));
  await send(MessageType.Audio, 0, new Uint8Array([0xaf, 0, 0x12, 0x10]));

  const videoBytes = mbps * 1e6 / 8 - AUDIO_PER_SECOND * AUDIO_BYTES;
  const interBytes = Math.round(
    videoBytes / FRAMES_PER_SECOND * KEY_INTERVAL / (KEY_INTERVAL - 1 + KEY_FACTOR),
  );
  const key = new Uint8Array(interBytes * KEY_FACTOR).fill(0x55);
  key.set([0x17, 1, 0, 0, 0]);
  const inter = new Uint8Array(interBytes).fill(0x55);
  inter.set([0x27, 1, 0, 0, 0]);
  const audio = new Uint8Array(AUDIO_BYTES).fill(0x55);
  audio.set([0xaf, 1]);

  const startedAt = performance.now();
  for (let frame = 0, sound = 0;;) {
    const frameMs = frame * 1000 / FRAMES_PER_SECOND;
    const soundMs = sound * 1000 / AUDIO_PER_SECOND;
    const dueMs = Math.min(frameMs, soundMs);
    const waitMs = startedAt + dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (soundMs < frameMs) {
      sound++;
      await send(MessageType.Audio, Math.round(soundMs), audio);
      continue;
    }
    const body = frame++ % KEY_INTERVAL === 0 ? key : inter;
    new DataView(body.buffer).setFloat64(STAMP_AT, performance.now());
    await send(MessageType.Video, Math.round(frameMs), body);
  }
}

async function drain(conn: Deno.TcpConn): Promise<void> {
  const target = new Uint8Array(4096);
  while (await conn.read(target) !== null);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

async function measure(): Promise<void> {
  publish().catch((error) => {
    console.error("The publisher failed:", error);
    Deno.exit(1);
  });
  for (let at = 0; at < playerCount; at += CONNECT_AT_ONCE) {
    const count = Math.min(CONNECT_AT_ONCE, playerCount - at);
    await Promise.all(Array.from({ length: count }, (_, index) => play(at + index)));
  }
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const cpuBefore = process.cpuUsage();
  console.log("start");
  isCounting = true;
  countingSince = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  isCounting = false;
  console.log("end");
  const elapsed = (performance.now() - countingSince) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  const report: ClientReport = {
    seconds: elapsed,
    bytes,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? NaN,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
    frames: latencies.length,
    cpuSeconds: (user + system) / 1e6,
  };
  console.log(JSON.stringify(report));
  Deno.exit(0);
}

await measure();
