import type { CodecName, Track } from "../media/mod.ts";
import { ALL_CODECS, codecRow } from "./codec/table.ts";

const BY_NAME_IN_FILES: ReadonlyMap<string, CodecName> = new Map(
  ALL_CODECS.map(({ name, nameInFiles = name }) => [nameInFiles, name]),
);

/** The codec that readers of container files call so; `undefined` for one that is not known here. */
export function codecOfFile(nameInFiles: string): CodecName | undefined {
  return BY_NAME_IN_FILES.get(nameInFiles);
}

/** A track of a container file, and how its samples become access units. */
export interface ContainedTrack {
  /** The track, with its configuration. */
  readonly track: Track;
  /** Makes an access unit, as `access-unit` payloads have it, of a sample of the file. */
  readonly accessUnit: (sample: Uint8Array) => Uint8Array;
}

/**
 * How the samples of a container file become access units: NAL units get lengths of four bytes, and frames of sound lose
 * the headers that stand in for a configuration where the container, such as MPEG-TS, has no place for one. `first` is
 * the first sample.
 *
 * @throws {MediaError} if the configuration, or the first sample, cannot be read
 */
export function containedTrack(track: Track, first: Uint8Array): ContainedTrack {
  const { nal, split, join, ofEncoder } = codecRow(track.codec) ?? {};
  const { config } = track;
  if (nal !== undefined && split !== undefined && join !== undefined) {
    const lengthSize = config && nal.parseConfig(config).lengthSize;
    if (lengthSize === 4) return { track, accessUnit: (sample) => sample };
    return { track, accessUnit: (sample) => join(split(sample, { lengthSize })) };
  }
  if (config === undefined && ofEncoder !== undefined) {
    const accessUnit = (sample: Uint8Array): Uint8Array =>
      ofEncoder(sample, undefined)[0]?.data ?? sample;
    return { track: { ...track, config: ofEncoder(first, undefined)[0]!.config }, accessUnit };
  }
  return { track, accessUnit: (sample) => sample };
}
