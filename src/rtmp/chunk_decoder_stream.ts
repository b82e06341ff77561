import { type Emit, SynchronousTransform, type SynchronousTransformer } from "../streams/mod.ts";
import { ChunkDecoder, type ChunkDecoderOptions } from "./chunk_decoder.ts";
import type { RawMessage } from "./raw_message.ts";

/**
 * A {@linkcode ChunkDecoder} as a web stream: one array of messages for each piece of bytes.
 *
 * An array is empty when no message ended in its piece, so that a session sees every read and can
 * acknowledge in the middle of a long message. When the peer breaks the protocol, the messages
 * before that come out, then the stream errors with the {@linkcode RtmpError}.
 *
 * @example
 * ```ts
 * import { ChunkDecoderStream, ChunkEncoder } from "@weir/server/rtmp";
 *
 * const ping = { chunkStreamId: 2, type: 4, timestampMs: 0, streamId: 0, payload: new Uint8Array(6) };
 * const messages = ReadableStream.from([new ChunkEncoder().encode(ping)])
 *   .pipeThrough(new ChunkDecoderStream());
 * for await (const [message] of messages) console.log(message?.type); // 4
 * ```
 */
export class ChunkDecoderStream extends SynchronousTransform<Uint8Array, RawMessage[]> {
  /** The decoder inside, for its byte count and chunk size; only the stream pushes to it. */
  readonly decoder: ChunkDecoder;

  /** `options` are the decoder's. */
  constructor(options: Partial<ChunkDecoderOptions> = {}) {
    const decoder = new ChunkDecoder(options);
    super(new DecodingTransformer(decoder));
    this.decoder = decoder;
  }
}

/** Has a decoder take each piece; a class, since a function of its own for each decoder takes more. */
class DecodingTransformer implements SynchronousTransformer<Uint8Array, RawMessage[]> {
  readonly #decoder: ChunkDecoder;

  constructor(decoder: ChunkDecoder) {
    this.#decoder = decoder;
  }

  transform(bytes: Uint8Array, emit: Emit<RawMessage[]>): void {
    emit(this.#decoder.push(bytes));
    if (this.#decoder.error !== undefined) throw this.#decoder.error;
  }
}
