import { ByteWriter } from "../bytes/mod.ts";
import {
  findDigest,
  HANDSHAKE_PACKET_LENGTH,
  hasSignature,
  PLAYER_KEY,
  RTMP_VERSION,
  SERVER_KEY,
  writeDigest,
  writeSignature,
} from "./handshake_digest.ts";
import type { RtmpHandshake, RtmpHandshakeOptions, RtmpHandshakeScheme } from "./handshake.ts";
import { HandshakePackets, makeFirstPacket } from "./handshake_packet.ts";

/** Flash Player 9.0.124.2, which FFmpeg and librtmp say they are: servers expect a digest from it. */
const PLAYER_VERSION = 0x09007c02;

/** Options of an {@linkcode RtmpClientHandshake}. */
export interface RtmpClientHandshakeOptions extends RtmpHandshakeOptions {
  /**
   * What C1 offers: `"digest-0"` by default, which servers that do not know digests take for random
   * bytes. `"simple"` is for servers that stumble over it.
   */
  readonly scheme?: RtmpHandshakeScheme;
}

/**
 * The client's side of the RTMP handshake (RTMP 1.0, chapter 5.2), simple or with digests.
 *
 * A server whose answer does not prove that it read C1 is put up with: many send zeros or noise.
 * {@linkcode RtmpClientHandshake.verified} tells.
 *
 * @example
 * ```ts
 * import { RtmpClientHandshake } from "@weir/server/rtmp";
 *
 * const client = new RtmpClientHandshake({
 *   random: (length) => crypto.getRandomValues(new Uint8Array(length)),
 *   nowMs: Date.now(),
 * });
 * console.log(client.start().length); // 1537: C0 and C1
 * ```
 */
export class RtmpClientHandshake implements RtmpHandshake {
  readonly #options: RtmpHandshakeOptions;
  readonly #packets = new HandshakePackets(["S0", "S1", "S2"]);
  readonly #offer: RtmpHandshakeScheme;
  readonly #c1: Uint8Array;
  readonly #c1Digest: Uint8Array | undefined;
  #scheme: RtmpHandshakeScheme | undefined;
  #verified = false;

  /** Makes C1. */
  constructor(options: RtmpClientHandshakeOptions) {
    this.#options = options;
    this.#offer = options.scheme ?? "digest-0";
    this.#c1 = makeFirstPacket(options, this.#offer === "simple" ? 0 : PLAYER_VERSION);
    if (this.#offer !== "simple") {
      this.#c1Digest = writeDigest(this.#c1, PLAYER_KEY, { scheme: this.#offer });
    }
  }

  /** Whether S2 was read and chunks may be sent, after C2. */
  get done(): boolean {
    return this.waitingFor === undefined;
  }

  /** The packet that is not complete yet; `undefined` when done. */
  get waitingFor(): "S0" | "S1" | "S2" | undefined {
    return this.#packets.waitingFor;
  }

  /** How the server answered; known once S1 was read. */
  get scheme(): RtmpHandshakeScheme | undefined {
    return this.#scheme;
  }

  /** Whether S2 answers C1, by signature or by echo; `false` as long as it is not done. */
  get verified(): boolean {
    return this.#verified;
  }

  /** Returns C0 and C1, which open the connection. */
  start(): Uint8Array {
    return new ByteWriter(1 + HANDSHAKE_PACKET_LENGTH).u8(RTMP_VERSION).bytes(this.#c1).finish();
  }

  /**
   * Takes what the server sent, in pieces of any size, and returns what is to be written to it now:
   * C2 as soon as S1 is complete, else nothing.
   *
   * `bytes` must not be changed afterwards.
   *
   * @throws {RtmpError} `handshake-version` when S0 is not 3
   */
  push(bytes: Uint8Array): Uint8Array | undefined {
    this.#packets.push(bytes);
    const s1 = this.#packets.take("S1");
    const output = s1 === undefined ? undefined : this.#answer(s1);
    const s2 = this.#packets.take("S2");
    if (s2 !== undefined) this.#verified = this.#isAnsweredBy(s2);
    return output;
  }

  /** Removes and returns the bytes that came after S2: chunks. Empty as long as it is not done. */
  takeRest(): Uint8Array {
    return this.#packets.takeRest();
  }

  #answer(s1: Uint8Array): Uint8Array {
    const found = this.#c1Digest === undefined ? undefined : findDigest(s1, SERVER_KEY);
    this.#scheme = found?.scheme ?? "simple";
    // The caller owns what push returns, and s1 may be a view of what it pushed.
    if (found === undefined) return s1.slice();
    const c2 = makeFirstPacket(this.#options, 0);
    writeSignature(c2, PLAYER_KEY, { peerDigest: found.digest });
    return c2;
  }

  #isAnsweredBy(s2: Uint8Array): boolean {
    if (this.#scheme === "simple") return echoes(s2, this.#c1);
    return hasSignature(s2, SERVER_KEY, { ownDigest: this.#c1Digest! });
  }
}

/** Whether S2 repeats C1's time and random bytes; bytes 4 to 7 hold the server's own time. */
function echoes(s2: Uint8Array, c1: Uint8Array): boolean {
  return c1.every((byte, index) => (index >= 4 && index < 8) || s2[index] === byte);
}
