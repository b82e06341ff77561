import { parseAacConfig } from "./aac.ts";
import { parseAv1Config } from "./av1_config.ts";
import { parseAvcConfig } from "./avc_config.ts";
import { MediaError } from "./errors.ts";
import type { H265Profile } from "./h265_sps.ts";
import { parseHevcConfig } from "./hevc_config.ts";
import type { Track } from "./track.ts";
import { parseVpxConfig } from "./vpx.ts";

/** What a codec's name is made of. */
export type CodecStringFacts = Pick<Track, "codec" | "config" | "width" | "height">;

/**
 * The name of a track's codec as MP4, HLS and browsers write it in `codecs` (RFC 6381; ISO/IEC 14496-15, annex E; AV1,
 * VP and Opus in ISOBMFF): `avc1.64001f`, `mp4a.40.2`. `undefined` where there is none, or the configuration that it
 * tells of is not known or cannot be read.
 *
 * @example
 * ```ts
 * import { codecString } from "@weir/server/media";
 *
 * console.log(codecString({ codec: "aac", config: new Uint8Array([0x12, 0x10]) })); // "mp4a.40.2"
 * ```
 */
export function codecString(track: CodecStringFacts): string | undefined {
  try {
    return nameOf(track);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

function nameOf(track: CodecStringFacts): string | undefined {
  const { codec, config } = track;
  switch (codec) {
    case "h264":
      return config && avcName(config);
    case "h265":
      return config && hevcName(parseHevcConfig(config).profile);
    case "av1":
      return config && av1Name(config);
    case "vp8":
    case "vp9":
      return vpName(track);
    case "aac":
      return config && aacName(config);
    case "mp3":
      return "mp4a.40.34";
    case "opus":
      return "opus";
    case "flac":
      return "fLaC";
    case "ac3":
      return "ac-3";
    case "eac3":
      return "ec-3";
    case "pcma":
      return "alaw";
    case "pcmu":
      return "ulaw";
    case "mpeg4":
      return "mp4v.20.9";
    case "lpcm":
    case undefined:
      return undefined;
  }
}

function avcName(config: Uint8Array): string {
  const { profile, constraints, level } = parseAvcConfig(config);
  return `avc1.${new Uint8Array([profile, constraints, level]).toHex()}`;
}

const PROFILE_SPACES = ["", "A", "B", "C"];

/** ISO/IEC 14496-15, E.3. */
function hevcName(
  { space, profile, compatibility, tier, level, constraints }: H265Profile,
): string {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) {
    if ((compatibility >>> bit) & 1) reversed |= 1 << (31 - bit);
  }
  const flags = constraints.toString(16).padStart(12, "0").match(/../g)!;
  while (flags.length > 0 && flags.at(-1) === "00") flags.pop();
  return [
    `hvc1.${PROFILE_SPACES[space]}${profile}`,
    (reversed >>> 0).toString(16).toUpperCase(),
    `${tier === 0 ? "L" : "H"}${level}`,
    ...flags.map((flag) => flag.toUpperCase().replace(/^0/, "")),
  ].join(".");
}

/** AV1 Codec ISO Media File Format Binding, 5. */
function av1Name(config: Uint8Array): string {
  const { profile, level, tier, bitDepth } = parseAv1Config(config);
  return `av01.${profile}.${twoDigits(level)}${tier === 0 ? "M" : "H"}.${twoDigits(bitDepth)}`;
}

/** Ten times the level by the largest picture, in samples (VP9 levels; webmproject.org/vp9/levels). */
const VP9_LEVELS: readonly (readonly [samples: number, level: number])[] = [
  [36_864, 10],
  [73_728, 11],
  [122_880, 20],
  [245_760, 21],
  [552_960, 30],
  [983_040, 31],
  [2_228_224, 41],
  [8_912_896, 51],
  [35_651_584, 61],
];
const HIGHEST_LEVEL = 62;

/** Ten times the least VP9 level that has pictures of that size, in pixels, for what does not tell its level. */
export function vp9LevelOf(
  { width = 0, height = 0 }: { readonly width?: number; readonly height?: number },
): number {
  return VP9_LEVELS.find(([samples]) => width * height <= samples)?.[1] ?? HIGHEST_LEVEL;
}

/** VP Codec ISO Media File Format Binding, 4. */
function vpName({ codec, config, width = 0, height = 0 }: CodecStringFacts): string {
  const { profile, level, bitDepth } = config === undefined
    ? { profile: 0, level: 0, bitDepth: 8 }
    : parseVpxConfig(config);
  const told = level > 0 ? level : vp9LevelOf({ width, height });
  const fourCc = codec === "vp8" ? "vp08" : "vp09";
  return `${fourCc}.${twoDigits(profile)}.${twoDigits(told)}.${twoDigits(bitDepth)}`;
}

const SBR = 5;
const PS = 29;

function aacName(config: Uint8Array): string {
  const { objectType, extension } = parseAacConfig(config);
  return `mp4a.40.${extension?.ps ? PS : extension?.sbr ? SBR : objectType}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
