import { concat } from "@std/bytes/concat";
import type { Track, TrackKind } from "../media/mod.ts";
import { PacketWriter, TS_PACKET_BYTES } from "./packet_writer.ts";
import {
  buildPatSection,
  buildPmtSection,
  type ElementaryStream,
  PAT_PID,
  PMT_PID,
} from "./program_tables.ts";
import { type StreamForm, streamFormOf, type TsFrameParts } from "./stream_forms.ts";

/** A frame that is to be written. */
export interface TsFrame extends TsFrameParts {
  /** What kind its track is of. */
  readonly kind: TrackKind;
  /** Id of its track, unique within `kind`. */
  readonly track: number;
  /** Decoding time in microseconds. */
  readonly dtsUs: number;
  /** Presentation time in microseconds. */
  readonly ptsUs: number;
}

/** A track that is left out, and why. */
export interface TsLeftOut {
  /** The track. */
  readonly track: Track;
  /** Why, in words for a log line. */
  readonly reason: string;
}

interface OutputStream extends ElementaryStream {
  readonly track: Track;
  readonly form: StreamForm;
  readonly streamId: number;
}

/** The first packet identifier of media. */
const FIRST_PID = 0x100;
/** Tracks in a program map of one packet. */
const MAX_TRACKS = 12;
/** All times are this much later, so that clocks that precede the first one are not before 0. */
const START_US = 1_000_000;
/** How long before its decoding a frame arrives by the program clock: what tracks may be apart. */
const CLOCK_LEAD_US = 100_000;
/** The clock is told this often; it must be each 100 ms (2.7.2), and DVB asks for 40. */
const CLOCK_INTERVAL_US = 35_000;

/**
 * Writes an MPEG transport stream (ISO/IEC 13818-1): H.264, H.265, AAC, MP3, Opus, AC-3 and E-AC-3, any number of audio
 * tracks and of video tracks.
 *
 * Frames become PES packets at once. Players can begin wherever {@linkcode TsMuxer.tables} stand in front of a key frame.
 * Times wrap at 33 bits, as the format has them.
 *
 * @example
 * ```ts
 * import { TsMuxer } from "@weir/server/ts";
 *
 * const track = { kind: "audio", id: 0, codec: "aac", config: new Uint8Array([0x12, 0x10]) } as const;
 * const muxer = new TsMuxer([track]);
 * const frame = { kind: "audio", track: 0, dtsUs: 0, ptsUs: 0, keyFrame: true } as const;
 * const bytes = [
 *   muxer.tables(),
 *   muxer.write({ ...frame, parts: [new Uint8Array([0x21, 0x10])] }),
 * ];
 * console.log(bytes.map(({ length }) => length)); // [ 376, 188 ]
 * ```
 */
export class TsMuxer {
  readonly #packets = new PacketWriter();
  #streams: OutputStream[] = [];
  #leftOut: TsLeftOut[] = [];
  #pmt: Uint8Array = new Uint8Array(0);
  #version = -1;
  #pcrPid = 0;
  #clockUs: number | undefined;

  /** Begins with `tracks`. */
  constructor(tracks: readonly Track[]) {
    this.setTracks(tracks);
  }

  /** The tracks that MPEG-TS cannot carry. */
  get leftOut(): readonly TsLeftOut[] {
    return this.#leftOut;
  }

  /** Whether frames of a track are written. */
  carries(kind: TrackKind, id: number): boolean {
    return this.#streamOf(kind, id) !== undefined;
  }

  /**
   * Says which tracks there are from here on. What stays keeps its packet identifier; where the program map changes,
   * its version does, and the caller is to write {@linkcode TsMuxer.tables} anew.
   */
  setTracks(tracks: readonly Track[]): void {
    const before = this.#streams;
    this.#streams = [];
    this.#leftOut = [];
    for (const track of tracks) {
      const form = streamFormOf(track);
      if (typeof form === "string") this.#leftOut.push({ track, reason: form });
      else if (this.#streams.length === MAX_TRACKS) {
        this.#leftOut.push({ track, reason: `a program has ${MAX_TRACKS} tracks here` });
      } else this.#streams.push(this.#outputOf(track, { form, before }));
    }
    this.#pcrPid = (this.#streams.find(isVideo) ?? this.#streams[0])?.pid ?? 0x1fff;
    const version = (this.#version + 1) & 31;
    const pmt = buildPmtSection(this.#streams, { pcrPid: this.#pcrPid, version: 0 });
    if (sameBytes(pmt, this.#pmt)) return;
    this.#pmt = pmt;
    this.#version = version;
  }

  /** The program association and program map tables: before each place where players can begin. */
  tables(): Uint8Array {
    return this.#tables(this.#packets);
  }

  /** The tables for one player, beside what all are sent: their counters begin at 0. */
  tablesAside(): Uint8Array {
    return this.#tables(new PacketWriter());
  }

  /**
   * The packets of a frame, with the program clock where it is due; empty for a track that is left out.
   *
   * @throws {RangeError} if an AAC frame is longer than ADTS allows, or audio than a PES packet
   */
  write(frame: TsFrame): Uint8Array {
    const stream = this.#streamOf(frame.kind, frame.track);
    if (stream === undefined) return new Uint8Array(0);
    const payload = stream.form.payload(frame, stream.track);
    const clock = this.#clockAt(frame);
    const isOwnClock = stream.pid === this.#pcrPid;
    const bytes = this.#packets.pes(stream.pid, {
      streamId: stream.streamId,
      pts: ticksOf(frame.ptsUs),
      dts: ticksOf(frame.dtsUs),
      payload,
      randomAccess: frame.keyFrame,
      ...(clock !== undefined && isOwnClock ? { clock } : {}),
    });
    return clock === undefined || isOwnClock
      ? bytes
      : concat([this.#packets.clock(this.#pcrPid, clock), bytes]);
  }

  #tables(packets: PacketWriter): Uint8Array {
    const { version, pcrPid } = { version: this.#version, pcrPid: this.#pcrPid };
    return concat([
      packets.section(PAT_PID, buildPatSection()),
      packets.section(PMT_PID, buildPmtSection(this.#streams, { pcrPid, version })),
    ]);
  }

  #streamOf(kind: TrackKind, id: number): OutputStream | undefined {
    return this.#streams.find(({ track }) => track.kind === kind && track.id === id);
  }

  #outputOf(
    track: Track,
    { form, before }: { readonly form: StreamForm; readonly before: readonly OutputStream[] },
  ): OutputStream {
    const old = before.find((stream) =>
      stream.track.kind === track.kind && stream.track.id === track.id
    );
    const taken = new Set([...before, ...this.#streams].map(({ pid }) => pid));
    let pid = old?.pid ?? FIRST_PID;
    while (old === undefined && taken.has(pid)) pid++;
    const isShared = form.streamId !== 0xbd;
    const place = this.#streams.filter((stream) => stream.form.streamId === form.streamId).length;
    return {
      ...{ pid, track, form },
      streamType: form.streamType(track),
      descriptors: form.descriptors?.(track) ?? new Uint8Array(0),
      streamId: form.streamId + (isShared ? place : 0),
    };
  }

  /** The program clock, in its own ticks of 27 MHz, where it is to be told with this frame. */
  #clockAt({ dtsUs }: TsFrame): number | undefined {
    const clockUs = dtsUs + START_US - CLOCK_LEAD_US;
    const since = clockUs - (this.#clockUs ?? -Infinity);
    // Tracks are not in order between each other, but the clock never goes back: unless time begins anew.
    if (since < CLOCK_INTERVAL_US && since > -START_US) return undefined;
    this.#clockUs = clockUs;
    return Math.round(clockUs * 27);
  }
}

function isVideo({ track }: OutputStream): boolean {
  return track.kind === "video";
}

/** Ticks of 90 kHz; they wrap where they are written. */
function ticksOf(timeUs: number): number {
  return Math.round(((timeUs + START_US) * 9) / 100);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

export { TS_PACKET_BYTES };
