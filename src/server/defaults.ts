import type { ServerTiming } from "../doors/mod.ts";

/** Times of a server where nothing else is said, milliseconds. */
export const SERVER_TIMING: ServerTiming = {
  playWaitMs: 10_000,
  describeWaitMs: 3000,
  writeStallMs: 10_000,
  closeMs: 1000,
  hookMs: 30_000,
};

/** Bytes that all connections together may make a server hold where nothing else is said. */
export const MAX_CONNECTION_BYTES: number = 256 * 1024 * 1024;

/** How long clients may take to leave when the server is drained, milliseconds. */
export const DRAIN_TIMEOUT_MS = 10_000;
