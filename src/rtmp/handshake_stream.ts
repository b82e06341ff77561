import { SynchronousTransform } from "../streams/mod.ts";
import { RtmpError } from "./errors.ts";
import type { RtmpHandshake } from "./handshake.ts";

/** How an {@linkcode RtmpHandshakeStream} reaches the peer, and who hears that it is done. */
export interface RtmpHandshakeStreamOptions {
  /** Writes bytes to the peer, after those of earlier calls; the receiver owns them. */
  readonly send: (bytes: Uint8Array) => void;
  /** Is told once that the handshake is done, before any byte behind it comes out of the stream. */
  readonly onDone?: () => void;
}

/**
 * The first hop of a connection's pipeline, for a server and a client alike: it shakes hands, and passes on
 * what comes after that, the chunks. While no chunk has come, nothing comes out.
 *
 * A peer that closes before the handshake is done is an {@linkcode RtmpError} of the code `closed`, which
 * names what was waited for. The stream knows no time: the caller ends a peer that is too slow.
 *
 * @example The pipeline of a server's connection
 * ```ts
 * import {
 *   ChunkDecoderStream,
 *   MessageParserStream,
 *   RtmpHandshakeStream,
 *   RtmpServerHandshake,
 *   RtmpServerSession,
 *   RtmpSessionSink,
 * } from "@weir/server/rtmp";
 *
 * async function serve(conn: Deno.Conn): Promise<void> {
 *   const session = new RtmpServerSession({ nowMs: performance.now() });
 *   // One writer a connection: writes follow one another, and a failed one ends it.
 *   let written = Promise.resolve();
 *   const send = (output: readonly Uint8Array[]): void => {
 *     for (const bytes of output) {
 *       written = written.then(async () => {
 *         for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
 *       });
 *     }
 *   };
 *   const handshake = new RtmpHandshakeStream(
 *     new RtmpServerHandshake({ random: (n) => crypto.getRandomValues(new Uint8Array(n)) }),
 *     { send: (bytes) => send([bytes]) },
 *   );
 *   const chunks = new ChunkDecoderStream();
 *   await conn.readable
 *     .pipeThrough(handshake)
 *     .pipeThrough(chunks)
 *     .pipeThrough(new MessageParserStream())
 *     .pipeTo(
 *       new RtmpSessionSink(session, {
 *         now: () => performance.now(),
 *         bytesReceived: () => chunks.decoder.bytesReceived,
 *         send,
 *         handle: (events) => {
 *           for (const event of events) if (event.type === "connect") session.accept(event);
 *         },
 *         ready: () => written,
 *       }),
 *     );
 * }
 * console.log(serve.name); // serve
 * ```
 */
export class RtmpHandshakeStream extends SynchronousTransform<Uint8Array, Uint8Array> {
  /** Goes when it is done: it holds what it has read. */
  #handshake: RtmpHandshake | undefined;
  readonly #options: RtmpHandshakeStreamOptions;
  #bytesReceived = 0;
  #bytesSent = 0;

  /** Starts at once: a side that opens the connection sends its first packets. */
  constructor(handshake: RtmpHandshake, options: RtmpHandshakeStreamOptions) {
    const peer = handshake.start === undefined ? "peer" : "server";
    super({
      transform: (bytes, emit): void => {
        const rest = this.#handshake === undefined ? bytes : this.#push(this.#handshake, bytes);
        if (rest !== undefined && rest.length > 0) emit(rest);
      },
      flush: (): void => {
        const { waitingFor } = this;
        if (waitingFor === undefined) return;
        throw new RtmpError("closed", `The ${peer} closed while ${waitingFor} was awaited`);
      },
    });
    this.#handshake = handshake;
    this.#options = options;
    const opening = handshake.start?.();
    if (opening !== undefined) this.#send(opening);
  }

  /** The peer's packet that is not complete yet; `undefined` when the handshake is done. */
  get waitingFor(): string | undefined {
    return this.#handshake?.waitingFor;
  }

  /** Bytes of the peer's side of the handshake that have come. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Bytes of this side of the handshake that were sent. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Returns what came behind the handshake once that is done. */
  #push(handshake: RtmpHandshake, bytes: Uint8Array): Uint8Array | undefined {
    this.#bytesReceived += bytes.length;
    const output = handshake.push(bytes);
    if (output !== undefined) this.#send(output);
    if (!handshake.done) return undefined;
    const rest = handshake.takeRest();
    this.#bytesReceived -= rest.length;
    this.#handshake = undefined;
    this.#options.onDone?.();
    return rest;
  }

  #send(bytes: Uint8Array): void {
    this.#bytesSent += bytes.length;
    this.#options.send(bytes);
  }
}
