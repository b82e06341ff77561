/** Why a server could not do what it was asked to. */
export type ServerErrorCode =
  | "address-in-use"
  | "address-not-available"
  | "certificate"
  | "permission"
  | "state";

/** The server could not start, or was used in a state that does not allow it. */
export class ServerError extends Error {
  /** Name of the class. */
  override readonly name = "ServerError";
  /** The kind of failure. */
  readonly code: ServerErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
