import type { Publication, Stream } from "../hub/mod.ts";
import { FlvRemuxer, type UnsupportedTrack } from "../transmux/mod.ts";
import type { ServerLog } from "../log/mod.ts";

/**
 * Counts the tracks that players of `format` do not get, and says so of each: once, however many players
 * and logs of the format there are.
 */
export function tellLeftOut(
  publication: Publication | undefined,
  leftOut: {
    readonly format: "rtmp" | "rtsp" | "flv" | "ts" | "mp4" | "hls";
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

/**
 * Why players of FLV's bodies, whom `players` names, can be sent nothing of a stream, in words; `undefined` where
 * they can, or where its publisher has told no tracks: what it sends is then of RTMP.
 */
export function whyNothingForFlv(
  { name, publication }: Stream,
  { players }: { readonly players: "RTMP" | "FLV" },
): string | undefined {
  const tracks = publication?.tracks ?? [];
  if (tracks.length === 0) return undefined;
  const remuxer = new FlvRemuxer();
  remuxer.setTracks(tracks);
  const { unsupported } = remuxer;
  if (unsupported.length < tracks.length) return undefined;
  const reasons = unsupported.map(({ track: { kind, id }, reason }) => `${kind} ${id}: ${reason}`);
  return `The stream ${name} has nothing that ${players} players can be sent (${
    reasons.join("; ")
  })`;
}
