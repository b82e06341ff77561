/** The kinds of mistakes in MP4 data. */
export type Mp4ErrorCode = "truncated" | "malformed" | "too-large" | "unsupported";

/**
 * MP4 that cannot be read, as it is cut short or breaks its specification; or a track that MP4 has no name for.
 */
export class Mp4Error extends Error {
  /** Always `Mp4Error`. */
  override readonly name = "Mp4Error";
  /** The kind of failure. */
  readonly code: Mp4ErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: Mp4ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
