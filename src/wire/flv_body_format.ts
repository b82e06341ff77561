import type { HeaderSet, Stream, WireFormat, WireLogWriter } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { MediaUnit, TrackKind } from "../media/mod.ts";
import type { FlvBody, LossPolicy } from "../transmux/mod.ts";
import { FlvBodySource, type RtmpExtensions } from "./flv_body_source.ts";

/** Options of a format of FLV bodies. */
export interface FlvBodyFormatOptions {
  /** Is told of the tracks that FLV cannot carry. */
  readonly log?: ServerLog;
  /** What becomes of pictures after a loss of RTP packets. */
  readonly onLoss?: LossPolicy;
}

/**
 * A wire format whose messages are bodies of FLV tags: what FLV files and RTMP share. `M` is a body with what stands
 * around it.
 */
export abstract class FlvBodyFormat<M> implements WireFormat {
  /** Players wait for what metadata and sequence headers tell of. */
  readonly tellsTracks = true;
  readonly #bodies: FlvBodySource;

  /** Makes the format of a stream's log. */
  constructor(
    stream: Stream,
    extensions: RtmpExtensions,
    options: FlvBodyFormatOptions & { readonly format: "flv" | "rtmp" },
  ) {
    this.#bodies = new FlvBodySource(stream, { ...options, extensions });
  }

  /** Bodies of FLV all are, of several tracks to those who can take them; of others what FLV has a form for. */
  carries(kind: TrackKind, track: number): boolean {
    return this.#bodies.carries(kind, track);
  }

  /** Frames that could not be made FLV. */
  get dropped(): number {
    return this.#bodies.dropped;
  }

  /** Appends the message of a unit, or the messages that it becomes; metadata at time 0. */
  encode(unit: MediaUnit, log: WireLogWriter): void {
    for (const body of this.#bodies.bodiesOf(unit)) {
      const message = this.messageOf(body);
      const { bytes, offset } = log.reserve(this.lengthOf(message));
      this.write(message, bytes, offset);
    }
  }

  /** Metadata at time 0, and sequence headers at the time `timeUs`. */
  preamble(headers: HeaderSet, timeUs: number): Uint8Array {
    const messages = this.#bodies.headerBodies(headers, timeUs).map((body) => this.messageOf(body));
    const length = messages.reduce((sum, message) => sum + this.lengthOf(message), 0);
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const message of messages) {
      this.write(message, bytes, offset);
      offset += this.lengthOf(message);
    }
    return bytes;
  }

  /** A body with what stands around it. */
  protected abstract messageOf(body: FlvBody): M;

  /** Bytes of a message. */
  protected abstract lengthOf(message: M): number;

  /** Writes a message at an offset. */
  protected abstract write(message: M, target: Uint8Array, offset: number): void;
}
