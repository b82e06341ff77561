import { equals } from "@std/bytes/equals";
import { MediaError, type RtpMapping, type Track } from "../media/mod.ts";
import type { Parameters } from "./codec/codec.ts";
import { codecRow } from "./codec/table.ts";

/** Payload types from here on have no fixed meaning (RFC 3551, 6). */
const FIRST_DYNAMIC = 96;
const LAST_PAYLOAD_TYPE = 127;

/**
 * How RTP carries a track, or why it cannot: a text. `index` is the place of the track's media section,
 * which gives a dynamic payload type.
 *
 * A track that was received by RTP keeps its own format, with newer parameter sets where such came in
 * band.
 */
export function rtpMappingOf(track: Track, index: number): RtpMapping | string {
  const dynamic = FIRST_DYNAMIC + index;
  if (dynamic > LAST_PAYLOAD_TYPE) return "no payload type is left";
  if (track.rtp !== undefined) return keptMapping(track, track.rtp, dynamic);
  try {
    return newMapping(track, dynamic);
  } catch (error) {
    if (error instanceof MediaError) return `its configuration cannot be read: ${error.message}`;
    throw error;
  }
}

function keptMapping(track: Track, rtp: RtpMapping, dynamic: number): RtpMapping {
  const isDynamic = rtp.payloadType >= FIRST_DYNAMIC;
  const entries = Object.entries(rtp.parameters).filter((entry) => entry.every(isPrintable));
  return {
    ...rtp,
    encodingName: isPrintable(rtp.encodingName) ? rtp.encodingName : "",
    payloadType: isDynamic ? dynamic : rtp.payloadType,
    parameters: { ...Object.fromEntries(entries), ...newerParameters(track, rtp) },
  };
}

/** Whether a peer's text can stand in a line of SDP: control characters would end or break that. */
function isPrintable(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return !/[\0-\x1f]/.test(text);
}

/** The parameters that describe the configuration in force, where that is not the one that was announced. */
function newerParameters({ codec, config }: Track, rtp: RtpMapping): Parameters {
  const { configOf, parametersOf } = codecRow(codec)?.rtp ?? {};
  if (config === undefined || configOf === undefined || parametersOf === undefined) return {};
  const announced = configOf({ ...rtp, encoding: "", fmtp: rtp.parameters });
  if (announced !== undefined && equals(announced, config)) return {};
  try {
    return parametersOf(config);
  } catch (error) {
    if (error instanceof MediaError) return {};
    throw error;
  }
}

function newMapping(track: Track, dynamic: number): RtpMapping | string {
  const { codec } = track;
  if (codec === undefined) return "its codec is not known";
  const mapping = codecRow(codec)?.rtp?.mapping?.(track) ??
    `there is no RTP payload format for ${codec} here`;
  return typeof mapping === "string" ? mapping : { payloadType: dynamic, ...mapping };
}
