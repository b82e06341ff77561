import { ByteWriter } from "../../bytes/mod.ts";
import { Alert, DtlsFault } from "./alert.ts";

/** Types of handshake messages (RFC 5246, 7.4). */
export const HandshakeType = {
  ClientHello: 1,
  ServerHello: 2,
  HelloVerifyRequest: 3,
  Certificate: 11,
  ServerKeyExchange: 12,
  CertificateRequest: 13,
  ServerHelloDone: 14,
  CertificateVerify: 15,
  ClientKeyExchange: 16,
  Finished: 20,
} as const;

const HEADER_BYTES = 12;

/** The largest message that is put together, bytes: a chain of certificates of RSA keys is below that. */
const MAX_MESSAGE_BYTES = 16 * 1024;

/** Messages ahead of the next that are kept: a client's flight has four. */
const MESSAGES_AHEAD = 8;

/** A handshake message. */
export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** A handshake message that has come. */
export interface ReceivedHandshake extends HandshakeMessage {
  /** Whether all of it was encrypted. */
  readonly isEncrypted: boolean;
}

/** Writes a message as one fragment: how it is sent, and how it goes into the transcript (RFC 6347, 4.2.6). */
export function writeHandshake({ type, sequence, body }: HandshakeMessage): Uint8Array {
  return new ByteWriter(HEADER_BYTES + body.length).u8(type).u24(body.length).u16(sequence)
    .u24(0).u24(body.length).bytes(body).finish();
}

interface Partial {
  readonly type: number;
  readonly body: Uint8Array;
  readonly has: Uint8Array;
  missing: number;
  isEncrypted: boolean;
}

/** Puts handshake messages together, in order, of fragments in any order. */
export class HandshakeReader {
  #next = 0;
  readonly #partial = new Map<number, Partial>();
  readonly #ready: ReceivedHandshake[] = [];

  /** Whether the last fragments were of messages that had been whole before: the peer sends them again. */
  sawRepeated = false;

  /**
   * Takes the content of a record of an epoch.
   *
   * @throws {DtlsFault} if it is no handshake, or larger than may be
   */
  push(content: Uint8Array, epoch: number): void {
    this.sawRepeated = false;
    for (let at = 0; at < content.length;) {
      at = this.#readFragment(content, { at, isEncrypted: epoch > 0 });
    }
  }

  /** The next message in order, once it is whole. */
  next(): ReceivedHandshake | undefined {
    for (;;) {
      const partial = this.#partial.get(this.#next);
      if (partial?.missing !== 0) return this.#ready.shift();
      this.#partial.delete(this.#next);
      const { type, body, isEncrypted } = partial;
      this.#ready.push({ type, sequence: this.#next++, body, isEncrypted });
    }
  }

  #readFragment(
    content: Uint8Array,
    { at, isEncrypted }: { readonly at: number; readonly isEncrypted: boolean },
  ): number {
    if (content.length - at < HEADER_BYTES) throw malformed("a fragment without header");
    const view = new DataView(content.buffer, content.byteOffset + at);
    const type = view.getUint8(0);
    const length = view.getUint32(0) & 0xffffff;
    const sequence = view.getUint16(4);
    const offset = view.getUint32(5) & 0xffffff;
    const size = view.getUint32(8) & 0xffffff;
    const end = at + HEADER_BYTES + size;
    if (end > content.length || offset + size > length) throw malformed("a fragment that is cut");
    if (length > MAX_MESSAGE_BYTES) throw malformed(`a message of ${length} bytes`);
    if (sequence < this.#next) this.sawRepeated = true;
    else if (sequence < this.#next + MESSAGES_AHEAD) {
      this.#keep(content.subarray(at + HEADER_BYTES, end), {
        type,
        length,
        sequence,
        offset,
        isEncrypted,
      });
    }
    return end;
  }

  #keep(
    piece: Uint8Array,
    { type, length, sequence, offset, isEncrypted }: {
      readonly type: number;
      readonly length: number;
      readonly sequence: number;
      readonly offset: number;
      readonly isEncrypted: boolean;
    },
  ): void {
    let partial = this.#partial.get(sequence);
    if (partial === undefined) {
      const body = new Uint8Array(length);
      partial = { type, body, has: new Uint8Array(length), missing: length, isEncrypted };
      this.#partial.set(sequence, partial);
    }
    if (partial.type !== type || partial.body.length !== length) return;
    partial.isEncrypted &&= isEncrypted;
    for (let i = 0; i < piece.length; i++) {
      if (partial.has[offset + i] === 1) continue;
      partial.has[offset + i] = 1;
      partial.body[offset + i] = piece[i]!;
      partial.missing--;
    }
  }
}

function malformed(what: string): DtlsFault {
  return new DtlsFault(Alert.DecodeError, `The handshake has ${what}`);
}
