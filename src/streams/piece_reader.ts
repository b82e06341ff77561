import { PipedReadable } from "./piped_readable.ts";

/** Reads a stream a piece at a time. */
export interface PieceReader<T> {
  /** Resolves with the next piece; with `undefined` at the end. Not called again before it has. */
  next(): Promise<T | undefined>;
  /** Lets somebody else read the rest. */
  release(): void;
}

/**
 * Makes what reads a stream a piece at a time. Where the stream is a {@linkcode PipedReadable}, each piece comes from its
 * source by a call, without a stream of the platform between.
 */
export function pieceReader<T>(readable: ReadableStream<T>): PieceReader<T> {
  const reader = readable instanceof PipedReadable ? readable.takePieces() : undefined;
  return reader ?? streamReader(readable);
}

function streamReader<T>(readable: ReadableStream<T>): PieceReader<T> {
  const reader = readable.getReader();
  return {
    next: async () => (await reader.read()).value,
    release: () => reader.releaseLock(),
  };
}
