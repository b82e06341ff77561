/** Alerts of TLS that are sent here (RFC 5246, 7.2). */
export const Alert = {
  CloseNotify: 0,
  UnexpectedMessage: 10,
  HandshakeFailure: 40,
  BadCertificate: 42,
  IllegalParameter: 47,
  DecodeError: 50,
  DecryptError: 51,
  ProtocolVersion: 70,
  InternalError: 80,
} as const;

/** The peer has broken the handshake: it is told by an alert, and the connection ends. */
export class DtlsFault extends Error {
  /** Name of the class. */
  override readonly name = "DtlsFault";
  /** What the peer is told. */
  readonly alert: number;

  /** Makes a fault that is told by `alert`. */
  constructor(alert: number, message: string) {
    super(message);
    this.alert = alert;
  }
}
