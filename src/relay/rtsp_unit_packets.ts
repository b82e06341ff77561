import type { MediaUnit } from "../media/mod.ts";
import { parseRtcp, unixUsFromNtp } from "../rtp/mod.ts";
import type { RtpTrack } from "../transmux/mod.ts";
import { FRAME_HEADER_BYTES, RtspWireFormat } from "../wire/mod.ts";

/** Largest UDP payload over IPv4: publishers over TCP can send larger packets, and none does. */
const MAX_PACKET_BYTES = 65_507;

/** What goes out next: a packet of a track, or which time belongs to which of its timestamps. */
export type RtspUnitPacket =
  | { readonly track: number; readonly packet: Uint8Array; readonly reference?: undefined }
  | {
    readonly track: number;
    readonly packet?: undefined;
    readonly reference: { readonly rtpTimestamp: number; readonly unixUs: number };
  };

/** Makes RTP packets of units, with a source and a sequence of its own for each track. */
export class RtspUnitPackets {
  /** The tracks, as they were announced. */
  readonly tracks: readonly RtpTrack[];
  readonly #format: RtspWireFormat;

  /** Starts with random sources and numbers. */
  constructor(tracks: readonly RtpTrack[]) {
    this.tracks = tracks;
    this.#format = new RtspWireFormat({
      tracks,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      nowUnixUs: () => Date.now() * 1000,
    });
  }

  /** The packets of a unit. The client sends reports of its own, and is told what those of the format say. */
  of(unit: MediaUnit): RtspUnitPacket[] {
    return this.#frames(unit).flatMap((frame): RtspUnitPacket[] => {
      const track = frame[1]! >> 1;
      const packet = frame.subarray(FRAME_HEADER_BYTES);
      if ((frame[1]! & 1) === 0) {
        return packet.length <= MAX_PACKET_BYTES ? [{ track, packet }] : [];
      }
      return parseRtcp(packet).flatMap((report) => {
        if (report.type !== "sender-report") return [];
        const reference = {
          rtpTimestamp: report.rtpTimestamp,
          unixUs: unixUsFromNtp(report.ntp),
        };
        return [{ track, reference }];
      });
    });
  }

  /** The interleaved frames of a unit, channels 2n and 2n+1 for track n. */
  #frames(unit: MediaUnit): Uint8Array[] {
    const frames: Uint8Array[] = [];
    this.#format.encode(unit, {
      reserve: (length) => {
        const bytes = new Uint8Array(length);
        frames.push(bytes);
        return { bytes, offset: 0 };
      },
    });
    return frames;
  }
}
