import type { Publication } from "../hub/mod.ts";
import type { UnsupportedTrack } from "../transmux/mod.ts";
import type { ServerLog } from "../log/mod.ts";

/**
 * Counts the tracks that players of `format` do not get, and says so of each: once, however many players
 * and logs of the format there are.
 */
export function tellLeftOut(
  publication: Publication | undefined,
  leftOut: {
    readonly format: "rtmp" | "rtsp";
    readonly tracks: readonly UnsupportedTrack[];
    readonly log: ServerLog;
  },
): void {
  const { format, tracks, log } = leftOut;
  for (const { track: { kind, id, codec }, reason } of tracks) {
    if (!publication?.leaveOut({ format, kind, track: id, codec, reason })) continue;
    log.warn(`a track is left out for ${format} players`, {
      stream: publication.stream.name,
      track: `${kind} ${id}`,
      codec: codec ?? "unknown",
      reason,
    });
  }
}
