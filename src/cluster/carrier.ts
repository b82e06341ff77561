import type { BackChannelSource } from "../hub/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import type { Holder } from "./directory.ts";

/** What whoever has a stream knows of it. */
export interface PulledStream {
  /** Its tracks, where they are known before the first unit. */
  readonly tracks?: readonly Track[] | undefined;
  /** The longest time between two of its key frames lately, microseconds, where that is known. */
  readonly longestKeyIntervalUs?: number | undefined;
  /** How its publisher can be talked to, where it can. */
  readonly backChannel?: BackChannelSource | undefined;
  /** The wall-clock time of time 0 of its units, see `PublishOptions` of the hub. */
  readonly epochUnixUs?: () => number | undefined;
}

/** What takes in a stream that is fetched. */
export interface PullSink {
  /** The stream is there; false where it is wanted no longer. */
  start(stream: PulledStream): boolean;
  /** Takes a batch of units; false when no more is wanted. */
  take(units: readonly MediaUnit[]): boolean;
}

/**
 * Why a fetched stream is over: its publisher has ended or changed (`ended`), the holder does not have it (`absent`), the
 * way to the holder has failed (`lost`), or it is wanted no longer (`unwanted`).
 */
export type PullEnd = "ended" | "absent" | "lost" | "unwanted";

/** Brings a stream from the member that has it, once. */
export interface Carrier {
  /** Fetches a stream until it ends, the signal is aborted or the sink wants no more; never rejects. */
  pull(
    holder: Holder,
    options: { readonly name: string; readonly signal: AbortSignal; readonly sink: PullSink },
  ): Promise<PullEnd>;
  /**
   * Says that a stream is wanted here until the function that is returned is called: who has its publisher keeps from the
   * first unit on what is fetched a moment later.
   */
  expect?(name: string): () => void;
  /** Lets go of all that it reaches others by. */
  close?(): void;
}
