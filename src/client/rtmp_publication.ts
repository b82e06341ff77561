import { concat } from "@std/bytes/concat";
import { startsWith } from "@std/bytes/starts-with";
import { encodeAmf0 } from "../amf/mod.ts";

/** A message to publish: what an FLV tag holds. */
export interface RtmpMedia {
  /** Tells audio, video and data (metadata) apart. */
  readonly kind: "audio" | "video" | "data";
  /** Decoding time in milliseconds, any integer; sent modulo 2^32. */
  readonly timestampMs: number;
  /** The body, as `@weir/server/flv` builds it; not changed afterwards. */
  readonly body: Uint8Array;
}

/** The client of a publication, as the publication sees it. */
export interface RtmpPublicationControl {
  /** Sends a message; resolves when there is room for the next. */
  send(media: RtmpMedia): Promise<void> | undefined;
  /** Ends the publication, once all is sent, or at once. */
  finish(how: "flush" | "now"): Promise<void>;
}

/**
 * A stream that is published: a writable of messages. Closing it ends the publication when all is sent;
 * it errors with an `RtmpError` when the server ends it, or the connection fails.
 *
 * Its writes resolve as the connection takes them: a publisher that awaits each holds little in memory.
 */
export class RtmpPublication extends WritableStream<RtmpMedia> {
  /** NetStream, the message stream id. */
  readonly streamId: number;
  readonly #controller: WritableStreamDefaultController;

  /** Made by `RtmpClient.publish`. */
  constructor(streamId: number, control: RtmpPublicationControl) {
    let controller: WritableStreamDefaultController;
    super({
      start: (own) => {
        controller = own;
      },
      write: (media) => control.send(media),
      close: () => control.finish("flush"),
      abort: () => control.finish("now"),
    });
    this.#controller = controller!;
    this.streamId = streamId;
  }

  /** Called by the client: nothing more can be written. */
  fail(error: unknown): void {
    this.#controller.error(error);
  }
}

/** The AMF0 strings `onMetaData` and `@setDataFrame`. */
const ON_META_DATA: Uint8Array = encodeAmf0(["onMetaData"]);
const SET_DATA_FRAME: Uint8Array = encodeAmf0(["@setDataFrame"]);

/** Metadata as servers take it from a publisher: behind `@setDataFrame`, so that they keep it. */
export function asPublished(media: RtmpMedia): RtmpMedia {
  const { kind, body } = media;
  if (kind !== "data" || !startsWith(body, ON_META_DATA)) return media;
  return { ...media, body: concat([SET_DATA_FRAME, body]) };
}
