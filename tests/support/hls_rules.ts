/** The rules of RFC 8216bis that playlists of a live stream must hold, one by one and from one to the next. */
import { assert, assertEquals } from "@std/assert";
import { parse, setOptions } from "./hls_parser.ts";

export interface ReadPart {
  readonly uri: string;
  readonly durationS: number;
  readonly independent: boolean;
}

export interface ReadSegment {
  readonly msn: number;
  readonly uri: string;
  readonly durationS: number;
  readonly map: string | undefined;
  readonly discontinuity: boolean;
  readonly programDateTimeMs: number | undefined;
  readonly parts: readonly ReadPart[];
}

/** A media playlist, as read line by line. */
export interface ReadPlaylist {
  readonly version: number;
  readonly targetDurationS: number;
  readonly partTargetS: number | undefined;
  readonly partHoldBackS: number | undefined;
  readonly canSkipUntilS: number | undefined;
  readonly canBlock: boolean;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly skipped: number;
  readonly segments: readonly ReadSegment[];
  readonly openParts: readonly ReadPart[];
  readonly hint: string | undefined;
  readonly reports: readonly string[];
  readonly isEnded: boolean;
}

/** Reads a media playlist; hls-parser must be able to read it too, and finds no fault in it where `strict`. */
export function readPlaylist(text: string, { strict = true } = {}): ReadPlaylist {
  setOptions({ strictMode: strict, silent: true });
  parse(text);
  const lines = text.split("\n");
  assertEquals(lines[0], "#EXTM3U");
  assertEquals(lines.at(-1), "");
  const valueOf = (tag: string): string | undefined =>
    lines.find((line) => line.startsWith(`#${tag}:`))?.slice(tag.length + 2);
  const control = attributes(valueOf("EXT-X-SERVER-CONTROL") ?? "");
  const mediaSequence = Number(valueOf("EXT-X-MEDIA-SEQUENCE") ?? 0);
  const skipped = Number(attributes(valueOf("EXT-X-SKIP") ?? "")["SKIPPED-SEGMENTS"] ?? 0);
  const segments: ReadSegment[] = [];
  let map: string | undefined;
  let head = { discontinuity: false, programDateTimeMs: undefined as number | undefined };
  let parts: ReadPart[] = [];
  let durationS: number | undefined;
  for (const line of lines.slice(1)) {
    const [, tag, value = ""] = /^#([^:]+):?(.*)$/.exec(line) ?? [];
    if (tag === "EXT-X-MAP") map = attributes(value)["URI"];
    else if (tag === "EXT-X-DISCONTINUITY") head = { ...head, discontinuity: true };
    else if (tag === "EXT-X-PROGRAM-DATE-TIME") {
      head = { ...head, programDateTimeMs: Date.parse(value) };
    } else if (tag === "EXT-X-PART") parts.push(readPart(value));
    else if (tag === "EXTINF") durationS = Number.parseFloat(value);
    else if (line !== "" && tag === undefined) {
      assert(durationS !== undefined, `${line} has no EXTINF`);
      const msn = mediaSequence + skipped + segments.length;
      segments.push({ msn, uri: line, durationS, map, ...head, parts });
      head = { discontinuity: false, programDateTimeMs: undefined };
      parts = [];
      durationS = undefined;
    }
  }
  const hint = attributes(valueOf("EXT-X-PRELOAD-HINT") ?? "");
  return {
    version: Number(valueOf("EXT-X-VERSION")),
    targetDurationS: Number(valueOf("EXT-X-TARGETDURATION")),
    partTargetS: numberOf(attributes(valueOf("EXT-X-PART-INF") ?? "")["PART-TARGET"]),
    partHoldBackS: numberOf(control["PART-HOLD-BACK"]),
    canSkipUntilS: numberOf(control["CAN-SKIP-UNTIL"]),
    canBlock: control["CAN-BLOCK-RELOAD"] === "YES",
    mediaSequence,
    discontinuitySequence: Number(valueOf("EXT-X-DISCONTINUITY-SEQUENCE") ?? 0),
    skipped,
    segments,
    openParts: parts,
    hint: hint["URI"],
    reports: lines.filter((line) => line.startsWith("#EXT-X-RENDITION-REPORT:")),
    isEnded: lines.includes("#EXT-X-ENDLIST"),
  };
}

/** What holds of any playlist by itself. */
export function checkPlaylist(playlist: ReadPlaylist): void {
  const { targetDurationS, partTargetS = 0, segments, openParts, skipped } = playlist;
  assert(Number.isInteger(targetDurationS) && targetDurationS > 0, "TARGETDURATION");
  assert(playlist.version >= 9, `version ${playlist.version}`);
  // Packed audio has no initialization segments (3.4).
  const isPacked = segments.every(({ uri }) => uri.endsWith(".mp3"));
  for (const { durationS, msn, map, parts } of segments) {
    assert(Math.round(durationS) <= targetDurationS, `segment ${msn} lasts ${durationS} s`);
    assert(isPacked || skipped > 0 || map !== undefined, `segment ${msn} has no EXT-X-MAP`);
    if (parts.length === 0) continue;
    const sumS = parts.reduce((sum, part) => sum + part.durationS, 0);
    assert(Math.abs(sumS - durationS) < 0.001, `the parts of ${msn} last ${sumS} s`);
    for (const { durationS } of parts.slice(0, -1)) {
      assert(durationS >= 0.85 * partTargetS, `a part of ${msn} lasts ${durationS} s`);
    }
  }
  for (const part of [...segments.flatMap(({ parts }) => parts), ...openParts]) {
    assert(part.durationS <= partTargetS, `${part.uri} lasts ${part.durationS} s`);
  }
  if (playlist.partHoldBackS !== undefined) {
    assert(
      playlist.partHoldBackS >= 3 * partTargetS - 5e-5,
      `${playlist.partHoldBackS} for parts of ${partTargetS} s`,
    );
  }
  if (playlist.canSkipUntilS !== undefined) {
    assert(playlist.canSkipUntilS >= 6 * targetDurationS, "CAN-SKIP-UNTIL");
  }
  const isHinted = partTargetS > 0 && !playlist.isEnded;
  assertEquals(playlist.hint !== undefined, isHinted, "a hint as long as it goes on");
}

/** What holds from one playlist of a stream to a later one (6.2.1). */
export function checkUpdate(before: ReadPlaylist, after: ReadPlaylist): void {
  assertEquals(after.targetDurationS, before.targetDurationS);
  assertEquals(after.partTargetS, before.partTargetS);
  assert(after.mediaSequence >= before.mediaSequence);
  const gone = before.segments.filter(({ msn }) => msn < after.mediaSequence);
  const discontinuities = gone.filter(({ discontinuity }) => discontinuity).length;
  if (after.mediaSequence <= before.mediaSequence + before.segments.length + before.skipped) {
    assert(after.discontinuitySequence >= before.discontinuitySequence + discontinuities);
  }
  for (const segment of before.segments) {
    const same = after.segments.find(({ msn }) => msn === segment.msn);
    if (same === undefined) continue;
    const { parts: _, ...told } = segment;
    const { parts, ...now } = same;
    if (after.skipped > 0) assertEquals({ ...now, map: told.map }, told);
    else assertEquals(now, told);
    if (parts.length > 0) assertEquals(parts, segment.parts);
  }
  const became = after.segments.find(({ msn }) =>
    msn === before.mediaSequence + before.skipped + before.segments.length
  );
  if (became !== undefined && became.parts.length > 0) {
    assertEquals(became.parts.slice(0, before.openParts.length), before.openParts);
  }
}

function readPart(value: string): ReadPart {
  const { URI, DURATION, INDEPENDENT } = attributes(value);
  return { uri: URI!, durationS: Number(DURATION), independent: INDEPENDENT === "YES" };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** `NAME=value,OTHER="quoted"`. */
export function attributes(text: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(text.matchAll(/([A-Z0-9-]+)=("[^"]*"|[^,]*)/g), ([, name, value]) => [
      name!,
      value!.replaceAll('"', ""),
    ]),
  );
}
