import { equals } from "@std/bytes/equals";
import { buildOnMetaData, FlvError, type OnMetaData, parseOnMetaData } from "../flv/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { FlvTrackProbe } from "./flv_tracks.ts";
import { configFacts } from "./track_config.ts";

/** What `onMetaData` tells of tracks, of each kind the first. */
export function metadataOfTracks(tracks: readonly Track[]): OnMetaData {
  const video = tracks.find(({ kind }) => kind === "video");
  const audio = tracks.find(({ kind }) => kind === "audio");
  const { codec, config, width, height } = video ?? {};
  const frameRate = config && configFacts(codec, config).frameRate;
  return {
    hasVideo: video !== undefined,
    hasAudio: audio !== undefined,
    ...(codec === undefined ? {} : { videoCodec: codec }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(audio?.codec === undefined ? {} : { audioCodec: audio.codec }),
    ...(audio?.sampleRate === undefined ? {} : { sampleRate: audio.sampleRate }),
    ...(audio?.channels === undefined ? {} : { channels: audio.channels }),
  };
}

/**
 * Bytes of metadata that are looked into: the key frame index of a recording of many hours. What is larger
 * is dear to decode, and no player needs it.
 */
const MAX_METADATA_BYTES = 256 * 1024;

/** The body that stands for metadata which says nothing, or nothing that can be read. */
export const EMPTY_METADATA: Uint8Array = buildOnMetaData({});

/**
 * The body of an `onMetaData` as it is, or {@linkcode EMPTY_METADATA} where it tells nothing: players of
 * FFmpeg end at metadata that they cannot decode, and make a stream of text of one without properties.
 */
export function readableMetadata(body: Uint8Array): Uint8Array {
  if (body.length > MAX_METADATA_BYTES) return EMPTY_METADATA;
  try {
    const { properties = {} } = parseOnMetaData(body) ?? {};
    return Object.keys(properties).length > 0 ? body : EMPTY_METADATA;
  } catch (error) {
    if (error instanceof FlvError) return EMPTY_METADATA;
    throw error;
  }
}

/** What `onMetaData` says of a kind of track. */
const PROPERTIES = {
  video: /^(width|height|frame_?rate|display(width|height)|avc.*|video.*|hasvideo)$/i,
  audio: /^(audio.*|stereo|aac.*|hasaudio)$/i,
} as const;

/**
 * The body of an `onMetaData` without what it says of `kinds`, of which nothing comes; as it is where it cannot be
 * read.
 *
 * @example
 * ```ts
 * import { buildOnMetaData, parseOnMetaData } from "@weir/server/flv";
 * import { metadataWithout } from "@weir/server/transmux";
 *
 * const body = buildOnMetaData({ width: 640, height: 360, audioCodec: "aac" });
 * console.log(parseOnMetaData(metadataWithout(body, ["audio"]))?.audioCodec); // undefined
 * ```
 */
export function metadataWithout(
  body: Uint8Array,
  kinds: readonly ("video" | "audio")[],
): Uint8Array {
  let told: ReturnType<typeof parseOnMetaData>;
  try {
    told = parseOnMetaData(body);
  } catch (error) {
    if (error instanceof FlvError) return body;
    throw error;
  }
  if (told === undefined) return body;
  const isKept = (name: string) => !kinds.some((kind) => PROPERTIES[kind].test(name));
  const kept = Object.entries(told.properties).filter(([name]) => isKept(name));
  return buildOnMetaData({}, { properties: Object.fromEntries(kept) });
}

/**
 * The metadata that players are sent: `body`, or what the sequence headers among `headers` tell where it is
 * {@linkcode EMPTY_METADATA}; `undefined` where they tell nothing.
 *
 * @example
 * ```ts
 * import { parseOnMetaData } from "@weir/server/flv";
 * import { EMPTY_METADATA, toldMetadata, unitOfFlv } from "@weir/server/transmux";
 *
 * const header = unitOfFlv({ kind: "audio", dtsUs: 0, body: new Uint8Array([0xaf, 0, 0x12, 0x10]) })!;
 * console.log(parseOnMetaData(toldMetadata(EMPTY_METADATA, [header])!)?.audioCodec); // aac
 * ```
 */
export function toldMetadata(
  body: Uint8Array,
  headers: readonly MediaUnit[],
): Uint8Array | undefined {
  if (!equals(body, EMPTY_METADATA)) return body;
  const probe = new FlvTrackProbe();
  for (const unit of headers) probe.take(unit);
  const { tracks } = probe;
  if (tracks.length === 0) return undefined;
  // A kind of which no header is there yet may still come, so its absence is not stated.
  const { hasVideo, hasAudio, ...facts } = metadataOfTracks(tracks);
  return buildOnMetaData({
    ...facts,
    ...(hasVideo ? { hasVideo } : {}),
    ...(hasAudio ? { hasAudio } : {}),
  });
}
