/** What both sides of the handshake share: taking the peer's packets, and the making of C1 and S1. */
import { ByteQueue } from "../bytes/mod.ts";
import { RtmpError } from "./errors.ts";
import type { RtmpHandshakeOptions } from "./handshake.ts";
import { HANDSHAKE_PACKET_LENGTH, RTMP_VERSION } from "./handshake_digest.ts";

/** First bytes of what also turns up at an RTMP port. */
const KNOWN_FIRST_BYTES: Readonly<Record<number, string>> = {
  0x06: "RTMPE, which is not supported",
  0x08: "RTMPE, which is not supported",
  0x09: "RTMPE, which is not supported",
  0x0d: "the start of a PROXY header, which is not honoured here",
  0x16: "the start of a TLS connection, as rtmps makes it",
  0x44: "the start of an RTSP request",
  0x47: "the start of an HTTP request",
  0x4f: "the start of an HTTP or RTSP request",
  0x50: "the start of an HTTP request or of a PROXY header",
  0xf3: "a prefix that states a client address, which is not honoured",
};

/**
 * Takes what a peer's side of the handshake consists of, in pieces of any size: a version byte and two
 * packets, whose names are given.
 */
export class HandshakePackets<Name extends string> {
  readonly #names: readonly [version: Name, first: Name, second: Name];
  readonly #queue = new ByteQueue();
  #taken = 0;

  /** Waits for the version. */
  constructor(names: readonly [version: Name, first: Name, second: Name]) {
    this.#names = names;
  }

  /** The packet that is not complete yet; `undefined` when all were taken. */
  get waitingFor(): Name | undefined {
    return this.#names[this.#taken];
  }

  /**
   * Adds bytes, which must not be changed afterwards.
   *
   * @throws {RtmpError} `handshake-version` when the version is not 3
   */
  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    if (this.#taken > 0) return;
    const version = this.#queue.peek(1);
    if (version === undefined) return;
    checkVersion(version[0]!, this.#names[0]);
    this.#queue.skip(1);
    this.#taken = 1;
  }

  /** Removes and returns the packet of that name, when it is the next and complete. */
  take(name: Name): Uint8Array | undefined {
    if (this.waitingFor !== name) return undefined;
    const packet = this.#queue.take(HANDSHAKE_PACKET_LENGTH);
    if (packet !== undefined) this.#taken++;
    return packet;
  }

  /** Removes and returns the bytes behind the last packet; none as long as that was not taken. */
  takeRest(): Uint8Array {
    return this.waitingFor === undefined ? this.#queue.takeAll() : new Uint8Array(0);
  }
}

/**
 * Checks C0 or S0.
 *
 * @throws {RtmpError} `handshake-version` when it is not 3; the message has the value
 */
function checkVersion(version: number, packet: string): void {
  if (version === RTMP_VERSION) return;
  const known = KNOWN_FIRST_BYTES[version];
  const value = `${version}${known === undefined ? "" : ` (${known})`}`;
  throw new RtmpError(
    "handshake-version",
    `${packet} is ${value}, only RTMP version ${RTMP_VERSION} is spoken`,
  );
}

/**
 * Makes C1 or S1: time, version, 1528 random bytes.
 *
 * `version` is 0 in the simple handshake. FFmpeg, librtmp and Flash take a version of 3.0 or more to
 * mean that there is a digest.
 */
export function makeFirstPacket(options: RtmpHandshakeOptions, version: number): Uint8Array {
  const packet = new Uint8Array(HANDSHAKE_PACKET_LENGTH);
  const view = new DataView(packet.buffer);
  view.setUint32(0, options.nowMs ?? 0);
  view.setUint32(4, version);
  packet.set(options.random(HANDSHAKE_PACKET_LENGTH - 8), 8);
  return packet;
}
