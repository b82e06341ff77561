import { concat } from "@std/bytes/concat";
import {
  type HlsMap,
  type HlsMediaPlaylist,
  type HlsOpenSegment,
  type HlsPart,
  type HlsRenditionReport,
  writeMediaPlaylist,
} from "../hls/mod.ts";
import type { CutFragment } from "../transmux/mod.ts";

/** A file that players fetch: an initialization segment, a segment or a part. */
export interface HlsFile {
  /** Its bytes; shared and read-only. */
  readonly bytes: Uint8Array;
  /** `video/mp4`, `audio/mp4`, or `audio/mpeg` of packed audio. */
  readonly contentType: string;
}

/** What a file name of a rendition names. */
export type HlsFileName =
  | { readonly is: "init"; readonly index: number }
  | { readonly is: "segment"; readonly msn: number }
  | { readonly is: "part"; readonly msn: number; readonly part: number };

interface StoredPart extends HlsPart {
  readonly bytes: Uint8Array;
}

/** What the files of a rendition are called; packed audio has no initialization segments. */
export type HlsFileEnd = "m4s" | "mp3";

interface StoredSegment {
  readonly msn: number;
  readonly end: HlsFileEnd;
  readonly map: HlsMap | undefined;
  readonly discontinuity: boolean;
  readonly programDateTimeMs: number;
  readonly parts: StoredPart[];
  durationS: number;
  size: number;
  /** All parts one behind the other, once it is whole. */
  bytes: Uint8Array | undefined;
}

/** What a rendition is made of. */
export interface HlsRenditionOptions {
  /** Its name in addresses: `main`, `audio1`. */
  readonly name: string;
  /** A word that no other packaging of the stream has had, so that addresses are never used again. */
  readonly id: string;
  /** What its files of MP4 are. */
  readonly contentType: string;
  /** Segments that are listed. */
  readonly listedSegments: number;
  /** Bytes of all segments, beyond which the oldest are dropped. */
  readonly maxBytes: number;
  /** The number of the first segment; 0 by default. */
  readonly first?: number;
  /**
   * Whether each part is a segment, which can be waited for and stays until `retireBelow` takes it off the playlist: for
   * packed audio. hls.js plays no parts of that: it sets the first of a segment to its time, and the others to that again.
   */
  readonly isInPieces?: boolean;
}

/** What the playlists of all renditions of a stream share. */
export interface HlsPlaylistTerms {
  readonly targetDurationS: number;
  readonly partTargetS: number;
  readonly isEnded: boolean;
  /** How much further behind the end players are to stay than parts need it, seconds. */
  readonly furtherBackS: number;
  readonly reports: readonly HlsRenditionReport[];
}

/** Parts are listed for so many target durations from the end. */
const LISTED_PARTS_TARGETS = 3;
/** Whole segments whose parts are listed: players of low latency are never further behind. */
const LISTED_PARTS_SEGMENTS = 2;
/** Updates may leave out what is further from the end than so many target durations, the least that is allowed. */
const SKIP_TARGETS = 6;
/** Parts that players stay behind the end: three is the least that is advised. */
const HOLD_BACK_PARTS = 3;
/** Segments that are kept whatever their bytes: less is no playlist. */
const LEAST_SEGMENTS = 3;

/** One media playlist with its segments and parts, in memory. */
export class HlsRendition {
  /** Its name in addresses. */
  readonly name: string;
  readonly #options: HlsRenditionOptions;
  readonly #inits: { index: number; bytes: Uint8Array }[] = [];
  #end: HlsFileEnd = "m4s";
  /** The segments that are whole and listed, the oldest first. */
  #listed: StoredSegment[] = [];
  /** Those that have left the playlist, and are there still for who has the playlist of before. */
  #retired: StoredSegment[] = [];
  #open: StoredSegment | undefined;
  #nextMsn: number;
  #discontinuities = 0;
  #bytes = 0;
  #texts = new Map<string, Uint8Array>();

  /** Begins with nothing. */
  constructor(options: HlsRenditionOptions) {
    this.#options = options;
    this.#nextMsn = options.first ?? 0;
    this.name = options.name;
  }

  /** Bytes that it holds. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** Whether a segment is whole. */
  get hasSegment(): boolean {
    return this.#listed.length > 0;
  }

  /** Whether it is packed audio now: whole segments alone. */
  get isPacked(): boolean {
    return this.#end === "mp3";
  }

  /** Whether a segment was made, or is being made. */
  get hasBegun(): boolean {
    return this.#nextMsn > (this.#options.first ?? 0);
  }

  /** The number of the segment that is being made, or is to be. */
  get openMsn(): number {
    return this.#open?.msn ?? this.#nextMsn;
  }

  /** Parts of the segment that is being made. */
  get openParts(): number {
    return this.#open?.parts.length ?? 0;
  }

  /** Bytes of the segment that is being made. */
  get openBytes(): number {
    return this.#open?.size ?? 0;
  }

  /** The segments that are listed. */
  get segments(): readonly {
    readonly durationS: number;
    readonly size: number;
    readonly parts: readonly HlsPart[];
  }[] {
    return this.#listed;
  }

  /** Has what comes be of another initialization segment, or, without one, packed audio. */
  begin(init: Uint8Array | undefined): void {
    this.#end = init === undefined ? "mp3" : "m4s";
    if (init === undefined) return;
    const index = (this.#inits.at(-1)?.index ?? -1) + 1;
    this.#inits.push({ index, bytes: init });
    this.#bytes += init.length;
  }

  /** Adds a part; the first of a segment opens it. */
  addPart(
    { bytes, durationUs, keyFrame }: CutFragment,
    about: { readonly programDateTimeMs: number; readonly discontinuity: boolean },
  ): void {
    const open = this.#open ??= this.#newSegment(about);
    const durationS = durationUs / 1_000_000;
    const uri = this.#uri(`${open.msn}.${open.parts.length}.${open.end}`);
    open.parts.push({ uri, durationS, independent: keyFrame, bytes });
    open.durationS += durationS;
    open.size += bytes.length;
    this.#bytes += bytes.length;
    this.#texts.clear();
    if (this.#options.isInPieces) this.endSegment();
  }

  /** Takes the segments off the playlist that are below this one. */
  retireBelow(msn: number): void {
    const listed = Math.max(LEAST_SEGMENTS, this.#listed.filter((one) => one.msn >= msn).length);
    this.#retireTo({ listed, retired: listed + 1 });
    this.#texts.clear();
  }

  /** Ends the segment that is being made, if it has a part. */
  endSegment(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.bytes = concat(open.parts.map(({ bytes }) => bytes));
    // Parts are views from here on: nothing is held twice.
    let at = 0;
    for (const [index, part] of open.parts.entries()) {
      const end = at + part.bytes.length;
      open.parts[index] = { ...part, bytes: open.bytes.subarray(at, end) };
      at = end;
    }
    this.#listed.push(open);
    this.#retireOld();
    this.#texts.clear();
  }

  /** Lets go of all but the segments that a playlist has at least. */
  shed(): void {
    this.#retireTo({ listed: LEAST_SEGMENTS, retired: 0 });
    this.#texts.clear();
  }

  /** Whether the playlist holds a part, or, where that is not given, the whole segment. */
  has({ msn, part }: { readonly msn: number; readonly part?: number | undefined }): boolean {
    const { openMsn } = this;
    if (msn < openMsn) {
      if (part === undefined || msn < openMsn - 1) return true;
      // A part behind the last one of a segment is the first of the next.
      const parts = this.#listed.at(-1)?.parts.length ?? Infinity;
      return part < parts || this.openParts > 0;
    }
    return msn === openMsn && part !== undefined && part < this.openParts;
  }

  /** Reads the name of a file; `undefined` where it is none of this rendition. */
  nameOf(file: string): HlsFileName | undefined {
    const prefix = this.#uri("");
    if (!file.startsWith(prefix)) return undefined;
    const match = /^(?:init(\d{1,9})\.mp4|(\d{1,15})(?:\.(\d{1,9}))?\.(?:m4s|mp3))$/
      .exec(file.slice(prefix.length));
    if (match === null) return undefined;
    const [, init, msn, part] = match;
    if (init !== undefined) return { is: "init", index: Number(init) };
    return part === undefined
      ? { is: "segment", msn: Number(msn) }
      : { is: "part", msn: Number(msn), part: Number(part) };
  }

  /** The bytes of a file, where there is such. */
  file(name: HlsFileName): HlsFile | undefined {
    const bytes = this.#bytesOf(name);
    const isPacked = name.is !== "init" && this.#segment(name.msn)?.end === "mp3";
    return bytes && { bytes, contentType: isPacked ? "audio/mpeg" : this.#options.contentType };
  }

  /** What the other playlists say of this one. */
  get report(): HlsRenditionReport {
    if (this.isPacked) return { uri: `${this.name}.m3u8`, lastMsn: this.openMsn - 1 };
    const isOpen = this.openParts > 0 || this.#listed.length === 0;
    const lastMsn = isOpen ? this.openMsn : this.openMsn - 1;
    const parts = isOpen ? this.openParts : this.#listed.at(-1)!.parts.length;
    return { uri: `${this.name}.m3u8`, lastMsn, lastPart: Math.max(0, parts - 1) };
  }

  /** The playlist as it is now, encoded once for all who ask for it until it changes. */
  playlist(terms: HlsPlaylistTerms, { skips }: { readonly skips: boolean }): Uint8Array {
    const key = `${skips} ${terms.isEnded} ${terms.furtherBackS}`;
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const text = writeMediaPlaylist(this.#describe(terms, skips));
    const bytes = new TextEncoder().encode(text);
    this.#texts.set(key, bytes);
    return bytes;
  }

  /** The bits a second of the segments, at most and on average. */
  get bandwidth(): { readonly peakBps: number; readonly averageBps: number } {
    let peakBps = 0, size = 0, durationS = 0;
    for (const segment of this.#listed) {
      peakBps = Math.max(peakBps, (segment.size * 8) / segment.durationS);
      size += segment.size;
      durationS += segment.durationS;
    }
    return { peakBps, averageBps: durationS === 0 ? 0 : (size * 8) / durationS };
  }

  #describe(terms: HlsPlaylistTerms, skips: boolean): HlsMediaPlaylist {
    const { targetDurationS, partTargetS, furtherBackS, isEnded, reports } = terms;
    const segments = this.#listed;
    const open = this.#open;
    // How far the start of each segment is from the end of the playlist.
    let behindS = open?.durationS ?? 0;
    const fromEnd = new Map<StoredSegment, number>();
    for (const segment of segments.toReversed()) {
      behindS += segment.durationS;
      fromEnd.set(segment, behindS);
    }
    // Pieces of packed audio lose their time in browsers, which generate it: they play whole segments.
    const hasParts = !this.isPacked;
    const canBlockReload = hasParts || this.#options.isInPieces === true;
    const canSkipUntilS = SKIP_TARGETS * targetDurationS;
    const old = segments.filter((segment) => fromEnd.get(segment)! > canSkipUntilS);
    const recent = segments.slice(-LISTED_PARTS_SEGMENTS);
    const listsParts = (segment: StoredSegment): boolean =>
      hasParts && !isEnded && recent.includes(segment) &&
      fromEnd.get(segment)! <= LISTED_PARTS_TARGETS * targetDurationS;
    return {
      targetDurationS,
      type: isEnded ? "ended" : "live",
      mediaSequence: segments[0]?.msn ?? this.openMsn,
      discontinuitySequence: this.#discontinuities,
      ...(canBlockReload ? { canBlockReload, canSkipUntilS } : {}),
      skippedSegments: skips && canBlockReload ? old.length : 0,
      segments: segments.map((segment) => ({
        uri: this.#uri(`${segment.msn}.${segment.end}`),
        durationS: segment.durationS,
        ...(segment.map === undefined ? {} : { map: segment.map }),
        discontinuity: segment.discontinuity,
        programDateTimeMs: segment.programDateTimeMs,
        ...(listsParts(segment) ? { parts: segment.parts } : {}),
      })),
      ...(!hasParts ? {} : {
        lowLatency: {
          partTargetS,
          partHoldBackS: HOLD_BACK_PARTS * partTargetS + furtherBackS,
          ...(open === undefined ? {} : { open: openOf(open) }),
          preloadHintUri: this.#uri(`${this.openMsn}.${this.openParts}.${open?.end ?? this.#end}`),
          renditionReports: reports.filter(({ uri }) => uri !== `${this.name}.m3u8`),
        },
      }),
    };
  }

  #uri(rest: string): string {
    return `${this.name}.${this.#options.id}.${rest}`;
  }

  #newSegment(
    about: { readonly programDateTimeMs: number; readonly discontinuity: boolean },
  ): StoredSegment {
    const init = this.#end === "m4s" ? this.#inits.at(-1) : undefined;
    return {
      ...about,
      msn: this.#nextMsn++,
      end: this.#end,
      map: init && { uri: this.#uri(`init${init.index}.mp4`) },
      parts: [],
      durationS: 0,
      size: 0,
      bytes: undefined,
    };
  }

  #bytesOf(name: HlsFileName): Uint8Array | undefined {
    if (name.is === "init") {
      return this.#inits.find(({ index }) => index === name.index)?.bytes;
    }
    const segment = this.#segment(name.msn);
    return name.is === "segment" ? segment?.bytes : segment?.parts[name.part]?.bytes;
  }

  #segment(msn: number): StoredSegment | undefined {
    if (this.#open?.msn === msn) return this.#open;
    const isMsn = (segment: StoredSegment): boolean => segment.msn === msn;
    return this.#listed.find(isMsn) ?? this.#retired.find(isMsn);
  }

  /** Takes segments off the playlist, and drops those that no player can know any longer (6.2.2). */
  #retireOld(): void {
    const { listedSegments, maxBytes, isInPieces = false } = this.#options;
    let listed = Math.min(this.#listed.length, isInPieces ? Infinity : listedSegments);
    let bytes = this.#listed.slice(-listed).reduce((sum, { size }) => sum + size, 0);
    while (listed > LEAST_SEGMENTS && bytes > maxBytes / 2) {
      bytes -= this.#listed.at(-listed--)!.size;
    }
    this.#retireTo({ listed, retired: listed + 1 });
    while (this.#retired.length > 0 && this.#bytes > maxBytes) this.#drop();
    this.#dropInits();
  }

  /** Leaves so many segments in the playlist, and so many behind it. */
  #retireTo({ listed, retired }: { readonly listed: number; readonly retired: number }): void {
    while (this.#listed.length > listed) {
      const old = this.#listed.shift()!;
      if (old.discontinuity) this.#discontinuities++;
      this.#retired.push(old);
    }
    while (this.#retired.length > retired) this.#drop();
    this.#dropInits();
  }

  #drop(): void {
    this.#bytes -= this.#retired.shift()!.size;
  }

  /** Drops the initialization segments that no segment is read with. */
  #dropInits(): void {
    const used = new Set([...this.#retired, ...this.#listed].map(({ map }) => map?.uri));
    while (
      this.#inits.length > 1 && !used.has(this.#uri(`init${this.#inits[0]!.index}.mp4`))
    ) this.#bytes -= this.#inits.shift()!.bytes.length;
  }
}

function openOf({ map, ...segment }: StoredSegment): HlsOpenSegment {
  return map === undefined ? segment : { ...segment, map };
}
