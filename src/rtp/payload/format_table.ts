import { AAC_FORMAT } from "./aac.ts";
import { AC3_FORMAT } from "./ac3.ts";
import type {
  Depacketizer,
  DepacketizerOptions,
  Packetizer,
  PacketizerOptions,
} from "./access_unit.ts";

import { AV1_FORMAT } from "./av1.ts";
import { EAC3_FORMAT } from "./eac3.ts";
import { H264_FORMAT } from "./h264.ts";
import { H265_FORMAT } from "./h265.ts";
import { LATM_FORMAT } from "./latm.ts";
import { MPEG4_VIDEO_FORMAT } from "./mpeg4_video.ts";
import { MPEG_AUDIO_FORMAT } from "./mpeg_audio.ts";
import { OPUS_FORMAT } from "./opus.ts";
import type { NamedFormat, PayloadFormat } from "./payload_format.ts";
import { PCM_FORMATS } from "./pcm.ts";
import { VP8_FORMAT } from "./vp8.ts";
import { VP9_FORMAT } from "./vp9.ts";

/** A payload format as SDP describes it. */
export interface RtpFormat {
  /** The encoding's name of `a=rtpmap`, such as `H264`; in any case. */
  readonly encodingName: string;
  /** Ticks a second of the RTP clock. */
  readonly clockRate: number;
  /** Audio: number of channels; 1 by default. */
  readonly channels?: number;
  /** The parameters of `a=fmtp` by name; names in any case. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** The payload formats by the names of their encodings, in upper case. */
const FORMATS: ReadonlyMap<string, PayloadFormat> = new Map(
  [
    H264_FORMAT,
    H265_FORMAT,
    AV1_FORMAT,
    VP8_FORMAT,
    VP9_FORMAT,
    MPEG4_VIDEO_FORMAT,
    AAC_FORMAT,
    LATM_FORMAT,
    OPUS_FORMAT,
    MPEG_AUDIO_FORMAT,
    AC3_FORMAT,
    EAC3_FORMAT,
    ...PCM_FORMATS,
  ].map((format) => [format.encodingName, format]),
);

/**
 * Makes the depacketizer of a format: H264, H265, AV1, VP8, VP9, MP4V-ES, MPEG4-GENERIC (AAC),
 * MP4A-LATM, OPUS, MPA (MP3), AC3, EAC3, PCMA, PCMU, L8, L16, L24. Returns `undefined` for another, and for
 * one whose parameters use what is not supported, such as MPEG4-GENERIC that is no AAC.
 *
 * @throws {RtpError} if the configuration among the parameters cannot be read
 *
 * @example
 * ```ts
 * import { createDepacketizer } from "@weir/server/rtp";
 *
 * const depacketizer = createDepacketizer({ encodingName: "H264", clockRate: 90000 });
 * console.log(depacketizer?.dropped); // 0
 * console.log(createDepacketizer({ encodingName: "x", clockRate: 90000 })); // undefined
 * ```
 */
export function createDepacketizer(
  format: RtpFormat,
  options: DepacketizerOptions = {},
): Depacketizer | undefined {
  return knownFormat(format)?.depacketizer(namedFormat(format), options);
}

/**
 * Makes the packetizer of a format; see {@linkcode createDepacketizer} for the formats.
 *
 * @throws {RtpError} if the configuration among the parameters cannot be read
 *
 * @example
 * ```ts
 * import { createPacketizer } from "@weir/server/rtp";
 *
 * const packetizer = createPacketizer({ encodingName: "PCMA", clockRate: 8000 });
 * const unit = { timestamp: 0, parts: [new Uint8Array(160)] };
 * console.log(packetizer?.packetize(unit).length); // 1
 * ```
 */
export function createPacketizer(
  format: RtpFormat,
  options: PacketizerOptions = {},
): Packetizer | undefined {
  return knownFormat(format)?.packetizer(namedFormat(format), options);
}

/**
 * The test of whether a payload begins a picture at which decoding can start, for packets of an encoding,
 * to be looked up once a track; see {@linkcode startsRandomAccess}. `undefined` for an encoding that is
 * not video known here.
 */
export function randomAccessTestOf(
  encodingName: string,
): ((payload: Uint8Array) => boolean) | undefined {
  const test = FORMATS.get(encodingName.toUpperCase())?.startsRandomAccess;
  return test && ((payload) => payload.length > 1 && test(payload));
}

/**
 * Whether a packet begins a picture at which decoding can start, or its parameter sets, judged by its
 * payload alone: where to let a late player in when packets are forwarded as they are. `undefined`
 * for an encoding that is not video known here: each packet is as good as the other then.
 *
 * @example
 * ```ts
 * import { startsRandomAccess } from "@weir/server/rtp";
 *
 * console.log(startsRandomAccess("H264", new Uint8Array([0x7c, 0x85, 0x88]))); // true
 * console.log(startsRandomAccess("H264", new Uint8Array([0x41, 0x9a]))); // false
 * console.log(startsRandomAccess("OPUS", new Uint8Array([0xfc]))); // undefined
 * ```
 */
export function startsRandomAccess(
  encodingName: string,
  payload: Uint8Array,
): boolean | undefined {
  return randomAccessTestOf(encodingName)?.(payload);
}

function knownFormat(format: RtpFormat): PayloadFormat | undefined {
  const row = FORMATS.get(format.encodingName.toUpperCase());
  return row?.isKnown?.(namedFormat(format)) === false ? undefined : row;
}

function namedFormat(format: RtpFormat): NamedFormat {
  const entries = Object.entries(format.parameters ?? {});
  return {
    clockRate: format.clockRate,
    channels: format.channels ?? 1,
    parameters: new Map(entries.map(([name, value]) => [name.toLowerCase(), value.trim()])),
  };
}
