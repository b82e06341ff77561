import type { CodecName, TrackKind } from "../../media/mod.ts";
import { aac } from "./aac.ts";
import { ac3, eac3 } from "./ac3.ts";
import { av1 } from "./av1.ts";
import type { Codec } from "./codec.ts";
import { flac } from "./flac.ts";
import { pcma, pcmu } from "./g711.ts";
import { h264 } from "./h264.ts";
import { h265 } from "./h265.ts";
import { lpcm } from "./lpcm.ts";
import { mpeg4 } from "./mpeg4_visual.ts";
import { mp3 } from "./mpeg_audio_layers.ts";
import { opus } from "./opus.ts";
import { vp8 } from "./vp8.ts";
import { vp9 } from "./vp9.ts";

/** The codecs; the type asks for a row of each name. */
const CODECS: Readonly<Record<CodecName, Codec>> = {
  h264,
  h265,
  av1,
  vp8,
  vp9,
  mpeg4,
  aac,
  opus,
  mp3,
  pcma,
  pcmu,
  ac3,
  eac3,
  flac,
  lpcm,
};

/** All rows. */
export const ALL_CODECS: readonly Codec[] = Object.values(CODECS);

/** Maps, since what is looked up may be a peer's word. */
const BY_NAME: ReadonlyMap<string, Codec> = new Map(
  ALL_CODECS.map((codec) => [codec.name, codec]),
);
const BY_ENCODING: ReadonlyMap<string, Codec> = new Map(
  ALL_CODECS.flatMap((codec) =>
    codec.rtp?.encodings.map((encoding) => [encoding, codec] as const) ?? []
  ),
);

/**
 * The row of a codec; `undefined` where there is none. To be looked up once a track, and once a frame at
 * most.
 */
export function codecRow(name: CodecName | undefined): Codec | undefined {
  return name === undefined ? undefined : BY_NAME.get(name);
}

/** The codec that `a=rtpmap` names, in any case, among those of a kind of media. */
export function codecOfEncoding(encodingName: string, kind: TrackKind): Codec | undefined {
  const codec = BY_ENCODING.get(encodingName.toUpperCase());
  return codec?.kind === kind ? codec : undefined;
}
