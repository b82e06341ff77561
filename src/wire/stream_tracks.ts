import type { Clock, Publication, Stream } from "../hub/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import {
  type DescribedTracks,
  FlvTrackProbe,
  type RtpTrack,
  sdpOfTracks,
} from "../transmux/mod.ts";
import { chosenTracks, isChosen, type TrackChoice } from "./track_choice.ts";
import { tellLeftOut } from "./left_out.ts";
import type { ServerLog } from "../log/mod.ts";

/** How long other tracks are waited for once the first is known, milliseconds. */
const MORE_TRACKS_MS = 1000;

/** The facts about a stream that its units have shown so far. */
interface Probed {
  readonly tracks: readonly Track[];
  /** The configurations that were in force: with others it has to be looked again. */
  readonly configs: readonly MediaUnit[];
  /** How many tracks had sent media: some have no configuration to show that they are there. */
  readonly trackCount: number;
}

const known = new WeakMap<Publication, Probed>();

/** Options of the description of a stream. */
export interface DescribeOptions {
  readonly clock: Clock;
  /** How long tracks are waited for, milliseconds. */
  readonly waitMs: number;
  /** Is told of the tracks that RTP cannot carry. */
  readonly log: ServerLog;
  /** The tracks that a player wants; all by default. */
  readonly choice?: TrackChoice | undefined;
}

/**
 * Describes a live stream to RTSP players, learnt from its units where the publisher does not tell its
 * tracks. Resolves to `undefined` when there is nothing that RTP carries after `waitMs`, or nobody
 * publishes.
 */
export async function describeStream(
  stream: Stream,
  options: DescribeOptions,
): Promise<DescribedTracks | undefined> {
  const { publication } = stream;
  if (publication === undefined) return undefined;
  const all = publication.tracks === undefined
    ? await probedTracks(stream, publication, options)
    : withConfigsInBand(publication.tracks, stream);
  const tracks = chosenTracks(all, options.choice);
  if (tracks.length === 0) return undefined;
  const described = sdpOfTracks(tracks, { name: stream.name });
  const { unsupported } = described;
  tellLeftOut(publication, { format: "rtsp", tracks: unsupported, log: options.log });
  return described.tracks.length === 0 ? undefined : described;
}

/** Looks once, and again when a track has come late or has another configuration (M071, M072). */
async function probedTracks(
  stream: Stream,
  publication: Publication,
  options: DescribeOptions,
): Promise<readonly Track[]> {
  const before = known.get(publication);
  const configs = configsOf(stream);
  const isSame = before?.configs.length === configs.length &&
    before.trackCount === stream.trackCount &&
    before.configs.every((config, index) => config === configs[index]);
  if (isSame) return before.tracks;
  const probed = await probe(stream, options);
  if (probed.tracks.length > 0) known.set(publication, probed);
  return probed.tracks;
}

/** The configurations in force; one that is repeated stays the same object. */
function configsOf({ headers }: Stream): MediaUnit[] {
  return headers.units.filter(({ role }) => role === "config");
}

function probe(stream: Stream, options: DescribeOptions): Promise<Probed> {
  const { clock, waitMs, choice } = options;
  const isThere = (kind: "video" | "audio") =>
    flv.tracks.some((track) => track.kind === kind && isChosen(choice, track));
  const flv = new FlvTrackProbe();
  const { promise, resolve: settle } = Promise.withResolvers<Probed>();
  const resolve = () => {
    const { trackCount } = stream;
    settle({ tracks: flv.tracks, configs: configsOf(stream), trackCount });
  };
  let timer = clock.setTimer(resolve, waitMs);
  let hasTrack = false;
  const untap = stream.tap((unit) => {
    flv.take(unit);
    // Headers of further tracks come with the first ones, or are told with them.
    if (flv.complete && (isThere("video") || isThere("audio"))) queueMicrotask(resolve);
    else if (!hasTrack && flv.tracks.length > 0) {
      hasTrack = true;
      timer.cancel();
      timer = clock.setTimer(resolve, Math.min(MORE_TRACKS_MS, waitMs));
    }
  }, resolve);
  return promise.finally(() => {
    timer.cancel();
    untap();
  });
}

/** Parameter sets that came in band are newer than those of the announcement. */
function withConfigsInBand(tracks: readonly Track[], stream: Stream): Track[] {
  return tracks.map((track) => {
    const config = stream.headers.units.find((unit) =>
      unit.role === "config" && unit.kind === track.kind && unit.track === track.id
    );
    return config?.payload.format === "access-unit" && config.payload.data.length > 0
      ? { ...track, config: config.payload.data }
      : track;
  });
}

/** What of a description has changed for players that were told of `told`: nothing where both are empty. */
export interface TrackChange {
  /** What they were told and is wrong now, in words. */
  readonly wrong: readonly string[];
  /** What there is beside it, in words. */
  readonly added: readonly string[];
}

/** Compares what there is `now` with what players were told. */
export function trackChange(
  now: readonly RtpTrack[],
  told: readonly RtpTrack[],
): TrackChange {
  const wrong = told.filter((track) => !now.some((other) => isSameTrack(other, track)));
  const added = now.filter(({ kind, id }) =>
    !told.some((track) => track.kind === kind && track.id === id)
  );
  const nameOf = ({ kind, id, codec }: RtpTrack) => `${kind} ${id} (${codec ?? "unknown"})`;
  return { wrong: wrong.map(nameOf), added: added.map(nameOf) };
}

/** Whether a decoder that was set up for one track can go on with the other: pictures bring their own parameters. */
function isSameTrack(now: RtpTrack, told: RtpTrack): boolean {
  if (now.kind !== told.kind || now.id !== told.id) return false;
  if (rtspFormatName([now]) !== rtspFormatName([told])) return false;
  const { rtp: a } = now;
  const { rtp: b } = told;
  return told.kind === "video" ||
    (a.channels === b.channels && a.parameters["config"] === b.parameters["config"]);
}

/** Whether players that were told of `told` can go on with `now`. */
export function areCompatible(now: readonly RtpTrack[], told: readonly RtpTrack[]): boolean {
  return rtspFormatName(now) === rtspFormatName(told);
}

/**
 * The name of the wire format for players that were told of these tracks. Of other tracks they get nothing:
 * who comes later and is told of those must not share the log of who came before.
 */
export function rtspFormatName(tracks: readonly RtpTrack[]): string {
  const names = tracks.map(({ kind, id, codec, rtp: { payloadType, clockRate } }, index) => {
    const place = tracks.slice(0, index).filter((other) => other.kind === kind).length;
    // One of several that a player has chosen is another than the first.
    return ` ${codec ?? kind}/${payloadType}/${clockRate}${id === place ? "" : `#${id}`}`;
  });
  return `rtsp${names.join("")}`;
}
