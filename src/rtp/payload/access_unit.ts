import type { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";

/** One coded picture with its parameter sets, or one frame of audio. */
export interface AccessUnit {
  /** RTP timestamp of its presentation, 0 to 2^32 - 1. */
  readonly timestamp: number;
  /**
   * Its parts: NAL units without start code or length (H.264, H.265), OBUs without size field (AV1),
   * the frame, one a spatial layer (VP8, VP9); for audio one frame. Views of the packets where a part
   * lies in one packet, else copies; read-only by contract, valid as long as they are held.
   */
  readonly parts: readonly Uint8Array[];
  /** Packets of it are missing. */
  readonly isIncomplete?: true;
}

/** Makes access units of the packets of one track. */
export interface Depacketizer {
  /** Access units dropped so far: incomplete, malformed, or beyond a limit. */
  readonly dropped: number;
  /**
   * Takes the next packet; packets come in order, with gaps where some were lost. Returns the access
   * units that are now complete, mostly none or one. Never throws for what a peer sent: what is
   * dropped is told to {@linkcode DepacketizerOptions.onError}.
   */
  push(packet: RtpPacket): readonly AccessUnit[];
  /**
   * Says that the access unit at hand has ended, where the caller knows that better than its packets
   * tell; returns it, if it is whole. Audio has nothing at hand but fragments, which stay.
   */
  end(): readonly AccessUnit[];
}

/** Options of every depacketizer. */
export interface DepacketizerOptions {
  /** Is called once for each access unit that was dropped, with the reason, at the latest with the packet after it. */
  readonly onError?: (error: RtpError) => void;
  /** Largest access unit in bytes; the format's own limit by default. */
  readonly maxUnitSize?: number;
  /** Most parts of an access unit; the format's own limit by default. */
  readonly maxParts?: number;
  /**
   * Whether the marker bit ends an access unit of video; true by default. Some senders set it on each slice
   * of a picture: who knows where their pictures end calls {@linkcode Depacketizer.end}.
   */
  readonly endsAtMarker?: boolean;
  /**
   * Whether an access unit of which packets are missing is returned with the parts that are whole, and marked,
   * instead of dropped. Of H.264 and H.265 alone, whose decoders conceal missing slices.
   */
  readonly keepIncomplete?: boolean;
}

/** One packet's content, to be put behind an RTP header. */
export interface RtpPayload {
  /** The payload; a view of the unit's part where it needs no header of its own. */
  readonly payload: Uint8Array;
  /** The marker bit. */
  readonly marker: boolean;
  /** RTP timestamp, 0 to 2^32 - 1. */
  readonly timestamp: number;
}

/** Cuts access units into packets. */
export interface Packetizer {
  /** Ticks that a frame lasts, of audio of which one packet may hold several frames. */
  readonly frameTicks?: number;
  /**
   * Cuts one access unit. For audio, `parts` may hold several frames that follow each other, of which
   * `timestamp` is the first one's.
   *
   * @throws {RtpError} `unit-too-large` or `malformed-payload` where the format cannot carry it
   */
  packetize(unit: AccessUnit): RtpPayload[];
}

/** Options of every packetizer. */
export interface PacketizerOptions {
  /** Largest payload in bytes; {@linkcode DEFAULT_MAX_PAYLOAD_SIZE} by default. */
  readonly maxPayloadSize?: number;
}

/**
 * Largest payload by default, in bytes: what an Ethernet frame of 1500 holds, less the headers of IPv6 (40 bytes), UDP (8)
 * and RTP (12). Larger packets would be fragmented over IPv6.
 */
export const DEFAULT_MAX_PAYLOAD_SIZE = 1440;

/** The result of a packet that completes nothing. */
export const NO_UNITS: readonly AccessUnit[] = Object.freeze([]);

/** Checks and returns the bound of a packetizer's payloads. */
export function maxPayloadSizeOf(options: PacketizerOptions): number {
  const { maxPayloadSize = DEFAULT_MAX_PAYLOAD_SIZE } = options;
  if (!(maxPayloadSize >= 64 && maxPayloadSize <= 65000)) {
    throw new RangeError(
      `Cannot packetize as maxPayloadSize must be 64 to 65000: current value is ${maxPayloadSize}`,
    );
  }
  return maxPayloadSize;
}
