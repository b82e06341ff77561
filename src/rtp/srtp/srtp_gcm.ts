import { createCipheriv, createDecipheriv } from "node:crypto";

/** Bytes of the tag of GCM. */
const TAG_BYTES = 16;

/** What a packet's initialization vector is made of, beside the salt (RFC 7714, 8.1 and 9.1). */
export interface GcmPlace {
  readonly ssrc: number;
  /** The upper 32 bits of the packet's index of 48 bits. */
  readonly indexHigh: number;
  /** Its lower 16 bits. */
  readonly indexLow: number;
}

/** AES in Galois/counter mode (RFC 7714), with the key and salt of one kind of packets. */
export class Gcm {
  readonly #algorithm: "aes-128-gcm" | "aes-256-gcm";
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;
  readonly #vector: Uint8Array = new Uint8Array(12);

  /** `salt` has 12 bytes. */
  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#algorithm = key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
    this.#key = key;
    this.#salt = salt;
  }

  /** Encrypts `plain`, and writes it and the tag to `target` from `at` on. */
  seal(
    plain: Uint8Array,
    { place, associated, target, at }: {
      readonly place: GcmPlace;
      readonly associated: Uint8Array;
      readonly target: Uint8Array;
      readonly at: number;
    },
  ): void {
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#vectorAt(place));
    cipher.setAAD(associated);
    target.set(cipher.update(plain), at);
    cipher.final();
    target.set(cipher.getAuthTag(), at + plain.length);
  }

  /** Decrypts `sealed`, which ends with its tag; `undefined` where it is not authentic. */
  open(
    sealed: Uint8Array,
    { place, associated }: { readonly place: GcmPlace; readonly associated: Uint8Array },
  ): Uint8Array | undefined {
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#vectorAt(place));
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const plain = new Uint8Array(decipher.update(sealed.subarray(0, -TAG_BYTES)));
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined;
    }
  }

  #vectorAt({ ssrc, indexHigh, indexLow }: GcmPlace): Uint8Array {
    const vector = this.#vector;
    const view = new DataView(vector.buffer);
    vector[0] = vector[1] = 0;
    view.setUint32(2, ssrc);
    view.setUint32(6, indexHigh);
    view.setUint16(10, indexLow);
    for (let i = 0; i < 12; i++) vector[i]! ^= this.#salt[i]!;
    return vector;
  }
}
