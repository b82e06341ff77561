import { type Mp4InitTrack, splitBoxes } from "../mp4/mod.ts";

/** How a fragment is changed to stand in another file. */
export interface FragmentMove {
  /** Its number there. */
  readonly sequenceNumber: number;
  /** What is added to its time, milliseconds. */
  readonly byMs: number;
  /** The tracks, for their clocks. */
  readonly tracks: readonly Pick<Mp4InitTrack, "trackId" | "timescale">[];
}

/**
 * Gives a fragment (`moof` and what is around it) another number and another time: `sequence_number` of `mfhd`, and
 * `baseMediaDecodeTime` of each `tfdt` (ISO/IEC 14496-12, 8.8.5 and 8.8.12). Times below 0 become 0.
 */
export function moveFragment(bytes: Uint8Array, move: FragmentMove): Uint8Array {
  const moved = bytes.slice();
  for (const { type, content } of splitBoxes(moved)) {
    if (type !== "moof") continue;
    for (const box of splitBoxes(content)) {
      if (box.type === "mfhd") viewOf(box.content).setUint32(4, move.sequenceNumber);
      if (box.type === "traf") moveTrack(box.content, move);
    }
  }
  return moved;
}

function moveTrack(traf: Uint8Array, { byMs, tracks }: FragmentMove): void {
  const boxes = splitBoxes(traf);
  const tfhd = boxes.find(({ type }) => type === "tfhd")!;
  const tfdt = boxes.find(({ type }) => type === "tfdt");
  const trackId = viewOf(tfhd.content).getUint32(4);
  const track = tracks.find((each) => each.trackId === trackId);
  if (tfdt === undefined || track === undefined) return;
  const view = viewOf(tfdt.content);
  const by = Math.round(byMs * track.timescale / 1000);
  if (view.getUint8(0) === 1) {
    view.setBigUint64(4, BigInt(Math.max(0, Number(view.getBigUint64(4)) + by)));
  } else {
    view.setUint32(4, Math.max(0, view.getUint32(4) + by));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
