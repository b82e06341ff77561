import { equals } from "@std/bytes/equals";
import { type CodecName, MediaError, type MediaUnit, type Track } from "../media/mod.ts";
import type { ConfigFacts } from "./codec/codec.ts";
import { codecRow } from "./codec/table.ts";

/** Reads a codec's configuration in its ISO form; what cannot be read says nothing. */
export function configFacts(codec: CodecName | undefined, config: Uint8Array): ConfigFacts {
  try {
    return codecRow(codec)?.config?.facts?.(config) ?? {};
  } catch (error) {
    if (error instanceof MediaError) return {};
    throw error;
  }
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
