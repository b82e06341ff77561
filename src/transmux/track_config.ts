import { equals } from "@std/bytes/equals";
import {
  Av1ObuType,
  type CodecName,
  MediaError,
  type MediaUnit,
  OPUS_CLOCK_RATE,
  parseAacConfig,
  parseAv1Config,
  parseAv1SequenceHeader,
  parseAvcConfig,
  parseFlacStreamInfo,
  parseH264Sps,
  parseH265Sps,
  parseHevcConfig,
  parseOpusHead,
  splitObus,
  type Track,
} from "../media/mod.ts";

/** What a codec's configuration says of a track. */
export interface ConfigFacts {
  /** Picture width in pixels. */
  readonly width?: number;
  /** Picture height in pixels. */
  readonly height?: number;
  /** Frames a second. */
  readonly frameRate?: number;
  /** How many pictures may precede another in coding order and follow it in display order. */
  readonly reorderDepth?: number;
  /** Samples a second. */
  readonly sampleRate?: number;
  /** Number of channels. */
  readonly channels?: number;
}

/** Reads a codec's configuration in its ISO form; what cannot be read says nothing. */
export function configFacts(codec: CodecName | undefined, config: Uint8Array): ConfigFacts {
  try {
    return readFacts(codec, config);
  } catch (error) {
    if (error instanceof MediaError) return {};
    throw error;
  }
}

function readFacts(codec: CodecName | undefined, config: Uint8Array): ConfigFacts {
  switch (codec) {
    case "h264":
      return h264Facts(parseAvcConfig(config).sps[0]);
    case "h265":
      return h265Facts(parseHevcConfig(config).sps[0]);
    case "av1":
      return av1Facts(config);
    case "aac": {
      const { sampleRate, channels, extension } = parseAacConfig(config);
      return {
        sampleRate: extension?.sampleRate ?? sampleRate,
        // Parametric stereo makes two channels of one.
        ...(channels > 0 ? { channels: extension?.ps ? 2 : channels } : {}),
      };
    }
    case "opus":
      return { sampleRate: OPUS_CLOCK_RATE, channels: parseOpusHead(config).channels };
    case "flac": {
      const { sampleRate, channels } = parseFlacStreamInfo(config);
      return { sampleRate, channels };
    }
    default:
      return {};
  }
}

function h264Facts(unit: Uint8Array | undefined): ConfigFacts {
  if (unit === undefined) return {};
  const { width, height, frameRate, reorderDepth, reorderStated } = parseH264Sps(unit);
  // An inferred depth is a bound; where pictures are really reordered, the stream soon shows it.
  return { width, height, reorderDepth: reorderStated ? reorderDepth : 0, ...rate(frameRate) };
}

function h265Facts(unit: Uint8Array | undefined): ConfigFacts {
  if (unit === undefined) return {};
  const { width, height, frameRate, reorderDepth } = parseH265Sps(unit);
  return { width, height, reorderDepth, ...rate(frameRate) };
}

function av1Facts(config: Uint8Array): ConfigFacts {
  const header = splitObus(parseAv1Config(config).obus)
    .find(({ type }) => type === Av1ObuType.SequenceHeader);
  if (header === undefined) return {};
  const { width, height, frameRate } = parseAv1SequenceHeader(header.payload);
  return { width, height, ...rate(frameRate) };
}

function rate(frameRate: number | undefined): ConfigFacts {
  return frameRate === undefined ? {} : { frameRate };
}

/**
 * The track with another configuration, in the codec's ISO form, and with what that says of picture
 * size, sample rate and channels.
 *
 * @example
 * ```ts
 * import { trackWithConfig } from "@weir/server/transmux";
 *
 * const track = { kind: "audio", id: 0, codec: "aac", config: undefined } as const;
 * console.log(trackWithConfig(track, new Uint8Array([0x12, 0x10])).sampleRate); // 44100
 * ```
 */
export function trackWithConfig(track: Track, config: Uint8Array): Track {
  const { width, height, sampleRate, channels } = configFacts(track.codec, config);
  return {
    ...track,
    config,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(sampleRate === undefined ? {} : { sampleRate }),
    ...(channels === undefined ? {} : { channels }),
  };
}

/**
 * The tracks after `unit`: with its configuration, where it is an `access-unit` one of role `config` and
 * differs from that of its track. The same array where nothing changes.
 */
export function tracksAfter(tracks: readonly Track[], unit: MediaUnit): readonly Track[] {
  if (unit.role !== "config" || unit.payload.format !== "access-unit") return tracks;
  const { data } = unit.payload;
  const at = tracks.findIndex(({ kind, id }) => kind === unit.kind && id === unit.track);
  const track = tracks[at];
  if (track === undefined || data.length === 0) return tracks;
  if (track.config !== undefined && equals(track.config, data)) return tracks;
  return tracks.with(at, trackWithConfig(track, data));
}
