import {
  amfNumberProperty,
  type AmfObject,
  amfProperties,
  amfProperty,
  type AmfValue,
} from "../amf/mod.ts";

/** Bits of `capsEx` (Enhanced RTMP v2, "Enhancing NetConnection connect Command"). */
export const CapsEx = {
  Reconnect: 0x01,
  Multitrack: 0x02,
  ModEx: 0x04,
  TimestampNanoOffset: 0x08,
} as const;

/** Bits of a codec's entry in `audioFourCcInfoMap` and `videoFourCcInfoMap`. */
export const FourCcInfo = { CanDecode: 0x01, CanEncode: 0x02, CanForward: 0x04 } as const;

/** The codecs and extensions that a peer has said, in connect, it can take. */
export interface EnhancedCapabilities {
  /** Whether it said anything: without that it is a plain RTMP 1.0 peer, or one that just does not tell. */
  readonly announced: boolean;
  /** Bits of {@linkcode CapsEx}. */
  readonly capsEx: number;
  /** FourCCs that it can decode or forward; `*` stands for all. */
  readonly fourCcs: ReadonlySet<string>;
}

/** Most clients say nothing. */
const NOTHING_ANNOUNCED: EnhancedCapabilities = {
  announced: false,
  capsEx: 0,
  fourCcs: new Set(),
};

/** Reads `fourCcList`, the two FourCC maps and `capsEx` from the command object of connect. */
export function parseEnhancedCapabilities(object: AmfValue): EnhancedCapabilities {
  const fourCcs = new Set<string>();
  const list = amfProperty(object, "fourCcList");
  const properties = Array.isArray(list) ? list : Object.values(amfProperties(list) ?? {});
  for (const fourCc of properties) if (typeof fourCc === "string") fourCcs.add(fourCc);
  for (const name of ["videoFourCcInfoMap", "audioFourCcInfoMap"]) {
    for (const [fourCc, info] of Object.entries(amfProperties(amfProperty(object, name)) ?? {})) {
      const canTake = FourCcInfo.CanDecode | FourCcInfo.CanForward;
      if (typeof info === "number" && (info & canTake) !== 0) fourCcs.add(fourCc);
    }
  }
  const capsEx = amfNumberProperty(object, "capsEx");
  if (fourCcs.size === 0 && capsEx === undefined) return NOTHING_ANNOUNCED;
  return { announced: true, capsEx: capsEx ?? 0, fourCcs };
}

/** What this library answers: it forwards every codec and every extension. */
export function enhancedAnswer(): AmfObject {
  return {
    capsEx: CapsEx.Reconnect | CapsEx.Multitrack | CapsEx.ModEx | CapsEx.TimestampNanoOffset,
    videoFourCcInfoMap: { "*": FourCcInfo.CanForward },
    audioFourCcInfoMap: { "*": FourCcInfo.CanForward },
  };
}

/** Codecs of Enhanced RTMP v2 by FourCC, for servers that look for each by its name. */
const FOUR_CCS: readonly string[] = [
  "av01",
  "vp09",
  "vp08",
  "hvc1",
  "avc1",
  "Opus",
  "fLaC",
  "ac-3",
  "ec-3",
  "mp4a",
  ".mp3",
];

/** What this library's client says in connect: it takes and sends every codec and every extension. */
export function enhancedRequest(): AmfObject {
  return { fourCcList: [...FOUR_CCS], ...enhancedAnswer() };
}
