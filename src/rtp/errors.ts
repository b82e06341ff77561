/**
 * What is wrong with RTP or RTCP that a peer sent.
 *
 * - `packet-too-short`, `malformed-packet`, `unsupported-version`: an RTP packet's header.
 * - `malformed-rtcp`, `rtcp-too-large`: an RTCP packet.
 * - `missing-packet`: packets of an access unit were lost, and so it was dropped.
 * - `malformed-payload`, `unsupported-payload`: a payload breaks its format, or uses a part of the
 *   format that this library does not read.
 * - `malformed-key`, `unsupported-key`: a key of SRTP that a peer told cannot be read, or be used.
 * - `unit-too-large`, `too-many-parts`: an access unit passes a limit, or does not fit its format.
 */
export type RtpErrorCode =
  | "packet-too-short"
  | "malformed-packet"
  | "unsupported-version"
  | "malformed-rtcp"
  | "rtcp-too-large"
  | "missing-packet"
  | "malformed-payload"
  | "unsupported-payload"
  | "malformed-key"
  | "unsupported-key"
  | "unit-too-large"
  | "too-many-parts";

/**
 * A peer sent RTP or RTCP that cannot be read. It costs that packet or that access unit, never the
 * session: both protocols are made to lose packets.
 *
 * @example
 * ```ts
 * import { parseRtpPacket, RtpError } from "@weir/server/rtp";
 *
 * try {
 *   parseRtpPacket(new Uint8Array(2));
 * } catch (error) {
 *   if (error instanceof RtpError) console.log(error.code); // packet-too-short
 * }
 * ```
 */
export class RtpError extends Error {
  /** Always `RtpError`. */
  override readonly name = "RtpError";
  /** The kind of failure. */
  readonly code: RtpErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: RtpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
