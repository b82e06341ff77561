import type { HeaderSet, Stream, WireFormat, WireLogWriter } from "../hub/mod.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";
import type { MediaUnit, TrackKind } from "../media/mod.ts";
import type { CodedFrame } from "../transmux/mod.ts";
import { TsMuxer } from "../ts/mod.ts";
import { tellLeftOut } from "./left_out.ts";
import { StreamFrames } from "./stream_frames.ts";

/** Where there is no video, the tables are repeated this often, microseconds. */
const TABLES_INTERVAL_US = 500_000;

/** MPEG-TS that is the same for every player: tables stand in front of each key frame. */
export class TsWireFormat implements WireFormat {
  readonly #frames: StreamFrames;
  readonly #muxer = new TsMuxer([]);
  readonly #log: ServerLog;
  #hasVideo = false;
  #tablesUs: number | undefined;
  #refused = 0;

  /** Makes the format of a stream's log; `log` is told of the tracks that MPEG-TS cannot carry. */
  constructor(stream: Stream, { log = silentLog }: { readonly log?: ServerLog } = {}) {
    this.#frames = new StreamFrames(stream, { maxWaitUs: 0, onLoss: "pass" });
    this.#log = log;
  }

  /** Frames that MPEG-TS could not carry. */
  get dropped(): number {
    return this.#frames.dropped + this.#refused;
  }

  /** All tracks are carried until their frames show that they cannot be. */
  carries(kind: TrackKind, id: number): boolean {
    return !this.#muxer.leftOut.some(({ track }) => track.kind === kind && track.id === id);
  }

  /** Appends the packets of a unit's frames, behind the tables where these are due. */
  encode(unit: MediaUnit, log: WireLogWriter): void {
    for (const event of this.#frames.take(unit)) {
      if (event.type === "tracks") {
        this.#muxer.setTracks(event.tracks);
        this.#hasVideo = event.tracks.some(({ kind, id }) =>
          kind === "video" && this.#muxer.carries(kind, id)
        );
        this.#tablesUs = undefined;
        tellLeftOut(this.#frames.publication, {
          format: "ts",
          tracks: this.#muxer.leftOut,
          log: this.#log,
        });
      } else this.#write(event.frame, log);
    }
  }

  /** The tables: who begins at audio has none in front of it. */
  preamble(_headers: HeaderSet, _timeUs: number): Uint8Array {
    return this.#muxer.tablesAside();
  }

  #write(frame: CodedFrame, log: WireLogWriter): void {
    const bytes = this.#bytesOf(frame);
    if (bytes.length === 0) return;
    if (this.#areTablesDue(frame)) {
      this.#tablesUs = frame.dtsUs;
      append(this.#muxer.tables(), log);
    }
    append(bytes, log);
  }

  #bytesOf(frame: CodedFrame): Uint8Array {
    try {
      return this.#muxer.write(frame);
    } catch (error) {
      // A frame of audio that is longer than ADTS or a PES packet can say.
      if (!(error instanceof RangeError)) throw error;
      this.#refused++;
      return new Uint8Array(0);
    }
  }

  #areTablesDue({ kind, keyFrame, dtsUs }: CodedFrame): boolean {
    const last = this.#tablesUs;
    if (last === undefined) return true;
    if (this.#hasVideo) return kind === "video" && keyFrame;
    return Math.abs(dtsUs - last) >= TABLES_INTERVAL_US;
  }
}

function append(bytes: Uint8Array, log: WireLogWriter): void {
  const room = log.reserve(bytes.length);
  room.bytes.set(bytes, room.offset);
}
