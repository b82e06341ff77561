/**
 * What is wrong with a description that a peer offers.
 *
 * - `malformed-offer`: it is none that WebRTC has, or lacks what it needs.
 * - `unsupported-offer`: it wants what is not done here.
 * - `malformed-fragment`: the candidates that follow it cannot be read.
 */
export type WebRtcErrorCode = "malformed-offer" | "unsupported-offer" | "malformed-fragment";

/** A peer's description cannot be used: that ends its request. */
export class WebRtcError extends Error {
  /** Always `WebRtcError`. */
  override readonly name = "WebRtcError";
  /** The kind of failure. */
  readonly code: WebRtcErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: WebRtcErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
