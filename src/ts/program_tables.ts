import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../bytes/mod.ts";

/** An elementary stream, as the program map lists it. */
export interface ElementaryStream {
  /** Its packet identifier. */
  readonly pid: number;
  /** `stream_type` (ISO/IEC 13818-1, table 2-34). */
  readonly streamType: number;
  /** Its descriptors, one behind the other; may be empty. */
  readonly descriptors: Uint8Array;
}

/** The packet identifier of the program association table. */
export const PAT_PID = 0;
/** Where the program map is. */
export const PMT_PID = 0x1000;

const PROGRAM_NUMBER = 1;
const TRANSPORT_STREAM_ID = 1;
const PAT_TABLE = 0;
const PMT_TABLE = 2;
const CRC_BYTES = 4;

/** Builds the section of the program association table: one program (ISO/IEC 13818-1, 2.4.4.3). */
export function buildPatSection(): Uint8Array {
  const content = new ByteWriter(16).u16(PROGRAM_NUMBER).u16(0xe000 | PMT_PID).finish();
  return section(content, { table: PAT_TABLE, id: TRANSPORT_STREAM_ID, version: 0 });
}

/** Builds the section of the program map table (2.4.4.8); `version` counts modulo 32 with each change. */
export function buildPmtSection(
  streams: readonly ElementaryStream[],
  { pcrPid, version }: { readonly pcrPid: number; readonly version: number },
): Uint8Array {
  const writer = new ByteWriter(64).u16(0xe000 | pcrPid).u16(0xf000);
  for (const { pid, streamType, descriptors } of streams) {
    writer.u8(streamType).u16(0xe000 | pid).u16(0xf000 | descriptors.length).bytes(descriptors);
  }
  return section(writer.finish(), { table: PMT_TABLE, id: PROGRAM_NUMBER, version });
}

function section(
  content: Uint8Array,
  { table, id, version }: { readonly table: number; readonly id: number; readonly version: number },
): Uint8Array {
  const length = 5 + content.length + CRC_BYTES;
  const bytes = new ByteWriter(length + 3).u8(table).u16(0xb000 | length).u16(id)
    .u8(0xc1 | ((version & 31) << 1)).u8(0).u8(0).bytes(content).finish();
  return concat([bytes, new ByteWriter(16).u32(crc32(bytes)).finish()]);
}

/** A descriptor (2.6.1). */
export function descriptor(tag: number, content: Uint8Array): Uint8Array {
  return concat([new Uint8Array([tag, content.length]), content]);
}

const REGISTRATION = 5;

/** A registration descriptor (2.6.8): whose stream of private data it is. */
export function registration(format: string): Uint8Array {
  return descriptor(REGISTRATION, new TextEncoder().encode(format));
}

/** CRC_32 of annex A: polynomial 0x04c11db7, the top bit first, without inversion. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
    }
  }
  return crc >>> 0;
}
