import { SynchronousTransform, type SynchronousTransformer } from "../streams/mod.ts";
import { parseMessage, type RtmpMessage } from "./message.ts";
import type { RawMessage } from "./raw_message.ts";

/**
 * The second hop of a connection's pipeline: raw messages in, parsed messages out, an array for each
 * array. It errors with the {@linkcode RtmpError} of the first message that cannot be parsed, after
 * those before it.
 */
export class MessageParserStream extends SynchronousTransform<RawMessage[], RtmpMessage[]> {
  /** Makes the two ends of the hop. */
  constructor() {
    super(PARSER);
  }
}

/** One for all: nothing is kept between two arrays. */
const PARSER: SynchronousTransformer<RawMessage[], RtmpMessage[]> = {
  transform(raws, emit): void {
    const messages: RtmpMessage[] = [];
    try {
      for (const raw of raws) parseMessage(raw, messages);
    } finally {
      // Also when empty: the session sees every read, and acknowledges in the middle of a message.
      emit(messages);
    }
  },
};
