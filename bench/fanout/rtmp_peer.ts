/** RTMP's publisher and players. */
import {
  ChunkDecoder,
  ChunkEncoder,
  encodeCommandMessage,
  encodeControlMessage,
  MessageType,
} from "../../src/rtmp/mod.ts";
import type { Meter } from "./meter.ts";
import {
  AAC_CONFIG,
  AVC_CONFIG,
  readStamp,
  STAMP_IN_BODY,
  testStream,
  type TestUnit,
} from "./test_stream.ts";

class Connection {
  readonly conn: Deno.TcpConn;
  readonly encoder = new ChunkEncoder();
  readonly decoder = new ChunkDecoder();

  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  static async open(port: number): Promise<Connection> {
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
export async function playRtmp(
  name: string,
  options: { readonly port: number; readonly meter: Meter; readonly parses: boolean },
): Promise<void> {
  const { port, meter, parses } = options;
  const connection = await Connection.open(port);
  await connection.command("play", { args: [name], streamId: 1 });
  const { conn, decoder } = connection;
  const { promise, resolve } = Promise.withResolvers<void>();
  void receive(conn, (piece) => {
    if (meter.isCounting) meter.bytes += piece.length;
    if (parses) findStamps(decoder, { piece: piece.slice(), meter });
    resolve();
  });
  await promise;
}

/** Calls `onBytes` for all that comes; the bytes are written over after. */
export async function receive(
  conn: Deno.TcpConn,
  onBytes: (piece: Uint8Array) => void,
): Promise<void> {
  const target = new Uint8Array(64 * 1024);
  for (let count = await conn.read(target); count !== null; count = await conn.read(target)) {
    onBytes(target.subarray(0, count));
  }
  console.error("A player was closed");
}

function findStamps(
  decoder: ChunkDecoder,
  { piece, meter }: { readonly piece: Uint8Array; readonly meter: Meter },
): void {
  for (const { type, payload } of decoder.push(piece)) {
    if (type !== MessageType.Video || payload[1] !== 1) continue;
    meter.picture(readStamp(payload, STAMP_IN_BODY));
  }
}

/** Starts to publish. */
export async function publishRtmp(
  name: string,
  options: { readonly port: number; readonly mbps: number; readonly phase: number },
): Promise<void> {
  const { port, mbps, phase } = options;
  const connection = await Connection.open(port);
  await connection.command("publish", { args: [name, "live"], streamId: 1 });
  await connection.answer("onStatus");
  void drain(connection.conn);
  const chunkSize = 65_536;
  const { type, body: payload } = encodeControlMessage({ kind: "set-chunk-size", size: chunkSize });
  await connection.message({ type, payload, chunkStreamId: 2, streamId: 0, timestampMs: 0 });
  connection.encoder.chunkSize = chunkSize;
  const send = ({ kind, timeMs, flvBody }: Omit<TestUnit, "part" | "keyFrame">): Promise<void> =>
    connection.message({
      type: kind === "video" ? MessageType.Video : MessageType.Audio,
      payload: flvBody,
      timestampMs: Math.round(timeMs),
      chunkStreamId: 4,
      streamId: 1,
    });
  const avc = Uint8Array.of(0x17, 0, 0, 0, 0, ...AVC_CONFIG);
  await send({ kind: "video", timeMs: 0, flvBody: avc });
  await send({ kind: "audio", timeMs: 0, flvBody: Uint8Array.of(0xaf, 0, ...AAC_CONFIG) });
  void (async () => {
    for await (const unit of testStream(mbps, phase)) await send(unit);
  })();
}

async function drain(conn: Deno.TcpConn): Promise<void> {
  const target = new Uint8Array(4096);
  while (await conn.read(target) !== null);
}
