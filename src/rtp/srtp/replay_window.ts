/**
 * How far a packet may be behind the newest one and still be taken. RFC 3711 (3.3.2) wants at least 64 packets; a large
 * picture that is sent again after a loss is a longer burst than that.
 */
export const REPLAY_WINDOW_PACKETS = 1024;

/** Remembers by their indexes which packets have come, so that each is taken once (RFC 3711, 3.3.2). */
export class ReplayWindow {
  /** The highest index that came; -1 before the first. */
  newest = -1;
  readonly #seen: Uint8Array = new Uint8Array(REPLAY_WINDOW_PACKETS);

  /** Whether a packet of this index may be taken: it has not come yet, and is not too old to know that. */
  admits(index: number): boolean {
    if (index > this.newest) return true;
    return index > this.newest - REPLAY_WINDOW_PACKETS &&
      this.#seen[index % REPLAY_WINDOW_PACKETS] === 0;
  }

  /** Notes that a packet of this index has come, and is authentic. */
  note(index: number): void {
    if (index > this.newest) {
      const first = Math.max(this.newest + 1, index - REPLAY_WINDOW_PACKETS + 1);
      for (let i = first; i < index; i++) this.#seen[i % REPLAY_WINDOW_PACKETS] = 0;
      this.newest = index;
    }
    this.#seen[index % REPLAY_WINDOW_PACKETS] = 1;
  }
}
