/** RTMP's publishers and players. */
import { concat } from "@std/bytes/concat";
import {
  ChunkDecoder,
  ChunkEncoder,
  encodeCommandMessage,
  encodeControlMessage,
  MessageType,
} from "../../src/rtmp/mod.ts";
import { type Meter, PlayerPictures } from "./meter.ts";
import {
  AAC_CONFIG,
  AVC_CONFIG,
  INTER_PICTURE,
  KEY_PICTURE,
  markInBody,
  testStream,
  type TestUnit,
  videoBody,
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

  async acknowledge(sequenceNumber: number): Promise<void> {
    const { type, body: payload } = encodeControlMessage({
      kind: "acknowledgement",
      sequenceNumber,
    });
    await this.message({ type, payload, chunkStreamId: 2, streamId: 0, timestampMs: 0 });
  }

  async message(message: Parameters<ChunkEncoder["encode"]>[0]): Promise<void> {
    await this.send(this.encoder.encode(message));
  }
}

/** Players acknowledge what they get, by which servers know that they are there: so often, milliseconds. */
const ACKNOWLEDGE_MS = 10_000;

/** Opens a player; resolves when its first pictures have come. */
export async function playRtmp(
  name: string,
  options: { readonly port: number; readonly meter: Meter; readonly parses: boolean },
): Promise<void> {
  const { port, meter, parses } = options;
  const pictures = new PlayerPictures(meter);
  const connection = await Connection.open(port);
  await connection.command("play", { args: [name], streamId: 1 });
  const { conn, decoder } = connection;
  const { promise, resolve } = Promise.withResolvers<void>();
  let bytes = 0;
  let acknowledgedMs = performance.now();
  void receive({ conn, meter }, (piece) => {
    bytes += piece.length;
    const nowMs = performance.now();
    if (nowMs - acknowledgedMs >= ACKNOWLEDGE_MS) {
      acknowledgedMs = nowMs;
      connection.acknowledge(bytes % 2 ** 32).catch(() => {});
    }
    if (parses || !pictures.hasBegun) findMarks(decoder, { piece: piece.slice(), pictures });
    resolve();
  });
  await promise;
}

/** Counts all that comes, and calls `onBytes` for it; the bytes are written over after. */
export async function receive(
  { conn, meter }: { readonly conn: Deno.TcpConn; readonly meter: Meter },
  onBytes: (piece: Uint8Array) => void,
): Promise<void> {
  const target = new Uint8Array(64 * 1024);
  for (let count = await conn.read(target); count !== null; count = await conn.read(target)) {
    if (meter.isCounting) meter.bytes += count;
    onBytes(target.subarray(0, count));
  }
  if (!meter.isOver) console.error("A player was closed");
}

/** Opens a player, waits for its first picture, and closes it. */
export async function joinRtmp(
  name: string,
  { port, meter }: { readonly port: number; readonly meter: Meter },
): Promise<void> {
  const pictures = new PlayerPictures(meter);
  const connection = await Connection.open(port);
  await connection.command("play", { args: [name], streamId: 1 });
  const { conn, decoder } = connection;
  const target = new Uint8Array(64 * 1024);
  while (!pictures.hasBegun) {
    const count = await conn.read(target);
    if (count === null) throw new Error("The server closed before the first picture");
    if (meter.isCounting) meter.bytes += count;
    findMarks(decoder, { piece: target.slice(0, count), pictures });
  }
  conn.close();
}

function findMarks(
  decoder: ChunkDecoder,
  { piece, pictures }: { readonly piece: Uint8Array; readonly pictures: PlayerPictures },
): void {
  for (const { type, payload } of decoder.push(piece)) {
    if (type !== MessageType.Video || payload[1] !== 1) continue;
    const mark = markInBody(payload);
    if (mark !== undefined) pictures.push(mark);
  }
}

/** Starts to publish. */
export async function publishRtmp(
  name: string,
  options: { readonly port: number; readonly mbps: number; readonly phase: number },
): Promise<void> {
  const { port, mbps, phase } = options;
  const publication = await Publication.open(name, port);
  void (async () => {
    for await (const unit of testStream(mbps, phase)) await publication.send(unit);
  })();
}

/** What the publisher sends as fast as the server takes it. */
const FLAT_OUT_BYTES = 4500;
const FLAT_OUT_GROUP = 60;

/** Publishes so long as fast as the server takes it; returns how many bytes that were. */
export async function publishFlatOut(
  name: string,
  options: { readonly port: number; readonly seconds: number },
): Promise<number> {
  const publication = await Publication.open(name, options.port);
  const { encoder } = publication.connection;
  const message = (keyFrame: boolean, timestampMs: number) =>
    encoder.encode({
      type: MessageType.Video,
      payload: videoBody(FLAT_OUT_BYTES, keyFrame ? KEY_PICTURE : INTER_PICTURE),
      ...{ timestampMs, chunkStreamId: 4, streamId: 1 },
    });
  // The first group has whole headers; what is repeated after it tells the time that has passed.
  const first = message(true, 1);
  const group = concat(
    Array.from({ length: FLAT_OUT_GROUP }, (_, at) => message(at === FLAT_OUT_GROUP - 1, at + 2)),
  );
  await publication.connection.send(first);
  const endMs = performance.now() + options.seconds * 1000;
  let bytes = 0;
  for (; performance.now() < endMs; bytes += group.length) await publication.connection.send(group);
  publication.connection.conn.close();
  return bytes;
}

/** A publisher whose headers the server has. */
class Publication {
  readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  static async open(name: string, port: number): Promise<Publication> {
    const connection = await Connection.open(port);
    await connection.command("publish", { args: [name, "live"], streamId: 1 });
    await connection.answer("onStatus");
    void drain(connection.conn);
    const size = 65_536;
    const { type, body: payload } = encodeControlMessage({ kind: "set-chunk-size", size });
    await connection.message({ type, payload, chunkStreamId: 2, streamId: 0, timestampMs: 0 });
    connection.encoder.chunkSize = size;
    const publication = new Publication(connection);
    const avc = Uint8Array.of(0x17, 0, 0, 0, 0, ...AVC_CONFIG);
    await publication.send({ kind: "video", timeMs: 0, flvBody: avc });
    const aac = Uint8Array.of(0xaf, 0, ...AAC_CONFIG);
    await publication.send({ kind: "audio", timeMs: 0, flvBody: aac });
    return publication;
  }

  async send({ kind, timeMs, flvBody }: Omit<TestUnit, "part" | "keyFrame">): Promise<void> {
    await this.connection.message({
      type: kind === "video" ? MessageType.Video : MessageType.Audio,
      payload: flvBody,
      timestampMs: Math.round(timeMs),
      chunkStreamId: 4,
      streamId: 1,
    });
  }
}

async function drain(conn: Deno.TcpConn): Promise<void> {
  const target = new Uint8Array(4096);
  while (await conn.read(target) !== null);
}
