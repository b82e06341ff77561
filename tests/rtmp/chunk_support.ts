/** Builds chunks by hand from the specification's figures, apart from weir's own encoder. */
import { assertEquals } from "@std/assert";
import { ChunkDecoder } from "../../src/rtmp/chunk_decoder.ts";
import type { ChunkLimits } from "../../src/rtmp/chunk_limits.ts";
import { RtmpError } from "../../src/rtmp/errors.ts";
import type { RawMessage } from "../../src/rtmp/raw_message.ts";
import { assertSplitInvariant } from "../support/split.ts";
import { encodeHex } from "./hex.ts";

/** Everything of a message that a test compares, on one line. */
export function summary(message: RawMessage): string {
  const { chunkStreamId, type, timestampMs, streamId, payload } = message;
  return `csid ${chunkStreamId} type ${type} at ${timestampMs} stream ${streamId}: ` +
    (payload.length <= 8
      ? encodeHex(payload)
      : `${payload.length} bytes, sum ${checksum(payload)}`);
}

/** Adler-32: notices a wrong order too. */
export function checksum(bytes: Uint8Array): number {
  let a = 1, b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

export interface Decoded {
  readonly messages: RawMessage[];
  /** The code of the error that ended it, if one did. */
  readonly code: string | undefined;
}

/** Decodes twice: once with pieces that stay as they are, once with those of a slab to overwrite. */
export function decode(pieces: Uint8Array[], limits: Partial<ChunkLimits> = {}): Decoded {
  const before = pieces.map(checksum);
  const decoded = decodeWith(new ChunkDecoder(limits), pieces);
  assertEquals(pieces.map(checksum), before, "the input was changed");
  const slab = concat(pieces);
  let at = 0;
  const cut = pieces.map(({ length }) => slab.subarray(at, at += length));
  const overwriting = decodeWith(new ChunkDecoder({ ...limits, mayOverwrite: true }), cut);
  assertEquals(overwriting.code, decoded.code);
  assertEquals(overwriting.messages.map(summary), decoded.messages.map(summary));
  return decoded;
}

function decodeWith(decoder: ChunkDecoder, pieces: Uint8Array[]): Decoded {
  const messages: RawMessage[] = [];
  for (const piece of pieces) {
    try {
      messages.push(...decoder.push(piece));
    } catch (error) {
      if (!(error instanceof RtmpError)) throw error;
    }
    if (decoder.error !== undefined) break;
  }
  return { messages, code: decoder.error?.code };
}

/** Decodes in every cut (M021); returns the summaries, and last the error's code if there is one. */
export function decodeAllCuts(
  parts: (number[] | Uint8Array)[],
  limits: Partial<ChunkLimits> = {},
): string[] {
  return assertSplitInvariant(concat(parts), (pieces) => {
    const { messages, code } = decode(pieces, limits);
    return [...messages.map(summary), ...(code === undefined ? [] : [code])];
  });
}

export function concat(parts: (number[] | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

export function be(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
}

/** `count` bytes that repeat nothing near a chunk border: 1, 8, 15 … modulo 251. */
export function body(count: number, first = 1): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (first + i * 7) % 251);
}

/** A type 0 header on a chunk stream below 64, with the extended timestamp where it is needed. */
export function type0(
  id: number,
  fields: { time: number; length: number; type?: number; streamId?: number },
): number[] {
  const { time, length, type = 9, streamId = 1 } = fields;
  return [
    id,
    ...be(Math.min(time, 0xffffff), 3),
    ...be(length, 3),
    type,
    ...be(streamId, 4).reverse(),
    ...(time >= 0xffffff ? be(time, 4) : []),
  ];
}

/** A control message on chunk stream 2. */
export function control(type: number, value: number): number[] {
  return [...type0(2, { time: 0, length: 4, type, streamId: 0 }), ...be(value, 4)];
}

/** The summary of {@linkcode control}. */
export function controlSummary(type: number, value: number): string {
  return `csid 2 type ${type} at 0 stream 0: ${encodeHex(Uint8Array.from(be(value, 4)))}`;
}
