import type { Publication, Stream, StreamReader } from "../../hub/mod.ts";
import type { RtpTrack } from "../../transmux/mod.ts";
import {
  describeStream,
  nameOfChoice,
  rtspFormatName,
  RtspWireFormat,
  type TrackChoice,
} from "../../wire/mod.ts";
import type { Shell } from "../mod.ts";
import type { PlayerReports } from "./player_reports.ts";

/** Random bytes fit for secrets. */
export function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Reads a stream as RTP packets of the tracks that its description lists, which players with the same share. */
export function readStream(
  stream: Stream,
  options: {
    readonly tracks: readonly RtpTrack[];
    readonly onEnd: () => void;
    readonly reports?: PlayerReports;
  },
): StreamReader {
  const { tracks, onEnd, reports } = options;
  return stream.read({
    format: rtspFormatName(tracks),
    create: () =>
      new RtspWireFormat({ tracks, random, nowUnixUs: () => Math.round(Date.now() * 1000) }),
    onEnd,
    lostPackets: () => reports?.lost,
  });
}

/** The tracks of publishers that took a stream over: its players, however many, look once. */
export class TakeoverTracks {
  readonly #shell: Shell;
  readonly #described = new WeakMap<
    Publication,
    Map<string, Promise<readonly RtpTrack[] | undefined>>
  >();

  /** Knows none yet. */
  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /**
   * Resolves with what RTSP players of a choice can be sent of the publication that a stream has now, where that is
   * known.
   */
  of(
    { stream, publication, choice }: {
      readonly stream: Stream;
      readonly publication: Publication;
      readonly choice: TrackChoice | undefined;
    },
  ): Promise<readonly RtpTrack[] | undefined> {
    const choices = this.#described.get(publication) ?? new Map();
    this.#described.set(publication, choices);
    const name = nameOfChoice(choice);
    const described = choices.get(name) ?? this.#describe(stream, choice);
    choices.set(name, described);
    return described;
  }

  async #describe(
    stream: Stream,
    choice: TrackChoice | undefined,
  ): Promise<readonly RtpTrack[] | undefined> {
    const { clock, timing, log } = this.#shell;
    try {
      const waitMs = timing.playWaitMs;
      return (await describeStream(stream, { clock, log, waitMs, choice }))?.tracks;
    } catch (error) {
      log.error("a stream could not be described", { error: String(error) });
      return undefined;
    }
  }
}
