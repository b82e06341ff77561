/** The kinds of mistakes in a session description. */
export type SdpErrorCode =
  | "too-large"
  | "empty"
  | "malformed-line"
  | "malformed-media"
  | "too-many-media"
  | "missing-media"
  | "missing-format"
  | "missing-clock-rate";

/**
 * A session description that cannot be read, or not be used: it ends the request that brought it.
 *
 * `code` tells the kind, `line` the place, the message both and the reason.
 */
export class SdpError extends Error {
  /** Name of the class. */
  override readonly name = "SdpError";
  /** The kind of failure. */
  readonly code: SdpErrorCode;
  /** Line number, from 1; 0 where the fault is not in one line. */
  readonly line: number;

  /** Makes an error of the kind `code` at `line`. */
  constructor(code: SdpErrorCode, message: string, line = 0) {
    super(line === 0 ? message : `line ${line}: ${message}`);
    this.code = code;
    this.line = line;
  }
}
