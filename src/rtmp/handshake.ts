/**
 * Where a digest lies in C1 and S1: in scheme 0 in the first half of the random bytes (its offset is
 * at byte 8), in scheme 1 in the second half (its offset is at byte 772). Some servers number these
 * the other way around.
 */
export type RtmpDigestScheme = "digest-0" | "digest-1";

/** How a handshake was done: as the specification has it, or with digests of one of two schemes. */
export type RtmpHandshakeScheme = "simple" | RtmpDigestScheme;

/** Randomness and time, which a handshake is given so that it stays pure. */
export interface RtmpHandshakeOptions {
  /** Returns `length` new random bytes, such as `(n) => crypto.getRandomValues(new Uint8Array(n))`. */
  readonly random: (length: number) => Uint8Array;
  /** The time in milliseconds that S1 or C1 carries, of any epoch; 0 by default. */
  readonly nowMs?: number;
}

/** One side of a handshake, server's or client's: bytes go in, and what is to be written comes out. */
export interface RtmpHandshake {
  /** Whether all of the peer's packets were read, and chunks follow. */
  readonly done: boolean;
  /** The peer's packet that is not complete yet; `undefined` when done. */
  readonly waitingFor: string | undefined;
  /** Returns what opens the connection; a side that waits for the other has none. */
  start?(): Uint8Array;
  /** Takes what the peer sent and returns what is to be written to it now, if anything. */
  push(bytes: Uint8Array): Uint8Array | undefined;
  /** Removes and returns the bytes that came behind the handshake. */
  takeRest(): Uint8Array;
}
