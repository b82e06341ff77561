import type { WireAhead } from "../../hub/mod.ts";
import type { RtspTrackStart } from "../../rtsp/mod.ts";
import type { RtspWireFormat } from "../../wire/mod.ts";

/** What RTP-Info tells of a track. */
export type FirstPacket = Omit<RtspTrackStart, "track">;

interface Found {
  readonly sequence: number;
  readonly rtpTime: number;
  readonly timeUs: number;
}

/**
 * Tells of each track which number its next packet has for a player that has `ahead` before it, as far as that is
 * certain, and what RTP time stands for the moment at which it begins. That moment is one for all tracks
 * (RFC 2326, 12.33): a player that gets no sender reports places them by it.
 */
export function firstPackets(
  ahead: WireAhead | undefined,
  format: RtspWireFormat,
): Map<number, FirstPacket> {
  if (ahead === undefined) return new Map();
  const found = findFirst(ahead, format);
  const beginUs = found.size === 0
    ? undefined
    : Math.min(...found.values().map(({ timeUs }) => timeUs));
  const first = new Map<number, FirstPacket>();
  for (const [track, { nextSequenceNumber }] of format.senders.entries()) {
    const start = found.get(track);
    if (start === undefined && !isNextCertain(ahead, format)) continue;
    const rtpTime = start?.timeUs === beginUs
      ? start?.rtpTime
      : beginUs === undefined
      ? undefined
      : format.rtpTimeAt(beginUs, track);
    first.set(track, {
      sequence: start?.sequence ?? nextSequenceNumber,
      ...(rtpTime === undefined ? {} : { rtpTime }),
    });
  }
  return first;
}

/**
 * Whether the next packet that is made of a track is the next that the player gets. Where there is video it waits
 * for a key frame.
 */
function isNextCertain({ runs, goesOn }: WireAhead, { tracks }: RtspWireFormat): boolean {
  return goesOn || (runs.length === 0 && !tracks.some(({ kind }) => kind === "video"));
}

function findFirst({ runs }: WireAhead, format: RtspWireFormat): Map<number, Found> {
  const found = new Map<number, Found>();
  for (const { bytes, entries } of runs) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const { start, timeUs: nearUs } of entries) {
      const channel = view.getUint8(start + 1);
      const track = channel >> 1;
      if (channel % 2 === 1 || found.has(track)) continue;
      const rtpTime = view.getUint32(start + 8);
      const timeUs = format.timeOf(rtpTime, { track, nearUs });
      found.set(track, { sequence: view.getUint16(start + 6), rtpTime, timeUs });
      if (found.size === format.tracks.length) return found;
    }
  }
  return found;
}
