import { createCipheriv, createDecipheriv } from "node:crypto";
import { ByteWriter } from "../../bytes/mod.ts";

/** Types of records (RFC 5246, 6.2.1). */
export const ContentType = {
  ChangeCipherSpec: 20,
  Alert: 21,
  Handshake: 22,
  ApplicationData: 23,
} as const;

/** DTLS 1.2 on the wire. */
export const DTLS_1_2 = 0xfefd;

const HEADER_BYTES = 13;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;

/** One record (RFC 6347, 4.1). */
export interface DtlsRecord {
  readonly type: number;
  readonly epoch: number;
  /** Epoch and sequence number, 8 bytes as they stand in the record. */
  readonly number: Uint8Array;
  /** The content, encrypted from epoch 1 on; a view. */
  readonly fragment: Uint8Array;
}

/** Whether a datagram on a port that STUN, DTLS and RTP share is for DTLS (RFC 7983, 7). */
export function isDtls(datagram: Uint8Array): boolean {
  return datagram.length > HEADER_BYTES && datagram[0]! >= 20 && datagram[0]! <= 63;
}

/** The records of a datagram, as far as they are whole. */
export function* dtlsRecords(datagram: Uint8Array): Generator<DtlsRecord> {
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const length = datagram[at + 11]! << 8 | datagram[at + 12]!;
    const end = at + HEADER_BYTES + length;
    // Major version 254: all of DTLS.
    if (end > datagram.length || datagram[at + 1] !== 0xfe) return;
    yield {
      type: datagram[at]!,
      epoch: datagram[at + 3]! << 8 | datagram[at + 4]!,
      number: datagram.subarray(at + 3, at + 11),
      fragment: datagram.subarray(at + HEADER_BYTES, end),
    };
    at = end;
  }
}

/** The keys of one direction: AES-128 in Galois/counter mode (RFC 5288). */
export interface DtlsWriteKey {
  readonly key: Uint8Array;
  /** The four bytes of the nonce that are not sent. */
  readonly salt: Uint8Array;
}

/** Numbers and writes records: those of epoch 0 in the clear, those of epoch 1 encrypted. */
export class DtlsRecordWriter {
  #key: DtlsWriteKey | undefined;
  readonly #sequences: [number, number] = [0, 0];

  /** The epoch of what is written now: 1 once there is a key. */
  get epoch(): 0 | 1 {
    return this.#key === undefined ? 0 : 1;
  }

  /** Has records of epoch 1 encrypted. */
  encrypt(key: DtlsWriteKey): void {
    this.#key = key;
  }

  /** Writes a record under the next number of its epoch. */
  write({ type, epoch, content }: DtlsContent): Uint8Array {
    const sequence = this.#sequences[epoch]++;
    const number = new ByteWriter(8).u16(epoch).u16(Math.floor(sequence / 2 ** 32))
      .u32(sequence >>> 0).finish();
    const fragment = epoch === 0 ? content : seal(this.#key!, { type, number, content });
    return new ByteWriter(HEADER_BYTES + fragment.length).u8(type).u16(DTLS_1_2).bytes(number)
      .u16(fragment.length).bytes(fragment).finish();
  }
}

/** What goes into a record. */
export interface DtlsContent {
  readonly type: number;
  readonly epoch: 0 | 1;
  readonly content: Uint8Array;
}

function seal(
  { key, salt }: DtlsWriteKey,
  { type, number, content }: {
    readonly type: number;
    readonly number: Uint8Array;
    readonly content: Uint8Array;
  },
): Uint8Array {
  // Epoch and sequence number are the explicit part of the nonce: they never repeat under a key.
  const cipher = createCipheriv("aes-128-gcm", key, nonceOf(salt, number));
  cipher.setAAD(associated(type, number, content.length));
  const sealed = new ByteWriter(EXPLICIT_NONCE_BYTES + content.length + TAG_BYTES)
    .bytes(number).bytes(cipher.update(content));
  cipher.final();
  return sealed.bytes(cipher.getAuthTag()).finish();
}

/** The content of an encrypted record; `undefined` where it is not authentic. */
export function openRecord(
  { key, salt }: DtlsWriteKey,
  { type, number, fragment }: DtlsRecord,
): Uint8Array | undefined {
  const length = fragment.length - EXPLICIT_NONCE_BYTES - TAG_BYTES;
  if (length < 0) return undefined;
  const nonce = nonceOf(salt, fragment.subarray(0, EXPLICIT_NONCE_BYTES));
  const decipher = createDecipheriv("aes-128-gcm", key, nonce);
  decipher.setAAD(associated(type, number, length));
  decipher.setAuthTag(fragment.subarray(-TAG_BYTES));
  const content = new Uint8Array(
    decipher.update(fragment.subarray(EXPLICIT_NONCE_BYTES, EXPLICIT_NONCE_BYTES + length)),
  );
  try {
    decipher.final();
    return content;
  } catch {
    return undefined;
  }
}

function nonceOf(salt: Uint8Array, explicit: Uint8Array): Uint8Array {
  return new ByteWriter(12).bytes(salt).bytes(explicit).finish();
}

function associated(type: number, number: Uint8Array, length: number): Uint8Array {
  return new ByteWriter(13).bytes(number).u8(type).u16(DTLS_1_2).u16(length).finish();
}
