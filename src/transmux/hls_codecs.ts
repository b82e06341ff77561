import type { Track } from "../media/mod.ts";
import { whyNotMp4 } from "../mp4/mod.ts";
import { codecRow } from "./codec/table.ts";

/** Why players of HLS can be sent nothing of a track, in words; `undefined` where they can. */
export function whyNotHls(track: Track): string | undefined {
  const reason = whyNotMp4(track);
  if (reason !== undefined || codecRow(track.codec)?.hls !== undefined) return reason;
  return `players of HLS know no ${track.codec}`;
}

/** Whether the players of nearly all browsers know a track's codec in MP4. */
export function isCommonInHls({ codec }: Track): boolean {
  return codecRow(codec)?.hls?.isRare !== true;
}

/** Whether the segments of this track are its bare frames instead of MP4. */
export function isPackedInHls({ codec }: Track): boolean {
  return codecRow(codec)?.hls?.isPacked === true;
}

/** Whether sound of this track is a playlist of its own where there is a picture. */
export function isApartInHls(track: Track): boolean {
  return isPackedInHls(track) || !isCommonInHls(track);
}
