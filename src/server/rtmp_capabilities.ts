import { FlvError, fourCcOfCodec, parseAudioBody, parseVideoBody } from "../flv/mod.ts";
import type { Stream } from "../hub/mod.ts";
import type { CodecName, MediaUnit } from "../media/mod.ts";
import { CapsEx, type EnhancedCapabilities } from "../rtmp/mod.ts";
import type { RtmpExtensions } from "./rtmp_wire_format.ts";

/**
 * What players that announce nothing of Enhanced RTMP are sent: everything (`pass`: many can take more
 * than they say), or plain RTMP alone (`strict`). Players that announce are sent what they announced.
 */
export type EnhancedPolicy = "pass" | "strict";

/** Codecs that have a place in FLV without a FourCC. */
const LEGACY_CODECS: ReadonlySet<CodecName> = new Set(["h264", "aac", "mp3", "pcma", "pcmu"]);

/** What of Enhanced RTMP a player can take. */
export function extensionsOf(
  capabilities: EnhancedCapabilities,
  policy: EnhancedPolicy,
): RtmpExtensions {
  if (!capabilities.announced && policy === "pass") return { multitrack: true, modEx: true };
  return {
    multitrack: (capabilities.capsEx & CapsEx.Multitrack) !== 0,
    modEx: (capabilities.capsEx & CapsEx.ModEx) !== 0,
  };
}

/** What is known of a player before it plays. */
export interface RtmpPlayerCapabilities {
  /** What it has announced. */
  readonly capabilities: EnhancedCapabilities;
  /** What it is taken for when it has announced nothing. */
  readonly policy: EnhancedPolicy;
}

/** Whether there may be codecs that a player cannot take. */
export function isSelective({ capabilities, policy }: RtmpPlayerCapabilities): boolean {
  return (capabilities.announced || policy === "strict") && !capabilities.fourCcs.has("*");
}

/** The FourCC of a codec of the stream that a player cannot take; `undefined` where there is none. */
export function refusedFourCc(stream: Stream, player: RtmpPlayerCapabilities): string | undefined {
  if (!isSelective(player)) return undefined;
  const { capabilities, policy } = player;
  const { fourCcs } = capabilities;
  return fourCcsOf(stream, extensionsOf(capabilities, policy)).find((fourCc) =>
    !fourCcs.has(fourCc)
  );
}

/** The FourCCs that the stream's RTMP players meet, as far as its headers tell. */
function fourCcsOf(stream: Stream, extensions: RtmpExtensions): string[] {
  const told = stream.headers.units.flatMap((unit) => fourCcsOfHeader(unit, extensions));
  const tracks = stream.publication?.tracks ?? [];
  const converted = tracks.flatMap(({ codec }) =>
    codec === undefined || LEGACY_CODECS.has(codec) ? [] : fourCcOfCodec(codec) ?? []
  );
  return [...told, ...converted];
}

function fourCcsOfHeader(unit: MediaUnit, { multitrack }: RtmpExtensions): string[] {
  if (unit.payload.format !== "flv" || unit.kind === "data") return [];
  try {
    const parse = unit.kind === "video" ? parseVideoBody : parseAudioBody;
    const body = parse(unit.payload.body);
    if (body.form !== "enhanced") return [];
    // Of several tracks a player without multitrack gets track 0 alone.
    const met = body.tracks.filter(({ trackId }) => multitrack || trackId === 0);
    return met.map(({ fourCc }) => fourCc);
  } catch (error) {
    if (error instanceof FlvError) return [];
    throw error;
  }
}
