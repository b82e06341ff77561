import { concat } from "@std/bytes/concat";
import { maxPayloadSizeOf, type PacketizerOptions, type RtpPayload } from "./access_unit.ts";

/** A frame that is to be sent, and its RTP timestamp. */
export interface TimedFrame {
  readonly bytes: Uint8Array;
  readonly timestamp: number;
}

/** Where a fragment is in its frame. */
export interface FragmentPlace {
  /** Its number, counted from 0. */
  readonly index: number;
  /** How many fragments the frame has. */
  readonly count: number;
  /** Bytes of the frame before it. */
  readonly offset: number;
  /** Bytes of the largest fragment. */
  readonly mostBytes: number;
  /** Bytes of the frame. */
  readonly frameBytes: number;
}

/** The headers that an audio format has before whole frames, and before a fragment of one. */
export interface FrameHeaders {
  /** Bytes of either. */
  readonly size: number;
  /** Frames that the header can count; as many as fit where it counts none. */
  readonly maxCount?: number;
  /** Whether packets that end a frame have the marker bit. */
  readonly marksEnd: boolean;
  /** The header before so many whole frames. */
  frames(count: number): Uint8Array;
  /** The header before a fragment. */
  fragment(place: FragmentPlace): Uint8Array;
}

/**
 * Puts audio frames into packets as AC-3 (RFC 4184), E-AC-3 (RFC 4598) and MPEG audio (RFC 2250) have them: as many whole
 * frames behind one header as fit, or a fragment of a frame that is too large for a packet.
 */
export class FramePacketizer {
  readonly #headers: FrameHeaders;
  readonly #maxPayloadSize: number;

  /** Packs with headers of one format. */
  constructor(headers: FrameHeaders, options: PacketizerOptions) {
    this.#headers = headers;
    this.#maxPayloadSize = maxPayloadSizeOf(options);
  }

  /** Packs frames, which follow each other. */
  pack(frames: Iterable<TimedFrame>): RtpPayload[] {
    const { size: headerSize, maxCount = Infinity, marksEnd } = this.#headers;
    const payloads: RtpPayload[] = [];
    let group: Uint8Array[] = [];
    let size = headerSize;
    let groupTimestamp = 0;
    const flush = () => {
      if (group.length === 0) return;
      const payload = concat([this.#headers.frames(group.length), ...group]);
      payloads.push({ payload, marker: marksEnd, timestamp: groupTimestamp });
      group = [];
      size = headerSize;
    };
    for (const frame of frames) {
      const { length } = frame.bytes;
      if (size + length > this.#maxPayloadSize || group.length === maxCount) flush();
      if (headerSize + length > this.#maxPayloadSize) {
        payloads.push(...this.#fragments(frame));
        continue;
      }
      if (group.length === 0) groupTimestamp = frame.timestamp;
      group.push(frame.bytes);
      size += length;
    }
    flush();
    return payloads;
  }

  #fragments({ bytes, timestamp }: TimedFrame): RtpPayload[] {
    const mostBytes = this.#maxPayloadSize - this.#headers.size;
    const count = Math.ceil(bytes.length / mostBytes);
    return Array.from({ length: count }, (_, index) => {
      const offset = index * mostBytes;
      const header = this.#headers.fragment({
        index,
        count,
        offset,
        mostBytes,
        frameBytes: bytes.length,
      });
      return {
        payload: concat([header, bytes.subarray(offset, offset + mostBytes)]),
        marker: this.#headers.marksEnd && index === count - 1,
        timestamp,
      };
    });
  }
}
