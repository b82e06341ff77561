/** Limits of what one peer can make a chunk decoder hold. */
export interface ChunkLimits {
  /**
   * Largest message body in bytes, 10 MiB by default: a key frame of 8K video is below 4 MiB.
   * Exceeding it is `message-too-large`.
   */
  readonly maxMessageBytes: number;
  /**
   * Bytes of all unfinished messages together, 16 MiB by default: one message of the largest size
   * and room for those that interleave with it. Exceeding it is `partial-bytes-exceeded`.
   */
  readonly maxPartialBytes: number;
  /**
   * Chunk streams that are remembered, 256 by default: encoders use three to eight, and each costs
   * about 150 bytes for as long as the connection lives. Exceeding it is `too-many-chunk-streams`.
   */
  readonly maxChunkStreams: number;
}

/** The default limits. */
export const DEFAULT_CHUNK_LIMITS: ChunkLimits = {
  maxMessageBytes: 10 * 1024 * 1024,
  maxPartialBytes: 16 * 1024 * 1024,
  maxChunkStreams: 256,
};

/**
 * What a server's peer may make it hold before it publishes or plays, where its limits with a role are not
 * lower still: its commands are some hundred bytes on one to three chunk streams.
 */
export const CHUNK_LIMITS_BEFORE_ROLE: Pick<ChunkLimits, "maxPartialBytes" | "maxChunkStreams"> = {
  maxPartialBytes: 64 * 1024,
  maxChunkStreams: 16,
};

/**
 * Returns limits as they are.
 *
 * @throws {RangeError} if one is not a positive integer
 */
export function checkedLimits(limits: ChunkLimits): ChunkLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(
        `Cannot limit chunks as '${name}' must be a positive integer: current value is ${value}`,
      );
    }
  }
  return limits;
}
