import type { Transport } from "./transport.ts";

/** Certificate chain and private key, PEM. */
export interface TlsIdentity {
  /** Certificate chain. */
  readonly cert: string;
  /** Private key of its first certificate. */
  readonly key: string;
}

/**
 * Connections that may wait to be accepted. Where more do, the system drops what newcomers begin with, and they try again
 * after a second. It has a bound of its own (`net.core.somaxconn` of Linux), which is the same by default.
 */
export const ACCEPT_QUEUE = 4096;

/** A listener whose connections are streams of bytes, over TLS or not. */
export interface StreamListener {
  /** Address that it is bound to. */
  readonly hostname: string;
  /** Port that it is bound to; never 0. */
  readonly port: number;
  /** Resolves with the next connection; one of TLS has its handshake still before it. */
  accept(): Promise<Transport>;
  /** Accepts no more. */
  close(): void;
  /**
   * Shows another certificate from the next handshake on; connections that there are go on. Where there is no
   * TLS there is no such method.
   *
   * @throws {TypeError} if the certificate and the key do not belong together, or are none: then the former stay
   */
  reload?(identity: TlsIdentity): Promise<void>;
}
