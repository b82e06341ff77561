import type { Clock, Publication, Stream } from "../hub/mod.ts";
import type { Track } from "../media/mod.ts";
import {
  type DescribedTracks,
  FlvTrackProbe,
  type RtpTrack,
  sdpOfTracks,
} from "../transmux/mod.ts";
import { tellLeftOut } from "./left_out.ts";
import type { ServerLog } from "./log.ts";

/** How long other tracks are waited for once the first is known, milliseconds. */
const MORE_TRACKS_MS = 1000;

const known = new WeakMap<Publication, readonly Track[]>();

/** How a stream is described. */
export interface DescribeOptions {
  readonly clock: Clock;
  /** How long tracks are waited for, milliseconds. */
  readonly waitMs: number;
  /** Is told of the tracks that RTP cannot carry. */
  readonly log: ServerLog;
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
  const tracks = publication.tracks === undefined
    ? known.get(publication) ?? await probe(stream, options)
    : withConfigsInBand(publication.tracks, stream);
  if (tracks === undefined || tracks.length === 0) return undefined;
  if (publication.tracks === undefined) known.set(publication, tracks);
  const described = sdpOfTracks(tracks, { name: stream.name });
  const { unsupported } = described;
  tellLeftOut(publication, { format: "rtsp", tracks: unsupported, log: options.log });
  return described.tracks.length === 0 ? undefined : described;
}

function probe(
  stream: Stream,
  options: DescribeOptions,
): Promise<readonly Track[] | undefined> {
  const { clock, waitMs } = options;
  const flv = new FlvTrackProbe();
  const { promise, resolve } = Promise.withResolvers<readonly Track[]>();
  let timer = clock.setTimer(() => resolve(flv.tracks), waitMs);
  let hasTrack = false;
  const untap = stream.tap((unit) => {
    flv.take(unit);
    if (flv.complete) resolve(flv.tracks);
    else if (!hasTrack && flv.tracks.length > 0) {
      hasTrack = true;
      timer.cancel();
      timer = clock.setTimer(() => resolve(flv.tracks), Math.min(MORE_TRACKS_MS, waitMs));
    }
  }, () => resolve(flv.tracks));
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

/** Whether players that were told of `told` can go on with `now`. */
export function areCompatible(now: readonly RtpTrack[], told: readonly RtpTrack[]): boolean {
  return now.length === told.length && now.every((track, index) => {
    const other = told[index]!;
    return track.kind === other.kind && track.codec === other.codec &&
      track.rtp.payloadType === other.rtp.payloadType &&
      track.rtp.clockRate === other.rtp.clockRate;
  });
}
