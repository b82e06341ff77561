/**
 * The signed distance from the 16-bit sequence number `from` to `to`, -32768 to 32767: the shorter
 * way round (RFC 1982).
 *
 * @example
 * ```ts
 * import { sequenceDistance } from "@weir/server/rtp";
 *
 * console.log(sequenceDistance(0xffff, 1)); // 2
 * ```
 */
export function sequenceDistance(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/**
 * The signed distance from the 32-bit RTP timestamp `from` to `to` in ticks, -2^31 to 2^31 - 1: the
 * shorter way round.
 *
 * @example
 * ```ts
 * import { timestampDistance } from "@weir/server/rtp";
 *
 * console.log(timestampDistance(0xffffffff, 2999)); // 3000
 * ```
 */
export function timestampDistance(from: number, to: number): number {
  return (to - from) | 0;
}
