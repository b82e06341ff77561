import type { HlsAudioRendition, HlsVariant, writeMultivariantPlaylist } from "../hls/mod.ts";
import type { Track } from "../media/mod.ts";
import {
  codecString,
  isApartInHls,
  isCommonInHls,
  isPackedInHls,
  type UnsupportedTrack,
  whyNotHls,
} from "../transmux/mod.ts";
import type { HlsRendition } from "./hls_rendition.ts";

/** One media playlist, and the tracks in it. */
export interface HlsLine {
  readonly rendition: HlsRendition;
  readonly tracks: readonly Track[];
}

/** Bit rates to come may be above those so far. */
const BANDWIDTH_MARGIN = 1.2;

/** The tracks of each playlist; the first has video and audio. */
export function playlistTracks(tracks: readonly Track[]): {
  readonly groups: readonly (readonly Track[])[];
  readonly leftOut: readonly UnsupportedTrack[];
} {
  const leftOut: UnsupportedTrack[] = [];
  const main: Track[] = [];
  const others: Track[][] = [];
  const hasVideo = tracks.some((track) => track.kind === "video" && whyNotHls(track) === undefined);
  for (const track of tracks) {
    const reason = whyNotHls(track);
    const isFirst = !main.some(({ kind }) => kind === track.kind);
    if (reason !== undefined) leftOut.push({ track, reason });
    else if (isFirst && (!isApartInHls(track) || !hasVideo)) main.push(track);
    else if (track.kind === "audio") others.push([track]);
    else leftOut.push({ track, reason: "HLS carries one video track here: another comes first" });
  }
  return { groups: main.length === 0 ? [] : [main, ...others], leftOut };
}

/** Describes the playlists of a stream, that with the picture first; `folder` is where they are. */
export function describePlaylists(
  all: readonly HlsLine[],
  { folder, frameRate, mainName }: {
    readonly folder: string;
    readonly frameRate: number | undefined;
    /** The name of the playlist with the picture, where it is another than that of its rendition. */
    readonly mainName?: string | undefined;
  },
): Parameters<typeof writeMultivariantPlaylist>[0] {
  const common = all.filter((line) => line === all[0] || line.tracks.every(isCommonInHls));
  const variants = [variantOf(all, { folder, frameRate, mainName, group: "audio" })];
  // Players leave a variant alone whose codecs they do not all know: these have one that they do.
  if (common.length < all.length) {
    variants.push(variantOf(common, { folder, frameRate, mainName, group: "common" }));
  }
  const groups = [{ group: "audio", lines: all }, { group: "common", lines: common }];
  return {
    variants,
    audio: groups.slice(0, variants.length).flatMap(({ group, lines }) =>
      lines.length > 1 ? audioOf(lines, { folder, group }) : []
    ),
  };
}

/** The variant that plays these together. */
function variantOf(
  lines: readonly HlsLine[],
  { folder, frameRate, mainName, group }: {
    readonly folder: string;
    readonly frameRate: number | undefined;
    readonly mainName: string | undefined;
    readonly group: string;
  },
): HlsVariant {
  const [main, ...others] = lines;
  const { tracks, rendition } = main!;
  const video = tracks.find(({ kind }) => kind === "video");
  const beside = others.map(({ rendition }) => rendition.bandwidth);
  const add = (key: "peakBps" | "averageBps"): number =>
    rendition.bandwidth[key] + Math.max(0, ...beside.map((other) => other[key]));
  const hasSize = video?.width !== undefined && video.height !== undefined;
  const all = lines.flatMap(({ tracks }) => tracks);
  return {
    uri: `${folder}${mainName ?? rendition.name}.m3u8`,
    bandwidthBps: add("peakBps") * BANDWIDTH_MARGIN,
    averageBandwidthBps: add("averageBps"),
    codecs: codecsOf(all),
    ...(hasSize ? { resolution: { width: video.width!, height: video.height! } } : {}),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(others.length === 0 ? {} : { audioGroup: group }),
  };
}

/**
 * The names of codecs. Packed audio beside others goes without: browsers know its name as none of MP4, by which hls.js
 * leaves out a sound that it would play.
 */
function codecsOf(tracks: readonly Track[]): string[] {
  const named = tracks.filter((track) => tracks.length === 1 || !isPackedInHls(track));
  return [...new Set(named.flatMap((track) => codecString(track) ?? []))];
}

/** The sounds to choose from; that of the main playlist, if it has one, is the first. */
function audioOf(
  lines: readonly HlsLine[],
  { folder, group }: { readonly folder: string; readonly group: string },
): HlsAudioRendition[] {
  const main = lines[0]!;
  const withAudio = lines.filter(({ tracks }) => tracks.some(({ kind }) => kind === "audio"));
  return withAudio.map((line, index) => {
    const { channels } = line.tracks.find(({ kind }) => kind === "audio")!;
    return {
      group,
      name: `Audio ${index + 1}`,
      isDefault: index === 0,
      ...(line === main ? {} : { uri: `${folder}${line.rendition.name}.m3u8` }),
      ...(channels === undefined ? {} : { channels }),
    };
  });
}
