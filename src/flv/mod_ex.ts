/** `ModEx` in both packet type enumerations (Enhanced RTMP v2). */
const MOD_EX = 7;

/** The value of the size byte behind which a size of 16 bits follows. */
const SIZE_ESCAPE = 255;

/**
 * Most `ModEx` entries before one packet. The specification defines one kind, which makes sense
 * once; the limit keeps a body of nothing but entries from costing time.
 */
export const MAX_MOD_EX = 16;

/**
 * Follows the `ModEx` entries that precede a packet (Enhanced RTMP v2, "Enhanced Video", the loop
 * over `VideoPacketType.ModEx`), without allocating: this runs for each message that is forwarded.
 *
 * Returns the offset behind them times 16 plus the packet type in the end, -1 when the body ends
 * too early, or -2 when there are more than {@linkcode MAX_MOD_EX}.
 */
export function skipModEx(body: Uint8Array): number {
  let type = body[0]! & 0x0f;
  let at = 1;
  for (let count = 0; type === MOD_EX; count++) {
    if (count === MAX_MOD_EX) return -2;
    at = modExDataOffset(body, at) + modExDataSize(body, at);
    if (at >= body.length) return -1;
    type = body[at++]! & 0x0f;
  }
  return at * 16 + type;
}

/** Offset of the data of the entry whose size field is at `at`. */
export function modExDataOffset(body: Uint8Array, at: number): number {
  return body[at] === SIZE_ESCAPE ? at + 3 : at + 1;
}

/**
 * Size of the data of the entry whose size field is at `at`: a byte plus 1, or behind the byte 255 a
 * 16-bit number plus 1. Missing bytes count as zero: the caller finds that the data does not fit.
 */
export function modExDataSize(body: Uint8Array, at: number): number {
  const byte = body[at] ?? 0;
  if (byte !== SIZE_ESCAPE) return byte + 1;
  return (body[at + 1] ?? 0) * 256 + (body[at + 2] ?? 0) + 1;
}
