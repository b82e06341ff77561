import { ByteWriter } from "../bytes/mod.ts";
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

/** Numbers that one entry of a generic NACK asks for: the first, and 16 bits for those behind it. */
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
  // The source that is asked stands in the entry; that of the header is not used.
  const data = header({ ssrc, mediaSsrc: 0 }).u32(mediaSsrc).u8(sequence & 0xff).u24(0).finish();
  return { type: "unknown", packetType: RtcpFeedbackType.Payload, count: 4, data };
}

function header({ ssrc, mediaSsrc }: FeedbackSources): ByteWriter {
  return new ByteWriter(32).u32(ssrc).u32(mediaSsrc);
}
