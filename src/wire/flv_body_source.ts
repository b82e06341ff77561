import {
  bareAudioBody,
  bareVideoBody,
  FlvError,
  parseAudioBody,
  parseVideoBody,
  plainAudioBody,
  plainVideoBody,
  stripAudioModEx,
  stripVideoModEx,
  VideoFrameType,
} from "../flv/mod.ts";
import type { HeaderSet, Publication, Stream } from "../hub/mod.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";
import type { MediaUnit, Track, TrackKind } from "../media/mod.ts";
import {
  type FlvBody,
  FlvRemuxer,
  type LossPolicy,
  metadataWithout,
  toldMetadata,
  tracksAfter,
} from "../transmux/mod.ts";
import { chosenTracks, isChosen, type TrackChoice } from "./track_choice.ts";
import { tellLeftOut } from "./left_out.ts";

/** The parts of Enhanced RTMP v2 that the players of a format can take. */
export interface RtmpExtensions {
  /** Bodies of several tracks; else only track 0 is sent. */
  readonly multitrack: boolean;
  /** `ModEx` entries; else they are taken off. */
  readonly modEx: boolean;
  /**
   * FourCCs, and what is optional beside frames; else a codec goes by its id of FLV 10.1 where it has one,
   * of one track and without `ModEx`, and there is no `MultichannelConfig` and no metadata of video.
   */
  readonly fourCcs: boolean;
  /**
   * Further tracks of publishers that do not speak RTMP, as bodies of several tracks; else the first of a kind
   * alone is sent.
   */
  readonly furtherTracks?: boolean;
  /** The tracks that they have chosen, which come as if they were the only ones. */
  readonly choice?: TrackChoice | undefined;
}

/** Options of a {@linkcode FlvBodySource}. */
export interface FlvBodySourceOptions {
  /** What its players can take. */
  readonly extensions: RtmpExtensions;
  /** What they speak. */
  readonly format: "rtmp" | "flv";
  /** Is told of the tracks that FLV cannot carry. */
  readonly log?: ServerLog;
  /** What becomes of pictures after a loss of RTP packets. */
  readonly onLoss?: LossPolicy;
}

/**
 * The bodies of FLV that the units of a stream become, for all players that can take the same: what RTMP messages
 * and FLV tags have in common.
 */
export class FlvBodySource {
  readonly #stream: Stream;
  readonly #extensions: RtmpExtensions;
  readonly #format: "rtmp" | "flv";
  readonly #log: ServerLog;
  readonly #remuxer: FlvRemuxer;
  /** Whose tracks the remuxer knows. */
  #publication: Publication | undefined;
  /** Whether its units are FLV bodies, which go on as they are: it tells no tracks beforehand. */
  #passes = true;
  /** Kinds of which some player was told nothing, since nothing of them had come. */
  readonly #untold = new Set<TrackKind>();
  /** How many of its tracks were told to be left out. */
  #leftOut = 0;

  /** Makes the bodies of a stream's log. */
  constructor(stream: Stream, options: FlvBodySourceOptions) {
    const { extensions, format, log = silentLog, onLoss } = options;
    this.#stream = stream;
    this.#extensions = extensions;
    this.#format = format;
    this.#log = log;
    this.#remuxer = new FlvRemuxer({
      ...this.#tracksWritten,
      ...(onLoss === undefined ? {} : { onLoss }),
    });
    this.#followPublication();
  }

  /** Bodies of FLV all are, of several tracks to those who can take them; of others what FLV has a form for. */
  carries(kind: TrackKind, track: number): boolean {
    this.#followPublication();
    if (!this.#passes) return this.#remuxer.carries(kind, track);
    const { choice } = this.#extensions;
    if (choice !== undefined) return isChosen(choice, { kind, id: track });
    return this.#extensions.multitrack || track === 0;
  }

  /** Frames that could not be made FLV. */
  get dropped(): number {
    return this.#remuxer.stats.dropped;
  }

  /** The bodies that a unit becomes, none or several, at the time that players are to be told; metadata at time 0. */
  bodiesOf(unit: MediaUnit): FlvBody[] {
    this.#passes = unit.payload.format === "flv";
    if (unit.payload.format === "flv") {
      const { kind, dtsUs, role, keyFrame } = unit;
      const body = bodyOf(unit, this.#stream.headers.units);
      if (body === undefined) return [];
      const flv = { kind, dtsUs, body, keyFrame: keyFrame || role !== "media" };
      return [
        ...this.#lateBodies(unit),
        ...this.#taken([role === "metadata" ? metadataAtZero(flv) : flv]),
      ];
    }
    this.#followPublication();
    const late = this.#lateBodies(unit);
    const bodies = this.#taken(this.#remuxer.remux(unit).map(metadataAtZero));
    this.#tellLeftOut();
    return [...late, ...bodies];
  }

  /** What players are to be told when the first media comes of what some were not told of. */
  #lateBodies({ kind, role, dtsUs }: MediaUnit): FlvBody[] {
    if (role !== "media" || !this.#untold.delete(kind)) return [];
    return this.headerBodies(this.#stream.headers, dtsUs);
  }

  /** What a player needs before the unit at `timeUs`: metadata at time 0, and sequence headers at that time. */
  headerBodies(headers: HeaderSet, timeUs: number): FlvBody[] {
    return this.#taken(this.#toldBodies(headers, timeUs).map(metadataAtZero));
  }

  get #tracksWritten(): { readonly multitrack: boolean } {
    const { multitrack, furtherTracks = false, choice } = this.#extensions;
    return { multitrack: multitrack && furtherTracks && choice === undefined };
  }

  /** The bodies as these players can take them, without those that they cannot. */
  #taken(bodies: readonly KeyedBody[]): FlvBody[] {
    const taken: FlvBody[] = [];
    for (const flv of bodies) {
      const body = reducedBody(flv, this.#extensions);
      if (body !== undefined) taken.push({ kind: flv.kind, dtsUs: flv.dtsUs, body });
    }
    return taken;
  }

  #toldBodies(headers: HeaderSet, dtsUs: number): FlvBody[] {
    const bodies: FlvBody[] = [];
    let tracks: readonly Track[] = this.#stream.publication?.tracks ?? [];
    for (const unit of headers.units) {
      const body = bodyOf(unit, headers.units);
      if (body !== undefined) bodies.push(...this.#told({ kind: unit.kind, dtsUs, body }, unit));
      tracks = tracksAfter(tracks, unit);
    }
    if (headers.units.some(({ payload }) => payload.format === "flv")) return bodies;
    const { choice } = this.#extensions;
    const present = chosenTracks(tracks, choice).filter(({ kind, id }) =>
      !this.#isLeftUntold(kind, id)
    )
      // The codecs whose configuration stands in their frames.
      .map((track) => track.config ? track : this.#remuxer.track(track.kind, track.id) ?? track);
    if (present.length === 0) return [];
    const remuxer = new FlvRemuxer(this.#tracksWritten);
    remuxer.setTracks(present);
    return remuxer.headers(dtsUs);
  }

  /** A header of a publisher that speaks FLV, without what it tells of kinds of which nothing comes. */
  #told(flv: FlvBody, { kind, track }: MediaUnit): FlvBody[] {
    if (kind !== "data") return this.#isLeftUntold(kind, track) ? [] : [flv];
    const kinds = (["video", "audio"] as const).filter((one) => this.#isLeftUntold(one));
    return [kinds.length === 0 ? flv : { ...flv, body: metadataWithout(flv.body, kinds) }];
  }

  /** FFmpeg waits up to 90 s for a track that it was told of. */
  #isLeftUntold(kind: TrackKind, track?: number): boolean {
    const isSilent = this.#stream.isSilent(kind, track);
    if (isSilent) this.#untold.add(kind);
    return isSilent;
  }

  /** Another publisher has other tracks. */
  #followPublication(): void {
    const { publication, headers } = this.#stream;
    if (publication === undefined || publication === this.#publication) return;
    const isFirst = this.#publication === undefined;
    this.#publication = publication;
    this.#passes = publication.tracks === undefined;
    const told = chosenTracks(publication.tracks ?? [], this.#extensions.choice);
    this.#remuxer.setTracks(headers.units.reduce(tracksAfter, told));
    // A player that begins with this publisher has the headers from its preamble.
    if (isFirst) this.#remuxer.headers(0);
    this.#leftOut = 0;
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
    const { unsupported } = this.#remuxer;
    if (unsupported.length === this.#leftOut) return;
    this.#leftOut = unsupported.length;
    tellLeftOut(this.#publication, { format: this.#format, tracks: unsupported, log: this.#log });
  }
}

/** The body of a unit of FLV; of metadata that tells nothing, what the headers tell instead. */
function bodyOf(
  { kind, role, payload }: MediaUnit,
  headers: readonly MediaUnit[],
): Uint8Array | undefined {
  if (payload.format !== "flv") return undefined;
  const isMetadata = kind === "data" && role === "metadata";
  return isMetadata ? toldMetadata(payload.body, headers) : payload.body;
}

/**
 * FFmpeg takes metadata of any other time for a subtitle track, and then waits for its packets when it
 * copies the stream into Matroska.
 */
function metadataAtZero(body: KeyedBody): KeyedBody {
  return body.kind === "data" ? { ...body, dtsUs: 0 } : body;
}

/** A body, and whether decoding can start at it, where that is known beside its bytes; headers are key. */
type KeyedBody = FlvBody & { readonly keyFrame?: boolean };

/** The body without what its players cannot take; `undefined` where nothing is left. */
function reducedBody(
  { kind, body, keyFrame = true }: KeyedBody,
  { multitrack, modEx, fourCcs, choice }: RtmpExtensions,
): Uint8Array | undefined {
  const takesAll = multitrack && choice === undefined;
  if (kind === "data" || (takesAll && modEx && fourCcs)) return body;
  const isVideo = kind === "video";
  const trackId = choice?.[kind] ?? 0;
  try {
    // A body that says nothing of tracks is of track 0.
    if (trackId !== 0 && !hasTrackIds(kind, body)) return undefined;
    const frameType = keyFrame ? VideoFrameType.Key : VideoFrameType.Inter;
    if (!fourCcs) {
      return isVideo
        ? bareVideoBody(body, { frameType, trackId })
        : bareAudioBody(body, { trackId });
    }
    const stripped = modEx ? body : isVideo ? stripVideoModEx(body) : stripAudioModEx(body);
    if (takesAll) return stripped;
    return isVideo ? plainVideoBody(stripped, { trackId }) : plainAudioBody(stripped, { trackId });
  } catch (error) {
    if (error instanceof FlvError) return undefined;
    throw error;
  }
}

/** Whether a body says of which tracks it is. */
function hasTrackIds(kind: "audio" | "video", bytes: Uint8Array): boolean {
  const body = kind === "video" ? parseVideoBody(bytes) : parseAudioBody(bytes);
  return body.form === "enhanced" && body.multitrack !== undefined;
}
