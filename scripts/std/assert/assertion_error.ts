/** What every failed assertion throws. */
export class AssertionError extends Error {
  /** Takes the message, and optionally what caused the failure. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}
