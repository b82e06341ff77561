/** The command line is wrong; the message says what, and what is allowed. */
export class UsageError extends Error {
  /** Name of the class. */
  override readonly name = "UsageError";
}
