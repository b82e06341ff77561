/** A body so short is written with the head before it: one call costs more than to copy it. */
const SHORT_BYTES = 16 * 1024;

/** More than any head of an answer. */
const HEAD_BYTES = 4 * 1024;

/** What an answer is put together in, used again and again; while it is written, others have one of their own. */
let spare: Uint8Array | undefined;

const encoder = new TextEncoder();

/** Writes the head of an answer and what is there of its body by `write`, which resolves when all is written. */
export async function writeAnswer(
  head: string,
  body: Uint8Array,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const room = spare ?? new Uint8Array(HEAD_BYTES + SHORT_BYTES);
  spare = undefined;
  try {
    const { read, written } = encoder.encodeInto(head, room.subarray(0, HEAD_BYTES));
    if (read !== head.length || written !== head.length) {
      await write(bytesOf(head));
      if (body.length > 0) await write(body);
    } else if (body.length <= SHORT_BYTES) {
      room.set(body, written);
      await write(room.subarray(0, written + body.length));
    } else {
      await write(room.subarray(0, written));
      await write(body);
    }
  } finally {
    spare = room;
  }
}

/** A byte for each character: header values are bytes (RFC 9110, 5.5). */
function bytesOf(head: string): Uint8Array {
  return Uint8Array.from(head, (character) => character.charCodeAt(0));
}
