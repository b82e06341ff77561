import { ByteReader } from "../bytes/mod.ts";
import { Mp4Error } from "./errors.ts";

/** Bytes of the longest header of a box: a size of 64 bits. */
export const MAX_BOX_HEADER_BYTES = 16;

/** Where a box is, and what. */
export interface BoxHeader {
  /** Its type, of four characters. */
  readonly type: string;
  /** Bytes of its header: 8, or 16 with a size of 64 bits. */
  readonly headerBytes: number;
  /** Bytes of the whole box; `undefined` where it goes to the end of the file. */
  readonly size: number | undefined;
}

/** A box with its content. */
export interface Mp4Box extends BoxHeader {
  /** Where the box begins in the bytes that were read. */
  readonly offset: number;
  /** What is in it: a view. */
  readonly content: Uint8Array;
}

/**
 * Reads the header of the box at the start of `bytes`; `undefined` where it is cut short.
 *
 * @throws {Mp4Error} `malformed` if the box is smaller than its header, or larger than 2^53
 *
 * @example
 * ```ts
 * import { readBoxHeader } from "@weir/server/mp4";
 *
 * console.log(readBoxHeader(new Uint8Array([0, 0, 0, 9, 102, 114, 101, 101]))?.type); // free
 * ```
 */
export function readBoxHeader(bytes: Uint8Array): BoxHeader | undefined {
  if (bytes.length < 8) return undefined;
  const reader = mp4Reader(bytes, "A box");
  const size = reader.u32();
  const type = String.fromCharCode(...reader.view(4));
  if (size === 0) return { type, headerBytes: 8, size: undefined };
  if (size !== 1) return { type, headerBytes: 8, size: checkedSize(type, size, 8) };
  if (reader.remaining < 8) return undefined;
  const large = reader.u32() * 2 ** 32 + reader.u32();
  return { type, headerBytes: 16, size: checkedSize(type, large, 16) };
}

function checkedSize(type: string, size: number, headerBytes: number): number {
  if (size >= headerBytes && size <= Number.MAX_SAFE_INTEGER) return size;
  throw new Mp4Error("malformed", `The box ${type} claims ${size} bytes`);
}

/** Boxes beside each other that are looked at: no box of a file's structure has a hundredth of it. */
const MAX_BOXES = 10_000;

/**
 * Splits `bytes` into the boxes that fill them.
 *
 * @throws {Mp4Error} `truncated` or `malformed`
 */
export function splitBoxes(bytes: Uint8Array): Mp4Box[] {
  const boxes: Mp4Box[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const header = readBoxHeader(bytes.subarray(offset, offset + MAX_BOX_HEADER_BYTES));
    if (header === undefined) throw truncated("A box", bytes.length - offset);
    const size = header.size ?? bytes.length - offset;
    if (size > bytes.length - offset) throw truncated(header.type, bytes.length - offset);
    if (boxes.length === MAX_BOXES) {
      throw new Mp4Error("too-large", `A box has over ${MAX_BOXES} boxes inside`);
    }
    const content = bytes.subarray(offset + header.headerBytes, offset + size);
    boxes.push({ ...header, offset, content });
    offset += size;
  }
  return boxes;
}

/** The first box of a type; `undefined` where there is none. */
export function findBox(boxes: readonly Mp4Box[], type: string): Mp4Box | undefined {
  return boxes.find((box) => box.type === type);
}

/**
 * The boxes on the way down to one, which must be there.
 *
 * @throws {Mp4Error} `malformed` where one is missing
 */
export function boxAt(bytes: Uint8Array, ...path: readonly string[]): Uint8Array {
  let content = bytes;
  for (const type of path) {
    const found = findBox(splitBoxes(content), type);
    if (found === undefined) throw new Mp4Error("malformed", `There is no box ${path.join("/")}`);
    content = found.content;
  }
  return content;
}

/** Version, flags and the rest of a full box. */
export interface FullBox {
  readonly version: number;
  readonly flags: number;
  readonly reader: ByteReader;
}

/** Reads the start of a full box. */
export function openFullBox(content: Uint8Array, name: string): FullBox {
  const reader = mp4Reader(content, `The box ${name}`);
  return { version: reader.u8(), flags: reader.u24(), reader };
}

/** Reads a number of 64 bits. */
export function readU64(reader: ByteReader): number {
  const value = reader.u32() * 2 ** 32 + reader.u32();
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new Mp4Error("malformed", `A number of 64 bits is ${value}`);
}

/** A reader that throws an {@linkcode Mp4Error} where bytes are missing. */
export function mp4Reader(bytes: Uint8Array, name: string): ByteReader {
  return new ByteReader(bytes, { onShort: (_wanted, remaining) => truncated(name, remaining) });
}

function truncated(name: string, remaining: number): Mp4Error {
  return new Mp4Error("truncated", `${name} is cut short: ${remaining} bytes remain`);
}
