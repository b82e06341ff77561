import { type Emit, SynchronousTransform } from "../streams/mod.ts";
import { RtspDecoder, type RtspLimits } from "./decoder.ts";
import type { RtspMessage } from "./message.ts";

/**
 * An {@linkcode RtspDecoder} as a transform stream: one array of messages for each piece read.
 *
 * @example
 * ```ts
 * import { RtspDecoderStream } from "@weir/server/rtsp";
 *
 * const bytes = new Blob(["OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"]).stream();
 * for await (const messages of bytes.pipeThrough(new RtspDecoderStream())) {
 *   console.log(messages[0]?.kind); // request
 * }
 * ```
 */
export class RtspDecoderStream extends SynchronousTransform<Uint8Array, RtspMessage[]> {
  readonly #received: { bytes: number };
  readonly #decoder: RtspDecoder;

  /**
   * `limits` as for {@linkcode RtspDecoder}; `first` are bytes that were read already, to be decoded
   * before those that come through the stream.
   */
  constructor(limits: Partial<RtspLimits> = {}, options: { readonly first?: Uint8Array } = {}) {
    const decoder = new RtspDecoder(limits);
    const received = { bytes: 0 };
    const { first } = options;
    const decode = (bytes: Uint8Array, emit: Emit<RtspMessage[]>): void => {
      received.bytes += bytes.length;
      const messages = decoder.push(bytes);
      if (messages.length > 0) emit(messages);
    };
    super({
      start(emit) {
        if (first !== undefined) decode(first, emit);
      },
      transform: decode,
    });
    this.#received = received;
    this.#decoder = decoder;
  }

  /** Bytes that came so far. */
  get bytesReceived(): number {
    return this.#received.bytes;
  }

  /** Bytes that belonged to no message so far, see {@linkcode RtspDecoder}. */
  get garbageBytes(): number {
    return this.#decoder.garbageBytes;
  }
}
