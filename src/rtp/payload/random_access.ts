/**
 * Whether a packet begins a picture at which decoding can start, or its parameter sets, judged by its
 * payload alone: where to let a late player in when packets are forwarded as they are. `undefined`
 * for an encoding that is not video known here: each packet is as good as the other then.
 *
 * @example
 * ```ts
 * import { startsRandomAccess } from "@weir/server/rtp";
 *
 * console.log(startsRandomAccess("H264", new Uint8Array([0x7c, 0x85, 0x88]))); // true
 * console.log(startsRandomAccess("H264", new Uint8Array([0x41, 0x9a]))); // false
 * console.log(startsRandomAccess("OPUS", new Uint8Array([0xfc]))); // undefined
 * ```
 */
export function startsRandomAccess(
  encodingName: string,
  payload: Uint8Array,
): boolean | undefined {
  const test = TESTS[encodingName.toUpperCase()];
  return test === undefined ? undefined : payload.length > 1 && test(payload);
}

const TESTS: Readonly<Record<string, (payload: Uint8Array) => boolean>> = {
  H264: startsH264,
  H265: startsH265,
  VP8: startsVp8,
  // Begins a frame that is not predicted from another picture (RFC 9628, 4.2).
  VP9: (payload) => (payload[0]! & 0x48) === 0x08,
  // First packet of a coded video sequence.
  AV1: (payload) => (payload[0]! & 0x88) === 0x08,
  "MP4V-ES": startsMpeg4Video,
};

function startsH264(payload: Uint8Array): boolean {
  const type = payload[0]! & 0x1f;
  if (type === 28) return (payload[1]! & 0x80) !== 0 && isH264Start(payload[1]! & 0x1f);
  if (type === 24) return payload.length > 3 && isH264Start(payload[3]! & 0x1f);
  return isH264Start(type);
}

/** An IDR slice, or an SPS, which comes before one. */
function isH264Start(type: number): boolean {
  return type === 5 || type === 7;
}

function startsH265(payload: Uint8Array): boolean {
  const type = (payload[0]! >> 1) & 0x3f;
  if (type === 49) {
    return payload.length > 2 && (payload[2]! & 0x80) !== 0 && isH265Start(payload[2]! & 0x3f);
  }
  if (type === 48) return payload.length > 4 && isH265Start((payload[4]! >> 1) & 0x3f);
  return isH265Start(type);
}

/** BLA, IDR and CRA slices, or a VPS or SPS, which comes before one. */
function isH265Start(type: number): boolean {
  return (type >= 16 && type <= 21) || type === 32 || type === 33;
}

function startsVp8(payload: Uint8Array): boolean {
  if ((payload[0]! & 0x17) !== 0x10) return false;
  let at = 1;
  if ((payload[0]! & 0x80) !== 0) {
    const flags = payload[at++]!;
    if ((flags & 0x80) !== 0) at += ((payload[at] ?? 0) & 0x80) !== 0 ? 2 : 1;
    if ((flags & 0x40) !== 0) at++;
    if ((flags & 0x30) !== 0) at++;
  }
  // The lowest bit of a frame's header is 0 for key frames (RFC 6386, 9.1).
  return ((payload[at] ?? 1) & 1) === 0;
}

/** A sequence header, or an intra-coded frame (ISO 14496-2, 6.2). */
function startsMpeg4Video(payload: Uint8Array): boolean {
  if (payload[0] !== 0 || payload[1] !== 0 || payload[2] !== 1) return false;
  if (payload[3] === 0xb6) return ((payload[4] ?? 0xff) & 0xc0) === 0;
  return payload[3] === 0xb0 || (payload[3]! >= 0x20 && payload[3]! <= 0x2f);
}
