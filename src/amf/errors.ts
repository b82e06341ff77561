/** The kinds of mistakes in AMF that a peer sent. */
export type AmfErrorCode =
  | "truncated"
  | "unknown-marker"
  | "bad-object-end"
  | "bad-reference"
  | "too-deep"
  | "too-many-keys"
  | "too-many-values"
  | "unknown-externalizable";

/**
 * AMF that a peer sent is malformed, or passes a limit.
 *
 * @example
 * ```ts
 * import { AmfError, decodeAmf0 } from "@weir/server/amf";
 *
 * try {
 *   decodeAmf0(new Uint8Array([0x02, 0x00, 0x09, 0x6c])); // a string of nine bytes, of which one came
 * } catch (error) {
 *   console.log(error instanceof AmfError && error.code); // truncated
 * }
 * ```
 */
export class AmfError extends Error {
  /** Always `AmfError`. */
  override readonly name = "AmfError";
  /** The kind of failure. */
  readonly code: AmfErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: AmfErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
