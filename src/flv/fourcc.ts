import type { CodecName } from "../media/mod.ts";

/** Codecs that Enhanced RTMP v2 gives a FourCC (`VideoFourCc` and `AudioFourCc`). */
const CODECS = new Map<string, CodecName>([
  ["avc1", "h264"],
  ["hvc1", "h265"],
  ["av01", "av1"],
  ["vp08", "vp8"],
  ["vp09", "vp9"],
  ["mp4a", "aac"],
  ["Opus", "opus"],
  [".mp3", "mp3"],
  ["fLaC", "flac"],
  ["ac-3", "ac3"],
  ["ec-3", "eac3"],
]);

const FOURCCS = new Map([...CODECS].map(([fourCc, codec]) => [codec, fourCc]));

/**
 * Returns the codec of a FourCC, or `undefined` for one that Enhanced RTMP v2 does not list
 * (`vvc1`, say), which is passed on and not looked into.
 *
 * @example
 * ```ts
 * import { codecOfFourCc } from "@weir/server/flv";
 *
 * console.log(codecOfFourCc("hvc1"), codecOfFourCc("vvc1")); // h265 undefined
 * ```
 */
export function codecOfFourCc(fourCc: string): CodecName | undefined {
  return CODECS.get(fourCc);
}

/** Returns the FourCC of a codec, or `undefined` where Enhanced RTMP v2 has none. */
export function fourCcOfCodec(codec: CodecName): string | undefined {
  return FOURCCS.get(codec);
}

/** Returns the 32-bit number that `onMetaData` and `connect` carry for a FourCC. */
export function fourCcToNumber(fourCc: string): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = value * 256 + (fourCc.charCodeAt(i) & 0xff);
  return value;
}

/** Returns the four characters (each one byte, ISO 8859-1) of a 32-bit number. */
export function fourCcFromNumber(value: number): string {
  return String.fromCharCode(
    Math.floor(value / 0x1000000) & 0xff,
    (value >> 16) & 0xff,
    (value >> 8) & 0xff,
    value & 0xff,
  );
}

/** Whether the packets of this codec carry a composition time in `CodedFrames`. */
export function hasCompositionTime(fourCc: string): boolean {
  return fourCc === "avc1" || fourCc === "hvc1";
}
