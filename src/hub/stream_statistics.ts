import type { PublicationStatistics } from "./publication.ts";

/** Statistics of one reader. */
export interface ReaderStatistics {
  /** Wire format. */
  readonly format: string;
  /**
   * Bytes that have left for this reader, and whole messages (RTMP messages; RTP and RTCP packets, each with
   * the 4 bytes of its interleaving). One that wants a part of the tracks alone has passed over the others.
   */
  readonly bytes: number;
  /** See `bytes`. */
  readonly messages: number;
  /** Bytes that it is behind. */
  readonly lagBytes: number;
  /** Time that it is behind, milliseconds. */
  readonly lagMs: number;
  /** How often it was too slow and skipped to a key frame. */
  readonly skips: number;
  /** Packets that it has reported lost on the way; `undefined` where it has reported nothing. */
  readonly lostPackets: number | undefined;
}

/** Statistics of one stream. */
export interface StreamStatistics {
  /** Name of the stream. */
  readonly name: string;
  /** Its publisher; `undefined` while it has none. */
  readonly publisher: PublicationStatistics | undefined;
  /** Whether its readers see anything: a publisher, what is held back of one that has gone, or a fallback. */
  readonly isLive: boolean;
  /** The fallback, while that is what its readers see. */
  readonly fallback?: PublicationStatistics | undefined;
  /** Media of its publishers that is held back. Left out where nothing is. */
  readonly held?: { readonly bytes: number; readonly ms: number } | undefined;
  /** Its readers, taps left out; all players of multicast are one. */
  readonly readers: readonly ReaderStatistics[];
  /** Bytes that have left for all readers, those that have gone too. */
  readonly bytesSent: number;
  /** Messages that have left for all readers, those that have gone too. */
  readonly messagesSent: number;
  /** Frames that the wire formats of its readers could not carry, those that have gone too. */
  readonly dropped: number;
}

/** Counts of a stream, or of all streams together, so far. */
export interface StreamTotals {
  /** Bytes of payload received. */
  readonly bytesReceived: number;
  /** Units received. */
  readonly unitsReceived: number;
  /** Bytes that have left for readers. */
  readonly bytesSent: number;
  /** Messages that have left for readers. */
  readonly messagesSent: number;
  /** Times that readers were too slow and skipped to a key frame. */
  readonly skips: number;
  /** Frames that the wire formats of readers could not carry. */
  readonly dropped: number;
}
