import { AvcPacketType, buildVideoBody, VideoCodecId, VideoFrameType } from "../../flv/mod.ts";
import {
  buildAvcConfig,
  H264NalType,
  h264NalType,
  inspectH264,
  joinLengthPrefixed,
  parseAvcConfig,
  parseH264PpsIds,
  parseH264Sps,
} from "../../media/mod.ts";
import type { SdpFormat } from "../../sdp/mod.ts";
import {
  type Codec,
  type ConfigFacts,
  type Parameters,
  videoMapping,
  type WebRtcForm,
} from "./codec.ts";
import { compositionTimeOf, frameTypeOf } from "./flv_bodies.ts";
import { base64List, configOfSets } from "./fmtp_bytes.ts";
import { isParameterSet, type NalRules, type NalSink, splitNalUnits } from "./nal_rules.ts";

const RULES: NalRules = {
  setTypes: [H264NalType.Sps, H264NalType.Pps],
  spsType: H264NalType.Sps,
  delimiterType: H264NalType.AccessUnitDelimiter,
  typeOf: h264NalType,
  isSlice: (type) => type >= H264NalType.Slice && type <= H264NalType.Idr,
  isFirstSlice,
  maySignalKey: (unit) => h264NalType(unit) === H264NalType.Sei,
  inspect: (units) => inspectH264(units),
  setId: (unit) =>
    h264NalType(unit) === H264NalType.Sps ? parseH264Sps(unit).id : parseH264PpsIds(unit).ppsId,
  parseConfig: (config) => {
    const { sps, pps, lengthSize } = parseAvcConfig(config);
    return { units: [...sps, ...pps], lengthSize };
  },
  buildConfig: ([sps = [], pps = []]) => buildAvcConfig({ sps, pps }),
  lengthSizeAt: 4,
  readPayload,
};

/** What a payload type says of how its packets are made. */
function packetizationOf({ fmtp }: Pick<SdpFormat, "fmtp">): string | undefined {
  return fmtp["packetization-mode"];
}

const WEB_RTC: WebRtcForm = {
  isPreferred: true,
  isFit: (format) => (packetizationOf(format) ?? "1") === "1",
  isStated: (format) => packetizationOf(format) !== undefined,
  likeness,
  reordering: {
    isStated: (config) => {
      const [sps] = parseAvcConfig(config).sps;
      if (sps === undefined) return false;
      const { reorderDepth, reorderStated } = parseH264Sps(sps);
      return reorderStated && reorderDepth > 0;
    },
    // `nal_ref_idc` stands in the first byte of a payload (RFC 6184, 5.3).
    isReference: (payload) => ((payload[0] ?? 0) & 0x60) !== 0,
  },
};

/** H.264, or AVC (ITU-T H.264; ISO 14496-15; RFC 6184). */
export const h264: Codec = {
  name: "h264",
  kind: "video",
  nal: RULES,
  config: { isNeeded: true, facts: (config) => factsOf(parseAvcConfig(config).sps[0]) },
  split: splitNalUnits,
  join: joinLengthPrefixed,
  flv: {
    sequenceHeader: (config) => body(AvcPacketType.SequenceHeader, { data: config }),
    sequenceEnd: () => body(AvcPacketType.EndOfSequence, { data: new Uint8Array(0) }),
    frame: (frame) =>
      body(AvcPacketType.Nalu, {
        frameType: frameTypeOf(frame),
        compositionTimeMs: compositionTimeOf(frame),
        // The sequence header has the parameter sets; players do not expect them among the NAL units.
        data: joinLengthPrefixed(frame.parts.filter((part) => !isParameterSet(RULES, part))),
      }),
  },
  rtp: {
    encodings: ["H264"],
    configOf: ({ fmtp }) => configOfSets(RULES, [fmtp["sprop-parameter-sets"]]),
    parametersOf,
    mapping: ({ config }) =>
      videoMapping("H264", { "packetization-mode": "1", ...(config && parametersOf(config)) }),
  },
  codecString: ({ config }) => config && `avc1.${profileLevelId(config)}`,
  hls: {},
  webRtc: WEB_RTC,
  nameInFiles: "avc",
};

/**
 * Whether a slice is the first of its picture: its `first_mb_in_slice` is 0, which in an Exp-Golomb code is a first bit of
 * 1. Partitions B and C of a slice do not have that field.
 */
function isFirstSlice(unit: Uint8Array): boolean {
  const type = h264NalType(unit);
  const isLaterPartition = type === H264NalType.PartitionB || type === H264NalType.PartitionC;
  return !isLaterPartition && ((unit[1] ?? 0) & 0x80) !== 0;
}

function factsOf(sps: Uint8Array | undefined): ConfigFacts {
  if (sps === undefined) return {};
  const { width, height, frameRate, reorderDepth, reorderStated } = parseH264Sps(sps);
  return {
    width,
    height,
    // A depth that is not stated is only an upper bound: the times of the stream soon show whether pictures are
    // reordered.
    reorderDepth: reorderStated ? reorderDepth : 0,
    ...(frameRate === undefined ? {} : { frameRate }),
  };
}

function body(
  packetType: number,
  content: { frameType?: number; compositionTimeMs?: number; data: Uint8Array },
): Uint8Array {
  return buildVideoBody({
    form: "legacy",
    frameType: VideoFrameType.Key,
    codecId: VideoCodecId.Avc,
    packetType,
    compositionTimeMs: 0,
    ...content,
  });
}

function parametersOf(config: Uint8Array): Parameters {
  const { sps, pps } = parseAvcConfig(config);
  if (sps.length === 0) return {};
  return {
    "profile-level-id": profileLevelId(config),
    "sprop-parameter-sets": base64List([...sps, ...pps]),
  };
}

function profileLevelId(config: Uint8Array): string {
  const { profile, constraints, level } = parseAvcConfig(config);
  return new Uint8Array([profile, constraints, level]).toHex();
}

/** How much a payload type is like the profile of a stream: decoders of a higher one take lower ones. */
function likeness({ fmtp }: Pick<SdpFormat, "fmtp">, parameters: Parameters): number {
  // Baseline without constraints is what it is taken for where nothing is said (RFC 6184, 8.1).
  const offered = (fmtp["profile-level-id"] ?? "42000a").toLowerCase();
  const wanted = (parameters["profile-level-id"] ?? "").toLowerCase();
  if (offered.slice(0, 4) === wanted.slice(0, 4)) return 4;
  if (offered.slice(0, 2) === wanted.slice(0, 2)) return 3;
  return ["42", "4d", "64"].indexOf(offered.slice(0, 2));
}

/** Types of packets that are no NAL units (RFC 6184, 5.2). */
const Packet = { stapA: 24, stapB: 25, fuA: 28, fuB: 29 } as const;

function readPayload(payload: Uint8Array, sink: NalSink): void {
  const type = payload[0]! & 0x1f;
  if (type === Packet.stapA || type === Packet.stapB) {
    sink.aggregate(payload, { start: type === Packet.stapA ? 1 : 3, between: 0 });
  } else if (type === Packet.fuA || type === Packet.fuB) {
    const header = payload[1] ?? 0;
    sink.fragment({
      begins: (header & 0x80) !== 0,
      ends: (header & 0x40) !== 0,
      head: [(payload[0]! & 0xe0) | (header & 0x1f)],
      rest: payload.subarray(type === Packet.fuA ? 2 : 4),
    });
  } else sink.whole(payload);
}
