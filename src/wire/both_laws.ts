import { concat } from "@std/bytes/concat";
import type { BackChannelSink, BackChannelSource } from "../hub/mod.ts";
import {
  convertG711,
  type G711Law,
  type MediaUnit,
  otherG711Law,
  type Track,
} from "../media/mod.ts";
import { parseRtpPacket } from "../rtp/mod.ts";
import { g711Track, isG711 } from "../transmux/mod.ts";

/**
 * Has a back channel that takes one law of G.711 take the other too, so that every talker has one that it knows: it is
 * converted.
 */
export function withBothLaws(source: BackChannelSource): BackChannelSource {
  const { formats } = source;
  const known = formats.find(isG711);
  if (known === undefined) return source;
  const added = g711Track(otherG711Law(known.codec as G711Law), formats.length);
  if (formats.some((format) => isG711(format) && format.codec === added.codec)) return source;
  const isTaken = formats.some(({ rtp }) => rtp?.payloadType === added.rtp.payloadType);
  if (isTaken) return source;
  return {
    formats: [...formats, added],
    open: async () => convertingSink(await source.open(), { from: added, to: known }),
  };
}

function convertingSink(
  sink: BackChannelSink,
  { from, to }: { readonly from: Track; readonly to: Track },
): BackChannelSink {
  const law = from.codec as G711Law;
  return {
    ended: sink.ended,
    close: () => sink.close(),
    write: (unit) => {
      if (unit.track !== from.id) return sink.write(unit);
      const data = convertG711(soundOf(unit), law);
      return sink.write({ ...unit, track: to.id, payload: { format: "access-unit", data } });
    },
  };
}

/** The samples of a unit of G.711, whatever carries them. */
export function soundOf({ payload }: MediaUnit): Uint8Array {
  if (payload.format === "access-unit") return payload.data;
  if (payload.format === "flv") return payload.body.subarray(1);
  return concat(payload.packets.map((packet) => parseRtpPacket(packet).payload));
}
