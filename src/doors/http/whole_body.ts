import { concat } from "@std/bytes/concat";
import { type Clock, Deadline, LATE } from "../../time/mod.ts";

/** So long a body may take that is read before its request is answered, milliseconds, however its bytes drip in. */
export const WHOLE_BODY_MS = 20_000;

/**
 * Reads a body to its end; resolves with why not where it has over `maxBytes`, or takes too long. `onPiece` is told how
 * many bytes have come.
 */
export async function wholeBody(
  body: ReadableStream<Uint8Array>,
  { maxBytes, clock, onPiece }: {
    readonly maxBytes: number;
    readonly clock: Pick<Clock, "setTimer">;
    readonly onPiece?: (bytes: number) => void;
  },
): Promise<Uint8Array<ArrayBuffer> | "too-large" | "late"> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  using deadline = new Deadline(clock, WHOLE_BODY_MS);
  const reader = body.getReader();
  for (;;) {
    const read = await deadline.before(reader.read());
    if (read !== LATE && read.done) return concat(pieces);
    if (read !== LATE) {
      pieces.push(read.value);
      bytes += read.value.length;
      onPiece?.(read.value.length);
      if (bytes <= maxBytes) continue;
    }
    reader.cancel().catch(() => {});
    return read === LATE ? "late" : "too-large";
  }
}
