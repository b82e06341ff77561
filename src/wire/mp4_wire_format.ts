import type { HeaderSet, Stream, WireFormat, WireLogWriter } from "../hub/mod.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";
import type { MediaUnit, Track, TrackKind } from "../media/mod.ts";
import { codecString, type CodedFrame, FragmentWriter } from "../transmux/mod.ts";
import { tellLeftOut } from "./left_out.ts";
import { StreamFrames } from "./stream_frames.ts";

/** Audio waits for a picture to share a fragment with, so long, microseconds. */
const AUDIO_WAIT_US = 100_000;

/** Fragmented MP4 that is the same for every player: a fragment for each picture, with the audio that came before it. */
export class Mp4WireFormat implements WireFormat {
  readonly #frames: StreamFrames;
  readonly #writer: FragmentWriter;
  /** What is known of the tracks that are written, in words. */
  readonly #words: ReadonlySet<string>;
  #isOver = false;
  #audioUs: number | undefined;

  /** Makes the format of a stream's log, of the tracks that it has now; `log` is told of those that MP4 cannot carry. */
  constructor(
    stream: Stream,
    { tracks, log = silentLog }: { readonly tracks: readonly Track[]; readonly log?: ServerLog },
  ) {
    this.#frames = new StreamFrames(stream, { maxWaitUs: 0, onLoss: "pass" });
    this.#writer = new FragmentWriter(tracks);
    this.#words = new Set(this.#writer.tracks.map(({ track }) => wordOf(track)));
    tellLeftOut(stream.publication, { format: "mp4", tracks: this.#writer.leftOut, log });
  }

  /** Whether the tracks have changed, so that nothing more is written: a file cannot go on with others. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Frames that could not be made MP4. */
  get dropped(): number {
    return this.#frames.dropped;
  }

  carries(kind: TrackKind, track: number): boolean {
    return this.#writer.carries({ kind, track });
  }

  encode(unit: MediaUnit, log: WireLogWriter): void {
    for (const event of this.#frames.take(unit)) {
      if (event.type === "tracks") this.#compare(event.tracks);
      else if (!this.#isOver) this.#write(event.frame, log);
    }
  }

  /** The initialization segment. */
  preamble(_headers: HeaderSet, _timeUs: number): Uint8Array {
    return this.#writer.init;
  }

  /** Frames of tracks that were not there before are left out; where one has changed, all is over. */
  #compare(tracks: readonly Track[]): void {
    const carried = tracks.filter(({ kind, id }) => this.#writer.carries({ kind, track: id }));
    this.#isOver ||= !carried.every((track) => this.#words.has(wordOf(track)));
  }

  #write(frame: CodedFrame, log: WireLogWriter): void {
    if (!this.#writer.add(frame)) return;
    if (frame.kind === "audio") {
      this.#audioUs ??= frame.dtsUs;
      if (frame.dtsUs - this.#audioUs < AUDIO_WAIT_US) return;
    }
    this.#audioUs = undefined;
    const { bytes } = this.#writer.cut()!;
    const room = log.reserve(bytes.length);
    room.bytes.set(bytes, room.offset);
  }
}

/** The name of the wire format for players of these tracks: those of others must not share its log. */
export function mp4FormatName(tracks: readonly Track[]): string {
  return `mp4 ${tracks.map(wordOf).join(" ")}`;
}

function wordOf(track: Track): string {
  const { kind, id, codec, config, width, height, sampleRate, channels } = track;
  const size = kind === "video" ? `${width}x${height}` : `${sampleRate}/${channels}`;
  return `${kind}${id}:${codecString(track) ?? codec}:${size}:${hashOf(config)}`;
}

/** FNV-1a: short names for configurations that differ. */
function hashOf(bytes: Uint8Array | undefined): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes ?? []) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}
