import type { Feed } from "../../transport/mod.ts";

/** Where the bytes of an answer that lasts come from: a cursor of the hub, or what makes other bytes of one. */
export type ByteFeed = Pick<Feed, "next" | "advance" | "wait">;

/** How what takes from a feed tells what becomes of it. */
export interface FeedEvents {
  /** So many bytes were taken. */
  readonly onTaken: (count: number) => void;
  /** The client has all of a stream that has ended, or is gone. */
  readonly onDone: (about: { readonly isGone: boolean }) => void;
}

/** What takes the bytes of a feed to a client. */
export interface FeedSink {
  /** The stream has ended: passes on what there is, and then tells that it is done. */
  finish(): void;
  /** Passes nothing more on; the client is told why where its protocol has words for it. */
  close(end: { readonly reason: string; readonly message: string }): void;
  /** How long the client has taken nothing of what there is, milliseconds, as far as earlier calls tell. */
  stalledMs(nowMs: number): number;
}

/** Remembers since when the same count has been seen: a stall, without a look at the clock for each write. */
export class StallWatch {
  #seen = -1;
  #atMs = 0;

  /** How long `count` has been what it is; 0 while nothing is due. */
  stalledMs(nowMs: number, { count, isDue }: { readonly count: number; readonly isDue: boolean }) {
    if (!isDue || count !== this.#seen) {
      this.#seen = count;
      this.#atMs = nowMs;
    }
    return nowMs - this.#atMs;
  }
}
