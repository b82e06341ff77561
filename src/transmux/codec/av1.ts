import {
  Av1ObuType,
  buildAv1Config,
  joinObus,
  parseAv1Config,
  parseAv1SequenceHeader,
  splitObus,
} from "../../media/mod.ts";
import { type Codec, type ConfigFacts, type FrameFacts, videoMapping } from "./codec.ts";
import { videoFrame, videoSequenceStart } from "./flv_bodies.ts";
import { twoDigits } from "./two_digits.ts";

/** AV1 (AV1 specification; AV1-ISOBMFF; Enhanced RTMP; its RTP payload format). */
export const av1: Codec = {
  name: "av1",
  kind: "video",
  config: { isNeeded: false, isInFrames: true, facts: configFacts },
  split: splitUnit,
  join: joinUnit,
  frameFacts,
  flv: {
    sequenceHeader: (config) => videoSequenceStart("av1", config),
    frame: (frame) => videoFrame(frame, joinUnit(frame.parts)),
  },
  rtp: {
    encodings: ["AV1"],
    mapping: ({ config }) => {
      if (config === undefined) return videoMapping("AV1");
      const { profile, level, tier } = parseAv1Config(config);
      return videoMapping("AV1", {
        profile: String(profile),
        "level-idx": String(level),
        tier: String(tier),
      });
    },
  },
  codecString: ({ config }) => config && nameOf(config),
  hls: {},
  webRtc: {
    isFit: ({ fmtp }, parameters) => (fmtp["profile"] ?? "0") === (parameters["profile"] ?? "0"),
  },
};

/** The name of AV1 in `codecs` (AV1 Codec ISO Media File Format Binding, 5). */
function nameOf(config: Uint8Array): string {
  const { profile, level, tier, bitDepth } = parseAv1Config(config);
  return `av01.${profile}.${twoDigits(level)}${tier === 0 ? "M" : "H"}.${twoDigits(bitDepth)}`;
}

function configFacts(config: Uint8Array): ConfigFacts {
  const header = splitObus(parseAv1Config(config).obus)
    .find(({ type }) => type === Av1ObuType.SequenceHeader);
  if (header === undefined) return {};
  const { width, height, frameRate } = parseAv1SequenceHeader(header.payload);
  return { width, height, ...(frameRate === undefined ? {} : { frameRate }) };
}

function frameFacts(parts: readonly Uint8Array[]): FrameFacts {
  const header = parts.find((part) => splitObus(part)[0]?.type === Av1ObuType.SequenceHeader);
  return header === undefined ? {} : { config: buildAv1Config(joinUnit([header])) };
}

const OBU_HAS_SIZE = 0x02;

/**
 * Splits a temporal unit into OBUs without size field; temporal delimiters and tile lists, which RTP leaves out, are
 * dropped.
 */
function splitUnit(data: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const { type, header, payload } of splitObus(data)) {
    if (type === Av1ObuType.TemporalDelimiter || type === Av1ObuType.TileList) continue;
    const part = new Uint8Array(header.length + payload.length);
    part.set(header);
    part[0] = part[0]! & ~OBU_HAS_SIZE;
    part.set(payload, header.length);
    parts.push(part);
  }
  return parts;
}

/** Joins OBUs without size field to a temporal unit in the low-overhead format. */
function joinUnit(parts: readonly Uint8Array[]): Uint8Array {
  return joinObus(parts.flatMap((part) => splitObus(part)));
}
