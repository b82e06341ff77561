/** An RTMP server for tests, which says what it is told to: also what no server should. */
import type { AmfValue } from "../../src/amf/mod.ts";
import {
  ChunkDecoder,
  ChunkEncoder,
  type CommandMessage,
  encodeCommandMessage,
  parseMessage,
  type RtmpMessage,
  RtmpServerHandshake,
} from "../../src/rtmp/mod.ts";

/** One connection to a scripted server. */
export class ScriptedPeer {
  readonly #conn: Deno.Conn;
  readonly #encoder = new ChunkEncoder();
  readonly #decoder = new ChunkDecoder();
  readonly #ready: RtmpMessage[] = [];

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  async shakeHands(): Promise<void> {
    const handshake = new RtmpServerHandshake({
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
    while (!handshake.done) {
      const output = handshake.push(await this.#read());
      if (output !== undefined) await this.bytes(output);
    }
    this.#take(handshake.takeRest());
  }

  /** Resolves when the client has sent something, which is dropped. */
  async anything(): Promise<void> {
    await this.#read();
  }

  /** The next message of the client that `wanted` accepts. */
  async message(wanted: (message: RtmpMessage) => boolean): Promise<RtmpMessage> {
    for (;;) {
      const message = this.#ready.shift();
      if (message === undefined) this.#take(await this.#read());
      else if (wanted(message)) return message;
    }
  }

  /** The client's next command of that name. */
  async command(name: string): Promise<CommandMessage> {
    return await this.message((message) =>
      message.kind === "command" && message.name === name
    ) as CommandMessage;
  }

  /** Answers a command. */
  async answer(command: CommandMessage, name: "_result" | "_error", ...args: AmfValue[]) {
    await this.send(encodeCommandMessage({ name, transactionId: command.transactionId, args }));
  }

  async status(streamId: number, code: string, level = "status") {
    const content = { name: "onStatus", args: [{ level, code, description: "" }] };
    await this.send(encodeCommandMessage(content), streamId);
  }

  /** Lets the client connect. */
  async accept(): Promise<void> {
    await this.shakeHands();
    const connect = await this.command("connect");
    await this.answer(connect, "_result", { code: "NetConnection.Connect.Success" });
  }

  /** Lets the client connect, and publish or play on NetStream 1. */
  async grant(role: "publish" | "play"): Promise<void> {
    await this.accept();
    await this.answer(await this.command("createStream"), "_result", 1);
    await this.command(role);
    await this.status(1, role === "publish" ? "NetStream.Publish.Start" : "NetStream.Play.Start");
  }

  async send(
    message: { type: number; body: Uint8Array; timestampMs?: number },
    streamId = 0,
  ): Promise<void> {
    await this.bytes(this.#encoder.encode({
      type: message.type,
      chunkStreamId: 6,
      streamId,
      timestampMs: message.timestampMs ?? 0,
      payload: message.body,
    }));
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  close(): void {
    try {
      this.#conn.close();
    } catch { /* The client was first. */ }
  }

  #take(bytes: Uint8Array): void {
    for (const raw of this.#decoder.push(bytes)) parseMessage(raw, this.#ready);
  }

  async #read(): Promise<Uint8Array> {
    const buffer = new Uint8Array(65536);
    const count = await this.#conn.read(buffer);
    if (count === null) {
      this.close();
      throw new Deno.errors.UnexpectedEof();
    }
    return buffer.subarray(0, count);
  }
}

/** Serves every connection by `script`, in the test's own process. */
export class ScriptedServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #peers: ScriptedPeer[] = [];
  readonly #serving: Promise<void>;
  connections = 0;

  constructor(script: (peer: ScriptedPeer) => Promise<void>) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#serving = this.#serve(script);
  }

  get url(): string {
    return `rtmp://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #serve(script: (peer: ScriptedPeer) => Promise<void>): Promise<void> {
    const scripts: Promise<void>[] = [];
    try {
      for await (const conn of this.#listener) {
        const peer = new ScriptedPeer(conn);
        this.connections++;
        this.#peers.push(peer);
        // It ends when the client goes.
        scripts.push(script(peer).catch(() => {}));
      }
    } finally {
      await Promise.all(scripts);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const peer of this.#peers) peer.close();
    await this.#serving;
  }
}
