import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../bytes/mod.ts";

/** Bytes of the size and the type in front of a box. */
export const BOX_HEADER_BYTES = 8;

/** A box of the type `type`, of four characters, around `contents` (ISO/IEC 14496-12, 4.2). */
export function box(type: string, ...contents: readonly Uint8Array[]): Uint8Array {
  const size = contents.reduce((sum, { length }) => sum + length, BOX_HEADER_BYTES);
  const header = new ByteWriter(BOX_HEADER_BYTES).u32(size);
  for (let at = 0; at < 4; at++) header.u8(type.charCodeAt(at));
  return concat([header.finish(), ...contents]);
}

/** Version and flags in front of the content of a full box. */
export interface FullBoxHeader {
  readonly version?: number;
  readonly flags?: number;
}

/** A box with version and flags in front of its contents. */
export function fullBox(
  type: string,
  { version = 0, flags = 0 }: FullBoxHeader,
  ...contents: readonly Uint8Array[]
): Uint8Array {
  const header = new ByteWriter(16).u8(version).u24(flags).finish();
  return box(type, header, ...contents);
}
