/**
 * Finds the next start code (00 00 01) at or after `from`; -1 where there is none. Every third byte
 * tells whether one can be near.
 */
function findStartCode(bytes: Uint8Array, from: number): number {
  const end = bytes.length;
  let at = from + 2;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte > 1) at += 3;
    else if (byte === 1) {
      if (bytes[at - 1] === 0 && bytes[at - 2] === 0) return at - 2;
      at += 3;
    } else at++;
  }
  return -1;
}

/**
 * Cuts what a sender put where one NAL unit belongs into NAL units: some send Annex B start codes
 * inside (Amatek's AR-N3222F and V380 cameras put SPS, PPS and picture into one fragmentation unit).
 * A NAL unit cannot hold a start code by itself (H.264, 7.4.1), except for an SEI of ONVIF Media
 * Signing, which may: one that `isSei` knows is left whole, unless it begins with a start code.
 *
 * The zero bytes before a start code belong to it, unless there is no start code at all.
 */
export function splitNalUnits(
  bytes: Uint8Array,
  isSei: (firstByte: number) => boolean,
): readonly Uint8Array[] {
  const first = findStartCode(bytes, 0);
  if (first < 0) return [bytes];
  const leading = startsWithZeros(bytes, first);
  if (!leading && isSei(bytes[0]!)) return [bytes];
  const units: Uint8Array[] = [];
  let begin = leading ? first + 3 : 0;
  let next = leading ? findStartCode(bytes, begin) : first;
  while (true) {
    let end = next < 0 ? bytes.length : next;
    while (end > begin && bytes[end - 1] === 0) end--;
    if (end > begin) units.push(bytes.subarray(begin, end));
    if (next < 0) return units;
    begin = next + 3;
    next = findStartCode(bytes, begin);
  }
}

function startsWithZeros(bytes: Uint8Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (bytes[i] !== 0) return false;
  return true;
}
