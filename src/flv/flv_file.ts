import { ByteQueue, ByteReader, ByteWriter } from "../bytes/mod.ts";
import { FlvError } from "./errors.ts";

/** Tag types of an FLV file (FLV 10.1, E.4.1), which are RTMP's message types. */
export const FlvTagType = { Audio: 8, Video: 9, Script: 18 } as const;

/** One tag of an FLV file (FLV 10.1, E.4.1). */
export interface FlvTag {
  /** One of {@linkcode FlvTagType}, or a reserved number up to 31. */
  readonly type: number;
  /** Milliseconds, 0 to 2^32 - 1 (the extended byte on top). */
  readonly timestampMs: number;
  /** The tag's data: what RTMP calls the message body. */
  readonly body: Uint8Array;
}

/** The header of an FLV file, which says what the file holds (FLV 10.1, E.2). */
export interface FlvHeader {
  /** Whether audio tags are announced. */
  readonly hasAudio: boolean;
  /** Whether video tags are announced. */
  readonly hasVideo: boolean;
}

/** Options of an {@linkcode FlvDecoder}. */
export interface FlvDecoderOptions {
  /** Largest tag body in bytes; 10 MiB by default, as RTMP's largest message. */
  readonly maxTagSize?: number;
}

const DEFAULT_MAX_TAG_SIZE = 10 * 1024 * 1024;
/**
 * The largest header that is passed over: it has 9 bytes, and its size field allows for larger ones of later versions.
 */
const MAX_HEADER_SIZE = 1024;
const HEADER_SIZE = 9;
const TAG_HEADER_SIZE = 11;
const BACK_POINTER_SIZE = 4;

/**
 * Reads an FLV file or HTTP-FLV stream that arrives in any pieces: pure, without I/O. A tag comes out
 * with its last byte. Back pointers are passed over: too many writers have them wrong.
 *
 * @example
 * ```ts
 * import { encodeFlvHeader, encodeFlvTag, FlvDecoder } from "@weir/server/flv";
 *
 * const decoder = new FlvDecoder();
 * decoder.push(encodeFlvHeader({ hasAudio: false, hasVideo: true }));
 * const tag = { type: 9, timestampMs: 40, body: new Uint8Array([0x17, 1, 0, 0, 0]) };
 * console.log(decoder.push(encodeFlvTag(tag))[0]?.timestampMs); // 40
 * ```
 */
export class FlvDecoder {
  /** The file's header, once it has arrived. */
  header: FlvHeader | undefined;
  readonly #queue: ByteQueue = new ByteQueue();
  readonly #maxTagSize: number;
  #state: "header" | "rest-of-header" | "back-pointer" | "tag" = "header";
  #headerSize = 0;

  /** Starts before the file's first byte. */
  constructor({ maxTagSize = DEFAULT_MAX_TAG_SIZE }: FlvDecoderOptions = {}) {
    this.#maxTagSize = maxTagSize;
  }

  /** Bytes that are kept for a tag that is not complete; 0 between two tags. */
  get heldBytes(): number {
    return this.#queue.length;
  }

  /**
   * Takes the next bytes, which must not be changed afterwards, and returns the tags that are now
   * complete. Bodies are views of the pieces, or copies where they cross pieces.
   *
   * @throws {FlvError} if this is no FLV file, or a tag is encrypted or too large; the decoder is of
   * no use then
   */
  push(bytes: Uint8Array): FlvTag[] {
    this.#queue.push(bytes);
    const tags: FlvTag[] = [];
    while (this.#step(tags));
    return tags;
  }

  #step(tags: FlvTag[]): boolean {
    switch (this.#state) {
      case "header":
        return this.#readHeader();
      case "rest-of-header":
        return this.#pass(this.#headerSize - HEADER_SIZE, "back-pointer");
      case "back-pointer":
        return this.#pass(BACK_POINTER_SIZE, "tag");
      case "tag":
        return this.#readTag(tags);
    }
  }

  #readHeader(): boolean {
    const bytes = this.#queue.take(HEADER_SIZE);
    if (bytes === undefined) return false;
    const reader = new ByteReader(bytes);
    if (reader.u24() !== 0x464c56) throw new FlvError("signature", "An FLV file starts with FLV");
    reader.skip(1); // the version, which is 1 everywhere
    const flags = reader.u8();
    this.#headerSize = reader.u32();
    if (this.#headerSize < HEADER_SIZE || this.#headerSize > MAX_HEADER_SIZE) {
      throw new FlvError("header-size", `An FLV header claims ${this.#headerSize} bytes`);
    }
    this.header = { hasAudio: (flags & 4) !== 0, hasVideo: (flags & 1) !== 0 };
    this.#state = "rest-of-header";
    return true;
  }

  #pass(size: number, next: "back-pointer" | "tag"): boolean {
    if (this.#queue.length < size) return false;
    this.#queue.skip(size);
    this.#state = next;
    return true;
  }

  #readTag(tags: FlvTag[]): boolean {
    const header = this.#queue.peek(TAG_HEADER_SIZE);
    if (header === undefined) return false;
    const reader = new ByteReader(header);
    const first = reader.u8();
    if (first & 0x20) throw new FlvError("encrypted", "An FLV tag is encrypted");
    const size = reader.u24();
    if (size > this.#maxTagSize) {
      throw new FlvError("tag-too-large", `An FLV tag has ${size} bytes, over ${this.#maxTagSize}`);
    }
    if (this.#queue.length < TAG_HEADER_SIZE + size) return false;
    const low = reader.u24();
    const timestampMs = reader.u8() * 0x1000000 + low;
    this.#queue.skip(TAG_HEADER_SIZE);
    tags.push({ type: first & 0x1f, timestampMs, body: this.#queue.take(size)! });
    this.#state = "back-pointer";
    return true;
  }
}

/** Encodes the header of an FLV file with the back pointer that follows it: 13 bytes. */
export function encodeFlvHeader({ hasAudio, hasVideo }: FlvHeader): Uint8Array {
  return new ByteWriter(HEADER_SIZE + BACK_POINTER_SIZE)
    .utf8("FLV").u8(1).u8((hasAudio ? 4 : 0) | (hasVideo ? 1 : 0)).u32(HEADER_SIZE).u32(0)
    .finish();
}

/** Bytes of a tag beside its body: its header, and the back pointer behind it. */
export const FLV_TAG_OVERHEAD: number = TAG_HEADER_SIZE + BACK_POINTER_SIZE;

/**
 * Encodes one tag with the back pointer that follows it. The timestamp is taken modulo 2^32.
 *
 * @throws {RangeError} if the body is 16 MiB or longer, beyond the size's 24 bits
 */
export function encodeFlvTag(tag: FlvTag): Uint8Array {
  const target = new Uint8Array(FLV_TAG_OVERHEAD + tag.body.length);
  writeFlvTag(tag, { target, offset: 0 });
  return target;
}

/**
 * Writes one tag with the back pointer that follows it into room that the caller has: `FLV_TAG_OVERHEAD` bytes more
 * than its body.
 *
 * @throws {RangeError} as {@linkcode encodeFlvTag}, or if the room is too small
 */
export function writeFlvTag(
  { type, timestampMs, body }: FlvTag,
  { target, offset }: { readonly target: Uint8Array; readonly offset: number },
): void {
  if (body.length > 0xffffff) {
    throw new RangeError(
      `Cannot encode an FLV tag as its size has 24 bits: current value is ${body.length}`,
    );
  }
  const view = new DataView(
    target.buffer,
    target.byteOffset + offset,
    body.length + FLV_TAG_OVERHEAD,
  );
  const time = timestampMs >>> 0;
  view.setUint32(0, (type << 24 | body.length) >>> 0);
  // The stream id is 0, behind three low bytes of the time and its high one.
  view.setUint32(4, (time << 8 | time >>> 24) >>> 0);
  view.setUint16(8, 0);
  view.setUint8(10, 0);
  target.set(body, offset + TAG_HEADER_SIZE);
  view.setUint32(TAG_HEADER_SIZE + body.length, TAG_HEADER_SIZE + body.length);
}
