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
import { type Codec, type ConfigFacts, type Parameters, videoMapping } from "./codec.ts";
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
};

/** first_mb_in_slice is 0, in an Exp-Golomb code; the later partitions of a slice have none. */
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
    // An inferred depth is a bound; where pictures are really reordered, the stream soon shows it.
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
  const { profile, constraints, level, sps, pps } = parseAvcConfig(config);
  if (sps.length === 0) return {};
  return {
    "profile-level-id": new Uint8Array([profile, constraints, level]).toHex(),
    "sprop-parameter-sets": base64List([...sps, ...pps]),
  };
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
