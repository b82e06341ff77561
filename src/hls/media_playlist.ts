/** A part of a resource. */
export interface HlsByteRange {
  /** Number of bytes. */
  readonly length: number;
  /** The first of them. */
  readonly offset: number;
}

/** An initialization segment. */
export interface HlsMap {
  /** Where it is, relative to the playlist. */
  readonly uri: string;
  /** What of it; all by default. */
  readonly byteRange?: HlsByteRange;
}

/** A partial segment. */
export interface HlsPart {
  /** Where it is, relative to the playlist. */
  readonly uri: string;
  /** How long it lasts, seconds. */
  readonly durationS: number;
  /** Whether it begins with a key frame. */
  readonly independent: boolean;
}

/** A segment. */
export interface HlsSegment {
  /** Where it is, relative to the playlist. */
  readonly uri: string;
  /** How long it lasts, seconds. */
  readonly durationS: number;
  /** What of the resource it is; all by default. */
  readonly byteRange?: HlsByteRange;
  /** Its initialization segment; it is written where it is another than before. */
  readonly map?: HlsMap;
  /** Whether its time or its tracks do not follow on those before. */
  readonly discontinuity?: boolean;
  /** Wall-clock time of its first sample, milliseconds since 1970. */
  readonly programDateTimeMs?: number;
  /** Its parts, where they are still to be listed. */
  readonly parts?: readonly HlsPart[];
}

/** The segment that is not whole yet. */
export interface HlsOpenSegment {
  /** Its parts so far; may be none. */
  readonly parts: readonly HlsPart[];
  /** See {@linkcode HlsSegment.map}. */
  readonly map?: HlsMap;
  /** See {@linkcode HlsSegment.discontinuity}. */
  readonly discontinuity?: boolean;
  /** See {@linkcode HlsSegment.programDateTimeMs}. */
  readonly programDateTimeMs?: number;
}

/** What another playlist of the same stream has reached. */
export interface HlsRenditionReport {
  /** Where that playlist is, relative to this one. */
  readonly uri: string;
  /** The number of its last segment, which may not be whole. */
  readonly lastMsn: number;
  /** The index of the last part in it; absent where that playlist has no parts. */
  readonly lastPart?: number;
}

/** What is special about low latency. */
export interface HlsLowLatency {
  /** The longest part, seconds. */
  readonly partTargetS: number;
  /** How far behind the end players are to stay, seconds; at least three of the longest part. */
  readonly partHoldBackS: number;
  /** What is being made: its parts stand at the end. */
  readonly open?: HlsOpenSegment;
  /** Where the next part will be. */
  readonly preloadHintUri?: string;
  /** What the other playlists have reached. */
  readonly renditionReports?: readonly HlsRenditionReport[];
}

/** What a media playlist says. */
export interface HlsMediaPlaylist {
  /** No segment is longer than this when rounded, seconds: a whole number. */
  readonly targetDurationS: number;
  /** The number of the first segment. */
  readonly mediaSequence: number;
  /** How many discontinuities there were before the first segment. 0 by default. */
  readonly discontinuitySequence?: number;
  /** The segments that are whole. */
  readonly segments: readonly HlsSegment[];
  /** `live`, by default, goes on; `ended` has gone on and does no more; `vod` never changes. */
  readonly type?: "live" | "ended" | "vod";
  /** Parts, blocking reloads and hints, where there are some. */
  readonly lowLatency?: HlsLowLatency;
  /** Whether what comes next can be waited for. By default where there are parts. */
  readonly canBlockReload?: boolean;
  /**
   * How far from the end of the playlist segments may be left out of an update, seconds; at least six target
   * durations. Not at all by default.
   */
  readonly canSkipUntilS?: number;
  /** How many of the first segments are left out, since the player has them. None by default. */
  readonly skippedSegments?: number;
}

/** That of delta updates and parts. */
const VERSION = 9;
/** That of initialization segments and byte ranges. */
const PLAIN_VERSION = 6;

/**
 * Writes a media playlist (RFC 8216bis, 4.4).
 *
 * @example
 * ```ts
 * import { writeMediaPlaylist } from "@weir/server/hls";
 *
 * const text = writeMediaPlaylist({
 *   targetDurationS: 2,
 *   mediaSequence: 7,
 *   segments: [{ uri: "7.m4s", durationS: 2, map: { uri: "init.mp4" } }],
 * });
 * console.log(text.split("\n").slice(-3)); // [ "#EXTINF:2.00000,", "7.m4s", "" ]
 * ```
 */
export function writeMediaPlaylist(playlist: HlsMediaPlaylist): string {
  const { segments, lowLatency, type = "live", skippedSegments = 0 } = playlist;
  const lines = headLines(playlist);
  let map = skippedSegments > 0 ? segments[skippedSegments - 1]?.map : undefined;
  if (skippedSegments > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skippedSegments}`);
  for (const segment of segments.slice(skippedSegments)) {
    pushSegmentHead(lines, segment, map);
    map = segment.map ?? map;
    for (const part of segment.parts ?? []) lines.push(partLine(part));
    lines.push(`#EXTINF:${seconds(segment.durationS)},`);
    if (segment.byteRange !== undefined) {
      lines.push(`#EXT-X-BYTERANGE:${rangeText(segment.byteRange)}`);
    }
    lines.push(segment.uri);
  }
  if (lowLatency !== undefined && type === "live") pushOpen(lines, lowLatency, map);
  if (type !== "live") lines.push("#EXT-X-ENDLIST");
  for (const { uri, lastMsn, lastPart } of lowLatency?.renditionReports ?? []) {
    const part = lastPart === undefined ? "" : `,LAST-PART=${lastPart}`;
    lines.push(`#EXT-X-RENDITION-REPORT:URI="${uri}",LAST-MSN=${lastMsn}${part}`);
  }
  return `${lines.join("\n")}\n`;
}

function headLines(playlist: HlsMediaPlaylist): string[] {
  const { targetDurationS, mediaSequence, discontinuitySequence = 0, lowLatency } = playlist;
  const { type = "live", canSkipUntilS, canBlockReload = lowLatency !== undefined } = playlist;
  const isPlain = lowLatency === undefined && canSkipUntilS === undefined;
  const lines = [
    "#EXTM3U",
    `#EXT-X-VERSION:${isPlain ? PLAIN_VERSION : VERSION}`,
    `#EXT-X-TARGETDURATION:${targetDurationS}`,
  ];
  if (type === "vod") lines.push("#EXT-X-PLAYLIST-TYPE:VOD");
  const control = [
    ...(canBlockReload ? ["CAN-BLOCK-RELOAD=YES"] : []),
    ...(lowLatency === undefined ? [] : [
      `PART-HOLD-BACK=${seconds(lowLatency.partHoldBackS)}`,
    ]),
    ...(canSkipUntilS === undefined ? [] : [`CAN-SKIP-UNTIL=${seconds(canSkipUntilS)}`]),
  ];
  if (control.length > 0) lines.push(`#EXT-X-SERVER-CONTROL:${control.join(",")}`);
  if (lowLatency !== undefined) {
    lines.push(`#EXT-X-PART-INF:PART-TARGET=${seconds(lowLatency.partTargetS)}`);
  }
  lines.push(`#EXT-X-MEDIA-SEQUENCE:${mediaSequence}`);
  if (discontinuitySequence > 0) {
    lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuitySequence}`);
  }
  return lines;
}

function pushSegmentHead(
  lines: string[],
  { discontinuity, map, programDateTimeMs }: Omit<HlsOpenSegment, "parts">,
  mapBefore: HlsMap | undefined,
): void {
  if (discontinuity) lines.push("#EXT-X-DISCONTINUITY");
  const isNew = map !== undefined &&
    (map.uri !== mapBefore?.uri || map.byteRange?.offset !== mapBefore.byteRange?.offset);
  if (isNew) {
    const range = map.byteRange === undefined ? "" : `,BYTERANGE="${rangeText(map.byteRange)}"`;
    lines.push(`#EXT-X-MAP:URI="${map.uri}"${range}`);
  }
  if (programDateTimeMs !== undefined) {
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(programDateTimeMs).toISOString()}`);
  }
}

function pushOpen(
  lines: string[],
  { open, preloadHintUri }: HlsLowLatency,
  map: HlsMap | undefined,
): void {
  if (open !== undefined && open.parts.length > 0) {
    pushSegmentHead(lines, open, map);
    for (const part of open.parts) lines.push(partLine(part));
  }
  if (preloadHintUri !== undefined) {
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${preloadHintUri}"`);
  }
}

function partLine({ uri, durationS, independent }: HlsPart): string {
  const flag = independent ? ",INDEPENDENT=YES" : "";
  return `#EXT-X-PART:DURATION=${seconds(durationS)},URI="${uri}"${flag}`;
}

function rangeText({ length, offset }: HlsByteRange): string {
  return `${length}@${offset}`;
}

function seconds(value: number): string {
  return value.toFixed(5);
}
