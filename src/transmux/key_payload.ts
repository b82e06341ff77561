import { startsRandomAccess } from "../rtp/mod.ts";

/**
 * Whether an RTP payload begins a picture at which decoding can start. Of what is not known, each is as
 * good a start as the other.
 */
export function startsKeyFrame(encodingName: string, payload: Uint8Array): boolean {
  switch (encodingName.toUpperCase()) {
    case "MP4V-ES":
      return hasIntraVop(payload);
    case "VP9":
      return startsVp9KeyFrame(payload);
    default:
      return startsRandomAccess(encodingName, payload) ?? true;
  }
}

const VOP_START = 0xb6;
/** `vop_coding_type` I in the top two bits of the byte behind the start code (ISO 14496-2, 6.2.5). */
const INTRA = 0;

/** Looks for the start of a picture behind whatever headers and user data come before it. */
function hasIntraVop(payload: Uint8Array): boolean {
  for (let at = payload.indexOf(1, 2); at >= 0; at = payload.indexOf(1, at + 1)) {
    if (payload[at - 1] !== 0 || payload[at - 2] !== 0 || payload[at + 1] !== VOP_START) continue;
    return (payload[at + 2] ?? 0xff) >> 6 === INTRA;
  }
  return false;
}

/** Bits of VP9's payload descriptor (RFC 9628, 4.2). */
const Vp9 = {
  pictureId: 0x80,
  interPredicted: 0x40,
  layer: 0x20,
  flexible: 0x10,
  beginsFrame: 0x08,
  structure: 0x02,
} as const;

/** FFmpeg calls no picture inter-predicted: the header of the frame itself must tell. */
function startsVp9KeyFrame(payload: Uint8Array): boolean {
  const flags = payload[0] ?? 0;
  if ((flags & Vp9.beginsFrame) === 0 || (flags & Vp9.interPredicted) !== 0) return false;
  let at = 1;
  if (flags & Vp9.pictureId) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
  if (flags & Vp9.layer) at += flags & Vp9.flexible ? 1 : 2;
  if (flags & Vp9.structure) at = vp9StructureEnd(payload, at);
  return isVp9Key(payload[at] ?? 0xff);
}

function vp9StructureEnd(payload: Uint8Array, start: number): number {
  const header = payload[start] ?? 0;
  let at = start + 1;
  if (header & 0x10) at += 4 * ((header >> 5) + 1);
  if (header & 0x08) {
    for (let left = payload[at++] ?? 0; left > 0; left--) at += 1 + (((payload[at] ?? 0) >> 2) & 3);
  }
  return at;
}

/** Frame marker, profile, `show_existing_frame`, `frame_type` (VP9 bitstream specification, 6.2). */
function isVp9Key(first: number): boolean {
  const isProfile3 = (first & 0x30) === 0x30;
  const showsExisting = (first & (isProfile3 ? 0x04 : 0x08)) !== 0;
  const isInter = (first & (isProfile3 ? 0x02 : 0x04)) !== 0;
  return first >> 6 === 2 && !showsExisting && !isInter;
}
