import { ByteReader, ByteWriter } from "../bytes/mod.ts";
import type { UnknownRtcp } from "./rtcp.ts";

/** Packet types of feedback (RFC 4585, 6.1). */
export const RtcpFeedbackType = { Transport: 205, Payload: 206 } as const;

/** Whom feedback is from, and about. */
export interface FeedbackSources {
  /** The receiver's own source. */
  readonly ssrc: number;
  /** The source that it is about. */
  readonly mediaSsrc: number;
}

/** How many sequence numbers behind its first one an entry of a generic NACK can ask for: one for each of 16 bits. */
const NACK_SPAN = 16;

/**
 * A generic NACK: asks for packets again (RFC 4585, 6.2.1). `missing` are sequence numbers in order.
 *
 * @example
 * ```ts
 * import { buildRtcp, genericNack } from "@weir/server/rtp";
 *
 * const packet = genericNack({ ssrc: 1, mediaSsrc: 2 }, [7, 9]);
 * console.log(buildRtcp([packet]).subarray(-4)); // Uint8Array(4) [ 0, 7, 0, 2 ]
 * ```
 */
export function genericNack(sources: FeedbackSources, missing: readonly number[]): UnknownRtcp {
  const writer = header(sources);
  for (let at = 0; at < missing.length;) {
    const first = missing[at++]!;
    let behind = 0;
    for (; at < missing.length; at++) {
      const distance = (missing[at]! - first) & 0xffff;
      if (distance > NACK_SPAN) break;
      behind |= 1 << (distance - 1);
    }
    writer.u16(first).u16(behind);
  }
  return {
    type: "unknown",
    packetType: RtcpFeedbackType.Transport,
    count: 1,
    data: writer.finish(),
  };
}

/** A picture loss indication: asks for what decoding can go on with (RFC 4585, 6.3.1). */
export function pictureLossIndication(sources: FeedbackSources): UnknownRtcp {
  const data = header(sources).finish();
  return { type: "unknown", packetType: RtcpFeedbackType.Payload, count: 1, data };
}

/** A full intra request: asks for a key frame; `sequence` counts requests, modulo 256 (RFC 5104, 4.3.1). */
export function fullIntraRequest(sources: FeedbackSources, sequence: number): UnknownRtcp {
  const { ssrc, mediaSsrc } = sources;
  // The source that is asked stands in the entry; the field in the header is 0 (RFC 5104, 4.3.1.2).
  const data = header({ ssrc, mediaSsrc: 0 }).u32(mediaSsrc).u8(sequence & 0xff).u24(0).finish();
  return { type: "unknown", packetType: RtcpFeedbackType.Payload, count: 4, data };
}

function header({ ssrc, mediaSsrc }: FeedbackSources): ByteWriter {
  return new ByteWriter(32).u32(ssrc).u32(mediaSsrc);
}

/**
 * The most that a sender may send, bits a second, for all its sources `mediaSsrcs` together: REMB, as Chromium has it
 * (draft-alvestrand-rmcat-remb, 2.2).
 */
export function maxBitrateEstimate(
  sources: { readonly ssrc: number; readonly mediaSsrcs: readonly number[] },
  bitrateBps: number,
): UnknownRtcp {
  // 18 bits of mantissa; what is cut off is below its precision.
  let exponent = 0;
  let mantissa = Math.floor(bitrateBps);
  while (mantissa > 0x3ffff) {
    mantissa = Math.floor(mantissa / 2);
    exponent++;
  }
  const { ssrc, mediaSsrcs } = sources;
  const writer = header({ ssrc, mediaSsrc: 0 }).utf8("REMB").u8(mediaSsrcs.length)
    .u24((exponent << 18) | mantissa);
  for (const mediaSsrc of mediaSsrcs) writer.u32(mediaSsrc);
  return {
    type: "unknown",
    packetType: RtcpFeedbackType.Payload,
    count: 15,
    data: writer.finish(),
  };
}

/** What a receiver asks for. */
export type RtcpFeedback =
  /** Asks for packets to be sent again, by their sequence numbers. */
  | { readonly type: "nack"; readonly mediaSsrc: number; readonly missing: readonly number[] }
  /** Asks for a picture at which decoding can go on. */
  | { readonly type: "key-frame"; readonly mediaSsrc: number };

/**
 * Reads what a receiver asks for: generic NACK, picture loss indication, full intra request. Of other packets, and
 * malformed ones, nothing.
 *
 * @example
 * ```ts
 * import { genericNack, readFeedback } from "@weir/server/rtp";
 *
 * const asked = readFeedback(genericNack({ ssrc: 1, mediaSsrc: 2 }, [65535, 3]));
 * console.log(asked); // [ { type: "nack", mediaSsrc: 2, missing: [ 65535, 3 ] } ]
 * ```
 */
export function readFeedback({ packetType, count, data }: UnknownRtcp): RtcpFeedback[] {
  if (data.length < 8) return [];
  const reader = new ByteReader(data);
  reader.skip(4);
  const mediaSsrc = reader.u32();
  if (packetType === RtcpFeedbackType.Transport && count === 1) {
    const missing: number[] = [];
    while (reader.remaining >= 4) {
      const first = reader.u16();
      missing.push(first);
      for (let behind = reader.u16(), at = first + 1; behind !== 0; behind >>= 1, at++) {
        if ((behind & 1) !== 0) missing.push(at & 0xffff);
      }
    }
    return [{ type: "nack", mediaSsrc, missing }];
  }
  if (packetType !== RtcpFeedbackType.Payload) return [];
  if (count === 1) return [{ type: "key-frame", mediaSsrc }];
  const asked: RtcpFeedback[] = [];
  if (count === 4) {
    for (; reader.remaining >= 8; reader.skip(4)) {
      asked.push({ type: "key-frame", mediaSsrc: reader.u32() });
    }
  }
  return asked;
}
