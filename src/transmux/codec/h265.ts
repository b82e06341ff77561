import { concat } from "@std/bytes/concat";
import { VideoFrameType, VideoPacketType } from "../../flv/mod.ts";
import {
  buildHevcConfig,
  H265NalType,
  h265NalType,
  type H265Profile,
  inspectH265,
  joinLengthPrefixed,
  parseH265PpsIds,
  parseH265Sps,
  parseH265VpsId,
  parseHevcConfig,
} from "../../media/mod.ts";
import type { CodedFrame } from "../coded_frame.ts";
import { type Codec, type ConfigFacts, type Parameters, videoMapping } from "./codec.ts";
import { compositionTimeOf, enhancedVideo, frameTypeOf, videoSequenceStart } from "./flv_bodies.ts";
import { base64List, configOfSets } from "./fmtp_bytes.ts";
import { isParameterSet, type NalRules, type NalSink, splitNalUnits } from "./nal_rules.ts";

/** Types below are of coded slices (ITU-T H.265, table 7-1). */
const FIRST_NON_VCL = 32;

const RULES: NalRules = {
  setTypes: [H265NalType.Vps, H265NalType.Sps, H265NalType.Pps],
  spsType: H265NalType.Sps,
  delimiterType: H265NalType.AccessUnitDelimiter,
  typeOf: h265NalType,
  isSlice: (type) => type < FIRST_NON_VCL,
  // The bit behind the header is first_slice_segment_in_pic_flag (ITU-T H.265, 7.3.6.1).
  isFirstSlice: (unit) => ((unit[2] ?? 0) & 0x80) !== 0,
  maySignalKey: () => false,
  inspect: (units) => inspectH265(units),
  setId: (unit) => {
    const type = h265NalType(unit);
    if (type === H265NalType.Vps) return parseH265VpsId(unit);
    return type === H265NalType.Sps ? parseH265Sps(unit).id : parseH265PpsIds(unit).ppsId;
  },
  parseConfig: (config) => {
    const { vps, sps, pps, lengthSize } = parseHevcConfig(config);
    return { units: [...vps, ...sps, ...pps], lengthSize };
  },
  buildConfig: ([vps = [], sps = [], pps = []]) => buildHevcConfig({ vps, sps, pps }),
  lengthSizeAt: 21,
  readPayload,
};

/** H.265, or HEVC (ITU-T H.265; ISO 14496-15; Enhanced RTMP; RFC 7798). */
export const h265: Codec = {
  name: "h265",
  kind: "video",
  nal: RULES,
  config: { isNeeded: true, facts: (config) => factsOf(parseHevcConfig(config).sps[0]) },
  split: splitNalUnits,
  join: joinLengthPrefixed,
  flv: {
    sequenceHeader: (config) => videoSequenceStart("h265", config),
    sequenceEnd: () =>
      enhancedVideo("h265", {
        frameType: VideoFrameType.Key,
        packetType: VideoPacketType.SequenceEnd,
        data: new Uint8Array(0),
      }),
    frame: frameBody,
  },
  rtp: {
    encodings: ["H265"],
    configOf: ({ fmtp }) =>
      configOfSets(RULES, [fmtp["sprop-vps"], fmtp["sprop-sps"], fmtp["sprop-pps"]]),
    parametersOf,
    mapping: ({ config }) => videoMapping("H265", config && parametersOf(config)),
  },
  codecString: ({ config }) => config && nameOf(parseHevcConfig(config).profile),
  hls: {},
  webRtc: {},
  nameInFiles: "hevc",
};

function factsOf(sps: Uint8Array | undefined): ConfigFacts {
  if (sps === undefined) return {};
  const { width, height, frameRate, reorderDepth } = parseH265Sps(sps);
  return { width, height, reorderDepth, ...(frameRate === undefined ? {} : { frameRate }) };
}

function frameBody(frame: CodedFrame): Uint8Array {
  const compositionTimeMs = compositionTimeOf(frame);
  const { CodedFrames, CodedFramesX } = VideoPacketType;
  return enhancedVideo("h265", {
    frameType: frameTypeOf(frame),
    // CodedFramesX stands for a composition time of 0, which it does not carry.
    packetType: compositionTimeMs === 0 ? CodedFramesX : CodedFrames,
    compositionTimeMs,
    // The sequence header has the parameter sets; players do not expect them among the NAL units.
    data: joinLengthPrefixed(frame.parts.filter((part) => !isParameterSet(RULES, part))),
  });
}

function parametersOf(config: Uint8Array): Parameters {
  const { vps, sps, pps } = parseHevcConfig(config);
  if (sps.length === 0) return {};
  return {
    "sprop-vps": base64List(vps),
    "sprop-sps": base64List(sps),
    "sprop-pps": base64List(pps),
  };
}

const PROFILE_SPACES = ["", "A", "B", "C"];

/** The name of a profile, tier and level in `codecs` (ISO/IEC 14496-15, E.3). */
function nameOf(
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

/** Types of packets that are no NAL units (RFC 7798, 4.4). */
const Packet = { aggregation: 48, fragmentation: 49 } as const;

function readPayload(payload: Uint8Array, sink: NalSink, donSize: number): void {
  if (payload.length < 3) return;
  const type = h265NalType(payload);
  if (type === Packet.aggregation) {
    sink.aggregate(payload, { start: 2 + donSize, between: donSize > 0 ? 1 : 0 });
  } else if (type === Packet.fragmentation) {
    const header = payload[2]!;
    const begins = (header & 0x80) !== 0;
    sink.fragment({
      begins,
      ends: (header & 0x40) !== 0,
      head: [(payload[0]! & 0x81) | ((header & 0x3f) << 1), payload[1]!],
      rest: payload.subarray(begins ? 3 + donSize : 3),
    });
  } else if (donSize === 0) sink.whole(payload);
  else sink.whole(concat([payload.subarray(0, 2), payload.subarray(2 + donSize)]));
}
