/** What was wrong with coded media. */
export type MediaErrorCode = "truncated" | "malformed" | "unsupported" | "too-many-units";

/**
 * Coded media (a parameter set, a header, a configuration record) that cannot be read: what a peer
 * sent is cut short, breaks its specification, or uses a part that this library does not know.
 */
export class MediaError extends Error {
  /** Always `MediaError`. */
  override readonly name = "MediaError";
  /** The kind of failure. */
  readonly code: MediaErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: MediaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
