import { ByteWriter } from "../bytes/mod.ts";
import { MediaError, presumedSound, type Track } from "../media/mod.ts";
import { box } from "./box_writing.ts";
import { entryForm } from "./entry_forms.ts";
import { Mp4Error } from "./errors.ts";

/**
 * Why a track cannot be written to MP4, in words for a log line; `undefined` where it can. A track whose configuration
 * is not known yet cannot.
 *
 * @example
 * ```ts
 * import { whyNotMp4 } from "@weir/server/mp4";
 *
 * console.log(whyNotMp4({ kind: "audio", id: 0, codec: "pcma", config: undefined })); // undefined
 * ```
 */
export function whyNotMp4(track: Track): string | undefined {
  const { kind, codec, config } = track;
  if (kind === "data") return "MP4 has no place for its data";
  if (codec === undefined) return "its codec is not known";
  const form = entryForm(codec);
  if (form === undefined) return `MP4 has no sample entry for ${codec} here`;
  if (config === undefined && form.needsConfig) return "its configuration is not known";
  try {
    form.configBox?.(track, config ?? new Uint8Array(0));
    return undefined;
  } catch (error) {
    if (error instanceof MediaError) return `its configuration cannot be read: ${error.message}`;
    throw error;
  }
}

/**
 * Builds the sample entry of a track: `avc1`, `hvc1`, `av01`, `vp08`, `vp09`, `mp4v`, `mp4a`, `Opus`, `fLaC`, `ac-3`,
 * `ec-3`, `alaw` or `ulaw` (ISO/IEC 14496-12, 8.5.2).
 *
 * @throws {Mp4Error} `unsupported` where {@linkcode whyNotMp4} says why
 */
export function buildSampleEntry(track: Track): Uint8Array {
  const reason = whyNotMp4(track);
  if (reason !== undefined) {
    throw new Mp4Error("unsupported", `Cannot write ${track.kind} ${track.id} as ${reason}`);
  }
  const { type, configBox } = entryForm(track.codec!)!;
  const head = track.kind === "video" ? visualEntry(track) : audioEntry(track);
  const config = configBox?.(track, track.config ?? new Uint8Array(0));
  return config === undefined ? box(type, head) : box(type, head, config);
}

/** Dots an inch as 16.16, what all files say. */
const RESOLUTION = 0x0048_0000;
const COMPRESSOR_NAME_BYTES = 32;
const DEPTH = 24;

/** ISO/IEC 14496-12, 12.1.3. */
function visualEntry({ width = 0, height = 0 }: Track): Uint8Array {
  return new ByteWriter(80).u32(0).u16(0).u16(1).u32(0).u32(0).u32(0).u32(0)
    .u16(width).u16(height).u32(RESOLUTION).u32(RESOLUTION).u32(0).u16(1)
    .bytes(new Uint8Array(COMPRESSOR_NAME_BYTES)).u16(DEPTH).u16(0xffff).finish();
}

const MAX_RATE = 0xffff;

/** ISO/IEC 14496-12, 12.2.3. */
function audioEntry(track: Track): Uint8Array {
  const { sampleRate, channels } = presumedSound(track);
  return new ByteWriter(32).u32(0).u16(0).u16(1).u32(0).u32(0)
    .u16(channels).u16(16).u32(0)
    .u16(sampleRate > MAX_RATE ? 0 : sampleRate).u16(0).finish();
}
