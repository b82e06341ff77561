import { FlvDecoder } from "../flv/mod.ts";
import { type FlvBody, flvBodyKind } from "../transmux/mod.ts";

/** Bytes of a file that are read at once. */
const READ_BYTES = 256 * 1024;

/** Times of FLV have 32 bits of milliseconds; one that is so much earlier than the last has wrapped. */
const WRAP_MS = 2 ** 32;

/** Yields the bodies of an FLV file's tags; those that end in the middle of the file are left out. */
export async function* readFlvFile(file: Deno.FsFile): AsyncGenerator<FlvBody> {
  const decoder = new FlvDecoder();
  let [lastMs, wrapsMs] = [0, 0];
  for (;;) {
    // Bodies are views of what was read, so that each piece has its own memory.
    const piece = new Uint8Array(READ_BYTES);
    const length = await file.read(piece);
    if (length === null) return;
    for (const { type, timestampMs, body } of decoder.push(piece.subarray(0, length))) {
      const kind = flvBodyKind(type);
      if (kind === undefined) continue;
      if (timestampMs < lastMs - WRAP_MS / 2) wrapsMs += WRAP_MS;
      lastMs = timestampMs;
      yield { kind, dtsUs: (timestampMs + wrapsMs) * 1000, body };
    }
  }
}
