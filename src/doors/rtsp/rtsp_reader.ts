import type { HeaderSet, Publication, Stream, StreamReader } from "../../hub/mod.ts";
import { DEFAULT_MAX_PAYLOAD_SIZE } from "../../rtp/mod.ts";
import type { DescribedTracks, RtpTrack } from "../../transmux/mod.ts";
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

/** Leaves room for what authenticates a packet, in a datagram that an Ethernet frame carries. */
const PROTECTED_PAYLOAD_BYTES = DEFAULT_MAX_PAYLOAD_SIZE - 16;

/** Reads a stream as RTP packets of the tracks that its description lists, which players with the same share. */
export function readStream(
  stream: Stream,
  options: {
    readonly tracks: readonly RtpTrack[];
    readonly onEnd: () => void;
    readonly reports?: PlayerReports;
    /** Whether SRTP will protect the packets, which makes them longer. */
    readonly isProtected?: boolean;
    /** The sources that the player was told of; of a stream that is its own. */
    readonly ssrcs?: readonly number[];
  },
): StreamReader {
  const { tracks, onEnd, reports, isProtected = false, ssrcs } = options;
  return stream.read({
    format: `${rtspFormatName(tracks)}${isProtected ? " protected" : ""}`,
    create: () =>
      new RtspWireFormat({
        tracks,
        random,
        nowUnixUs: () => Math.round(Date.now() * 1000),
        ...(ssrcs === undefined ? {} : { ssrcs }),
        ...(isProtected ? { packets: { maxPayloadSize: PROTECTED_PAYLOAD_BYTES } } : {}),
      }),
    // Over UDP each packet is sent by itself.
    gathers: false,
    onEnd,
    lostPackets: () => reports?.lost,
  });
}

/** What there is of a stream now, for its players: they look once each, however many they are. */
export class TakeoverTracks {
  readonly #shell: Shell;
  readonly #described = new WeakMap<Publication, Described>();

  /** Knows none yet. */
  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /**
   * Resolves with what RTSP players of a choice can be sent of the publication that a stream has now, where that is
   * known. It is looked at anew where the headers have changed.
   */
  of(
    { stream, publication, choice }: {
      readonly stream: Stream;
      readonly publication: Publication;
      readonly choice: TrackChoice | undefined;
    },
  ): Promise<DescribedTracks | undefined> {
    const { headers, trackCount } = stream;
    let known = this.#described.get(publication);
    if (known?.headers !== headers || known.trackCount !== trackCount) {
      known = { headers, trackCount, choices: new Map() };
      this.#described.set(publication, known);
    }
    const name = nameOfChoice(choice);
    const described = known.choices.get(name) ?? this.#describe(stream, choice);
    known.choices.set(name, described);
    return described;
  }

  async #describe(
    stream: Stream,
    choice: TrackChoice | undefined,
  ): Promise<DescribedTracks | undefined> {
    const { clock, timing, log } = this.#shell;
    try {
      return await describeStream(stream, { clock, log, waitMs: timing.playWaitMs, choice });
    } catch (error) {
      log.error("a stream could not be described", { error: String(error) });
      return undefined;
    }
  }
}

/** What was found, as long as the stream is what it was then. */
interface Described {
  readonly headers: HeaderSet;
  readonly trackCount: number;
  readonly choices: Map<string, Promise<DescribedTracks | undefined>>;
}
