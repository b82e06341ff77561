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
export class RtspDecoderStream extends TransformStream<Uint8Array, RtspMessage[]> {
  /** `limits` as for {@linkcode RtspDecoder}. */
  constructor(limits: Partial<RtspLimits> = {}) {
    const decoder = new RtspDecoder(limits);
    super({
      transform(bytes, controller) {
        const messages = decoder.push(bytes);
        if (messages.length > 0) controller.enqueue(messages);
      },
    });
  }
}
