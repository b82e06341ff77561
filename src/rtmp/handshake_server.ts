import { ByteWriter } from "../bytes/mod.ts";
import {
  findDigest,
  HANDSHAKE_PACKET_LENGTH,
  PLAYER_KEY,
  RTMP_VERSION,
  SERVER_KEY,
  writeDigest,
  writeSignature,
} from "./handshake_digest.ts";
import type { RtmpHandshake, RtmpHandshakeOptions, RtmpHandshakeScheme } from "./handshake.ts";
import { HandshakePackets, makeFirstPacket } from "./handshake_packet.ts";

/** Flash Media Server 3.5.1.1: FFmpeg as a player checks digests when the first number is >= 3. */
const SERVER_VERSION = 0x03050101;

/**
 * The server's side of the RTMP handshake (RTMP 1.0, chapter 5.2), simple or with digests, as the
 * client chooses: a C1 with a version and a valid digest is answered with digests, every other is echoed.
 *
 * It does no input or output and knows no time: the caller ends a client that is too slow, and
 * {@linkcode RtmpServerHandshake.waitingFor} tells what was missing.
 *
 * @example
 * ```ts
 * import { RtmpClientHandshake, RtmpServerHandshake } from "@weir/server/rtmp";
 *
 * const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
 * const client = new RtmpClientHandshake({ random });
 * const server = new RtmpServerHandshake({ random });
 *
 * const answer = server.push(client.start()); // S0, S1 and S2: one write
 * const c2 = client.push(answer!);
 * server.push(c2!);
 * console.log(server.done, server.scheme, client.verified); // true "digest-0" true
 * ```
 */
export class RtmpServerHandshake implements RtmpHandshake {
  readonly #options: RtmpHandshakeOptions;
  readonly #packets = new HandshakePackets(["C0", "C1", "C2"]);
  #scheme: RtmpHandshakeScheme | undefined;

  /** Starts to wait for C0. */
  constructor(options: RtmpHandshakeOptions) {
    this.#options = options;
  }

  /** Whether C2 was read and chunks follow. */
  get done(): boolean {
    return this.waitingFor === undefined;
  }

  /** The packet that is not complete yet; `undefined` when done. */
  get waitingFor(): "C0" | "C1" | "C2" | undefined {
    return this.#packets.waitingFor;
  }

  /** How the client shakes hands; known once C1 was read. */
  get scheme(): RtmpHandshakeScheme | undefined {
    return this.#scheme;
  }

  /**
   * Takes what the client sent, in pieces of any size, and returns what is to be written to it now:
   * S0, S1 and S2 together as soon as C1 is complete, else nothing.
   *
   * `bytes` must not be changed afterwards. What C2 holds is not checked: clients echo S1, sign it,
   * or send zeros.
   *
   * @throws {RtmpError} `handshake-version` when C0 is not 3
   */
  push(bytes: Uint8Array): Uint8Array | undefined {
    this.#packets.push(bytes);
    const c1 = this.#packets.take("C1");
    const output = c1 === undefined ? undefined : this.#answer(c1);
    this.#packets.take("C2");
    return output;
  }

  /** Removes and returns the bytes that came after C2: chunks. Empty as long as it is not done. */
  takeRest(): Uint8Array {
    return this.#packets.takeRest();
  }

  #answer(c1: Uint8Array): Uint8Array {
    const found = isSimple(c1) ? undefined : findDigest(c1, PLAYER_KEY);
    this.#scheme = found?.scheme ?? "simple";
    const s1 = makeFirstPacket(this.#options, found === undefined ? 0 : SERVER_VERSION);
    // The whole of C1 is echoed, time2 included: librtmp compares all of it.
    let s2 = c1;
    if (found !== undefined) {
      writeDigest(s1, SERVER_KEY, { scheme: found.scheme });
      s2 = makeFirstPacket(this.#options, 0);
      writeSignature(s2, SERVER_KEY, { peerDigest: found.digest });
    }
    return new ByteWriter(1 + 2 * HANDSHAKE_PACKET_LENGTH)
      .u8(RTMP_VERSION).bytes(s1).bytes(s2).finish();
  }
}

/**
 * Whether a C1 has zeros where the specification wants them (5.2.3): clients that put a digest into it have their version
 * there, and servers that know digests, as nginx-rtmp, look for none without. To look costs a tenth of a join.
 */
function isSimple(c1: Uint8Array): boolean {
  return c1[4] === 0 && c1[5] === 0 && c1[6] === 0 && c1[7] === 0;
}
