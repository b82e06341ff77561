/** A peer that has connected did not come to speak TLS: it is silent, speaks something else, or rejects the certificate. */
export class TlsHandshakeError extends Deno.errors.InvalidData {
  /** Name of the class. */
  override readonly name = "TlsHandshakeError";
}
