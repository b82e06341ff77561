import { buildVpxConfig, type CodecName, parseVpxConfig, vp9LevelOf } from "../../media/mod.ts";
import type { CodecStringFacts, FlvForm } from "./codec.ts";
import { joinParts, videoFrame, videoSequenceStart } from "./flv_bodies.ts";
import { twoDigits } from "./two_digits.ts";

/** The number for "unspecified" in the tables of ITU-T H.273. */
const UNSPECIFIED = 2;

/** Colours of which a frame's header says nothing. */
export const UNSPECIFIED_COLORS: {
  readonly colorPrimaries: number;
  readonly transferCharacteristics: number;
  readonly matrixCoefficients: number;
} = {
  colorPrimaries: UNSPECIFIED,
  transferCharacteristics: UNSPECIFIED,
  matrixCoefficients: UNSPECIFIED,
};

/** `chromaSubsampling` of vpcC. */
export const Chroma = { colocated420: 1, only422: 2, full444: 3 } as const;

/** How FLV carries VP8 and VP9. */
export function vpxFlvForm(codec: CodecName): FlvForm {
  return {
    // The version and flags of the box `vpcC` come first, since FFmpeg writes and expects them here too.
    sequenceHeader: (config) =>
      videoSequenceStart(codec, buildVpxConfig(parseVpxConfig(config), { boxed: true })),
    frame: (frame) => videoFrame(frame, joinParts(frame.parts)),
  };
}

/** The name of VP8 or VP9 in `codecs` (VP Codec ISO Media File Format Binding, 4). */
export function vpxCodecString(
  fourCc: string,
  { config, width = 0, height = 0 }: CodecStringFacts,
): string {
  const { profile, level, bitDepth } = config === undefined
    ? { profile: 0, level: 0, bitDepth: 8 }
    : parseVpxConfig(config);
  const known = level > 0 ? level : vp9LevelOf({ width, height });
  return `${fourCc}.${twoDigits(profile)}.${twoDigits(known)}.${twoDigits(bitDepth)}`;
}
