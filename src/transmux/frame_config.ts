import {
  Av1ObuType,
  buildAv1Config,
  buildVpxConfig,
  type CodecName,
  MediaError,
  parseVp8Frame,
  parseVp9Frame,
  splitObus,
  type Track,
} from "../media/mod.ts";
import { joinObuParts } from "./frame_parts.ts";

/** What a key frame tells of its track. */
export type FrameFacts = Partial<Pick<Track, "config" | "width" | "height">>;

/**
 * Makes the configuration of a codec that has it in its key frames: av1C of AV1's sequence header, vpcC
 * of VP8's and VP9's frame headers. What cannot be read tells nothing.
 */
export function factsOfKeyFrame(codec: CodecName, parts: readonly Uint8Array[]): FrameFacts {
  const [first] = parts;
  if (first === undefined) return {};
  try {
    switch (codec) {
      case "av1":
        return av1Facts(parts);
      case "vp8":
        return vp8Facts(first);
      case "vp9":
        return vp9Facts(first);
      default:
        return {};
    }
  } catch (error) {
    if (error instanceof MediaError) return {};
    throw error;
  }
}

function av1Facts(parts: readonly Uint8Array[]): FrameFacts {
  const header = parts.find((part) => splitObus(part)[0]?.type === Av1ObuType.SequenceHeader);
  return header === undefined ? {} : { config: buildAv1Config(joinObuParts([header])) };
}

/** H.273's number for "unspecified". */
const UNSPECIFIED = 2;
const UNSPECIFIED_COLORS = {
  colorPrimaries: UNSPECIFIED,
  transferCharacteristics: UNSPECIFIED,
  matrixCoefficients: UNSPECIFIED,
} as const;

/** `chromaSubsampling` of vpcC. */
const Chroma = { colocated420: 1, only422: 2, full444: 3 } as const;

function vp8Facts(frame: Uint8Array): FrameFacts {
  const { keyFrame, width, height } = parseVp8Frame(frame);
  if (!keyFrame) return {};
  const config = buildVpxConfig({
    profile: 0,
    level: 0,
    bitDepth: 8,
    chromaSubsampling: Chroma.colocated420,
    fullRange: false,
    ...UNSPECIFIED_COLORS,
  });
  return { config, width: width!, height: height! };
}

function vp9Facts(frame: Uint8Array): FrameFacts {
  const { keyFrame, profile, bitDepth = 8, fullRange = false, ...header } = parseVp9Frame(frame);
  if (!keyFrame) return {};
  const chromaSubsampling = header.subsamplingY
    ? Chroma.colocated420
    : header.subsamplingX
    ? Chroma.only422
    : Chroma.full444;
  const config = buildVpxConfig({
    profile,
    level: 0,
    bitDepth,
    chromaSubsampling,
    fullRange,
    ...UNSPECIFIED_COLORS,
  });
  return { config, width: header.width!, height: header.height! };
}
