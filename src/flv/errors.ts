/** The kinds of mistakes in FLV data. */
export type FlvErrorCode =
  | "truncated"
  | "signature"
  | "header-size"
  | "tag-too-large"
  | "tag-type"
  | "encrypted"
  | "too-many-mod-ex"
  | "too-many-tracks"
  | "multitrack"
  | "metadata";

/**
 * Malformed FLV data: a body that ends too early, a file that is none, a limit that was passed.
 *
 * A codec or packet type that this library does not know is no error: it is parsed to a value that
 * can be passed on.
 */
export class FlvError extends Error {
  /** Always `FlvError`. */
  override readonly name = "FlvError";
  /** The kind of failure. */
  readonly code: FlvErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: FlvErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
