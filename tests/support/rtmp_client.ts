/**
 * An RTMP client for tests, which can do what real ones never would: stop at any byte, stop reading,
 * send what is wrong.
 */
import { assert, assertEquals, fail } from "@std/assert";
import type { AmfValue } from "../../src/amf/mod.ts";
import { amfStringProperty } from "../../src/amf/mod.ts";
import {
  ChunkDecoder,
  ChunkEncoder,
  type CommandMessage,
  encodeCommandMessage,
  encodeControlMessage,
  MessageType,
  parseMessage,
  RtmpClientHandshake,
  type RtmpMessage,
} from "../../src/rtmp/mod.ts";
import { concat } from "@std/bytes/concat";
import { patiently } from "./patience.ts";

/** The two directions of a connection. */
export interface ClientPipe {
  read(target: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Bytes of a body that all tests understand: H.264 and AAC headers, frames that say who they are. */
export const BODIES = {
  videoConfig: new Uint8Array([0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 0, 1, 0, 0]),
  audioConfig: new Uint8Array([0xaf, 0, 0x12, 0x10]),
  key: (number: number, length = 200): Uint8Array => frame([0x17, 1, 0, 0, 0], number, length),
  inter: (number: number, length = 200): Uint8Array => frame([0x27, 1, 0, 0, 0], number, length),
  audio: (number: number, length = 40): Uint8Array => frame([0xaf, 1], number, length),
} as const;

function frame(head: readonly number[], number: number, length: number): Uint8Array {
  const body = new Uint8Array(Math.max(length, head.length + 4)).fill(0xab);
  body.set(head);
  new DataView(body.buffer).setUint32(head.length, number);
  return body;
}

/** The number that one of `BODIES` was made with. */
export function numberOf(body: Uint8Array): number {
  const at = body[0] === 0xaf ? 2 : 5;
  return new DataView(body.buffer, body.byteOffset).getUint32(at);
}

/** A client on one connection. */
export class RtmpClient implements Disposable {
  readonly pipe: ClientPipe;
  readonly encoder = new ChunkEncoder();
  readonly #decoder = new ChunkDecoder();
  readonly #ready: RtmpMessage[] = [];
  #transaction = 1;
  #closed = false;

  /** Takes a connection on which nothing was sent. */
  constructor(pipe: ClientPipe) {
    this.pipe = pipe;
  }

  /** Connects to a port of this machine, and nothing more. */
  static async dial(port: number): Promise<RtmpClient> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new RtmpClient(conn);
  }

  /** Connects, shakes hands, and sends connect. */
  static async open(port: number, app = "live"): Promise<RtmpClient> {
    const client = await RtmpClient.dial(port);
    try {
      await client.shakeHands();
      await client.connect(app);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** A client that publishes, all headers sent. */
  static async publisher(port: number, key: string): Promise<RtmpClient> {
    const client = await RtmpClient.open(port);
    await client.publish(key);
    await client.media("video", 0, BODIES.videoConfig);
    await client.media("audio", 0, BODIES.audioConfig);
    return client;
  }

  /** A client that plays. */
  static async player(port: number, key: string): Promise<RtmpClient> {
    const client = await RtmpClient.open(port);
    await client.play(key);
    return client;
  }

  async shakeHands(): Promise<void> {
    const handshake = new RtmpClientHandshake({
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
    await this.send(handshake.start());
    while (!handshake.done) {
      const bytes = await this.#read();
      if (bytes === undefined) fail("the server closed during the handshake");
      const output = handshake.push(bytes);
      if (output !== undefined) await this.send(output);
    }
    this.#take(handshake.takeRest());
  }

  /** Writes all of `bytes`. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.pipe.write(bytes.subarray(at));
  }

  /** Sends a command; returns its transaction id. */
  async command(
    name: string,
    options: { object?: AmfValue; args?: AmfValue[]; streamId?: number; answered?: boolean } = {},
  ): Promise<number> {
    const { object, args = [], streamId = 0, answered = true } = options;
    const transactionId = answered ? this.#transaction++ : 0;
    const { type, body: payload } = encodeCommandMessage({
      name,
      transactionId,
      object: object ?? null,
      args,
    });
    await this.send(
      this.encoder.encode({ type, payload, streamId, chunkStreamId: 3, timestampMs: 0 }),
    );
    return transactionId;
  }

  /** The next message; `undefined` when the server has closed. */
  async message(): Promise<RtmpMessage | undefined> {
    while (this.#ready.length === 0) {
      const bytes = await this.#read();
      if (bytes === undefined) return undefined;
      this.#take(bytes);
    }
    return this.#ready.shift();
  }

  /** The next message that `wanted` accepts; those before are dropped. */
  async until<T extends RtmpMessage>(
    wanted: (message: RtmpMessage) => message is T,
  ): Promise<T> {
    const seen: string[] = [];
    while (true) {
      const message = await this.message();
      if (message === undefined) fail(`the server closed; before that came ${seen.join(", ")}`);
      if (wanted(message)) return message;
      seen.push(message.kind === "command" ? shown(message) : message.kind);
    }
  }

  /** The answer to a command. */
  async answer(transactionId: number): Promise<CommandMessage> {
    return await this.until((message): message is CommandMessage =>
      message.kind === "command" && message.transactionId === transactionId &&
      (message.name === "_result" || message.name === "_error")
    );
  }

  /** The next onStatus whose code starts so. */
  async status(code: string): Promise<CommandMessage> {
    return await this.until((message): message is CommandMessage =>
      message.kind === "command" && message.name === "onStatus" &&
      (statusCode(message) ?? "").startsWith(code)
    );
  }

  /** Reads to the end of the connection; returns what came. */
  async drain(): Promise<RtmpMessage[]> {
    const messages: RtmpMessage[] = [];
    for (let message; (message = await this.message()) !== undefined;) messages.push(message);
    return messages;
  }

  async connect(app = "live"): Promise<CommandMessage> {
    const id = await this.command("connect", {
      object: { app, tcUrl: `rtmp://127.0.0.1/${app}`, flashVer: "weir tests" },
    });
    const answer = await this.answer(id);
    assertEquals(answer.name, "_result", shown(answer));
    await this.setChunkSize(65_536);
    return answer;
  }

  async setChunkSize(size: number): Promise<void> {
    const { type, body: payload } = encodeControlMessage({ kind: "set-chunk-size", size });
    await this.send(
      this.encoder.encode({ type, payload, chunkStreamId: 2, streamId: 0, timestampMs: 0 }),
    );
    this.encoder.chunkSize = size;
  }

  async createStream(): Promise<number> {
    const answer = await this.answer(await this.command("createStream"));
    const [id] = answer.args;
    assert(typeof id === "number", shown(answer));
    return id;
  }

  async publish(key: string): Promise<void> {
    const streamId = await this.createStream();
    await this.command("publish", { args: [key, "live"], streamId });
    assertEquals(statusCode(await this.status("NetStream.")), "NetStream.Publish.Start");
  }

  async play(key: string): Promise<void> {
    const streamId = await this.createStream();
    await this.command("play", { args: [key, -2], streamId });
    await this.status("NetStream.Play.Start");
  }

  async media(
    kind: "audio" | "video" | "data",
    timestampMs: number,
    body: Uint8Array,
  ): Promise<void> {
    await this.send(this.mediaBytes(kind, timestampMs, body));
  }

  /** The chunks of a media message on NetStream 1. */
  mediaBytes(
    kind: "audio" | "video" | "data",
    timestampMs: number,
    payload: Uint8Array,
  ): Uint8Array {
    const type = {
      audio: MessageType.Audio,
      video: MessageType.Video,
      data: MessageType.DataAmf0,
    }[kind];
    return this.encoder.encode({ type, payload, timestampMs, chunkStreamId: 4, streamId: 1 });
  }

  /** Sends `count` frames from number `from` on, a key frame every `gop`, 40 ms apart. */
  async frames(from: number, count: number, options: { gop?: number; bytes?: number } = {}) {
    const { gop = 10, bytes = 200 } = options;
    const pieces: Uint8Array[] = [];
    for (let number = from; number < from + count; number++) {
      const body = number % gop === 0 ? BODIES.key(number, bytes) : BODIES.inter(number, bytes);
      pieces.push(this.mediaBytes("video", number * 40, body));
    }
    await this.send(concat(pieces));
  }

  /** Numbers of the next video frames, up to and with `last`. */
  async frameNumbers(last: number): Promise<number[]> {
    const numbers: number[] = [];
    while (numbers.at(-1) !== last) {
      const message = await this.message();
      if (message === undefined) fail(`the server closed after ${numbers.join(" ")}`);
      if (message.kind === "video" && message.body[1] === 1) numbers.push(numberOf(message.body));
    }
    return numbers;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.pipe.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #read(): Promise<Uint8Array | undefined> {
    const target = new Uint8Array(65_536);
    try {
      const count = await patiently(this.pipe.read(target));
      return count === null ? undefined : target.subarray(0, count);
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return undefined;
      throw error;
    }
  }

  #take(bytes: Uint8Array): void {
    for (const raw of this.#decoder.push(bytes)) parseMessage(raw, this.#ready);
  }
}

/** The `code` of an onStatus or `_error`. */
export function statusCode(message: CommandMessage): string | undefined {
  return amfStringProperty(message.args[0], "code");
}

/** The `description` of an onStatus or `_error`. */
export function statusDescription(message: CommandMessage): string | undefined {
  return amfStringProperty(message.args[0], "description");
}

function shown({ name, args }: CommandMessage): string {
  return `${name} ${Deno.inspect(args)}`;
}
