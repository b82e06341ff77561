/** The remote server cannot be reached, or does not do what it is asked; the message says why. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
}
