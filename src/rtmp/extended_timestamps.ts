import { u32 } from "./integers.ts";
import type { ChunkStream } from "./chunk_stream.ts";

/** A timestamp field of this value says that the value follows in four bytes (RTMP 1.0, 5.3.1.3). */
export const EXTENDED_MARKER = 0xffffff;

/** Chunks longer than this are not held back to find out what four zero bytes mean. */
const longestLookaheadBytes = 128 * 1024;

/**
 * Tells whether the type 3 chunks of a peer carry four bytes of extended timestamp. There are three dialects: repeated
 * (as specified, FFmpeg), left out (librtmp, and OBS before 2024), and four zero bytes (gortmplib). The first chunk that
 * tells them apart decides for the rest of the connection.
 */
export class ExtendedTimestamps {
  /** Whether chunks inside a message carry the four bytes, once that is known. */
  areRepeated: boolean | undefined = undefined;

  /**
   * Passes over the extended timestamp of a type 3 chunk whose header begins at `start`, if there is one at `at`.
   *
   * Returns the index of the chunk's body; or, when bytes are missing, the negative of how many are needed from
   * `start` on, and then nothing has changed.
   */
  pass(
    stream: ChunkStream,
    bytes: Uint8Array,
    start: number,
    at: number,
    chunkSize: number,
  ): number {
    const starts = stream.received === 0;
    if (!starts && this.areRepeated === false) return at;
    if (!starts && this.areRepeated === true) {
      return at + 4 <= bytes.length ? at + 4 : start - (at + 4);
    }
    // What starts a message is judged each time: librtmp writes four bytes there only for a delta
    // that needs them, whatever it does inside a message.
    const absolute = starts ? (stream.timestampMs + stream.deltaMs) >>> 0 : stream.timestampMs;
    const possible = startsWithU32(bytes, at, stream.wireTime) ||
      startsWithU32(bytes, at, absolute) || startsWithU32(bytes, at, 0);
    if (!possible) {
      if (!starts) this.areRepeated = false;
      return at;
    }
    // One more byte, not four: a body of one to three bytes may be all that comes for now.
    if (at + 4 > bytes.length) return start - (bytes.length + 1);
    if (starts) return at + 4;
    if (u32(bytes, at) !== 0) {
      this.areRepeated = true;
      return at + 4;
    }
    return this.#passZeros(stream, bytes, start, at, chunkSize);
  }

  /**
   * Four zero bytes are gortmplib's extended timestamp, or a body that happens to have zeros there:
   * where the next chunk of the message starts tells. Where it does not, they are the timestamp, as
   * H.264 and H.265 bodies hold no four zeros, and the next chunk decides again.
   */
  #passZeros(
    stream: ChunkStream,
    bytes: Uint8Array,
    start: number,
    at: number,
    chunkSize: number,
  ): number {
    const left = stream.length - stream.received;
    const size = Math.min(chunkSize, left);
    if (size === left || size > longestLookaheadBytes) return at + 4;
    const next = at + 4 + size;
    if (next >= bytes.length) return start - (next + 1);
    const ifOmitted = bytes[next - 4] === stream.marker;
    const ifRepeated = bytes[next] === stream.marker;
    if (ifOmitted !== ifRepeated) this.areRepeated = ifRepeated;
    return ifOmitted && !ifRepeated ? at : at + 4;
  }
}

/** Whether the bytes at `at`, four or as many as there are, begin a big-endian `value`. */
function startsWithU32(bytes: Uint8Array, at: number, value: number): boolean {
  const count = Math.min(4, bytes.length - at);
  for (let i = 0; i < count; i++) {
    if (bytes[at + i] !== ((value >>> (24 - 8 * i)) & 0xff)) return false;
  }
  return true;
}
