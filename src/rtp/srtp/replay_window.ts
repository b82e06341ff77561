/**
 * Packets behind the newest that are still taken, each once. RFC 3711 (3.3.2) wants at least 64; a burst of a large
 * picture that is sent again after a loss is longer.
 */
export const REPLAY_WINDOW_PACKETS = 1024;

/** Says of packets by their index whether they have come before, or are too old to tell (RFC 3711, 3.3.2). */
export class ReplayWindow {
  /** The highest index that came; -1 before the first. */
  newest = -1;
  readonly #seen: Uint8Array = new Uint8Array(REPLAY_WINDOW_PACKETS);

  /** Whether a packet of this index may be taken. */
  admits(index: number): boolean {
    if (index > this.newest) return true;
    return index > this.newest - REPLAY_WINDOW_PACKETS &&
      this.#seen[index % REPLAY_WINDOW_PACKETS] === 0;
  }

  /** A packet of this index is authentic, and has come. */
  note(index: number): void {
    if (index > this.newest) {
      const first = Math.max(this.newest + 1, index - REPLAY_WINDOW_PACKETS + 1);
      for (let i = first; i < index; i++) this.#seen[i % REPLAY_WINDOW_PACKETS] = 0;
      this.newest = index;
    }
    this.#seen[index % REPLAY_WINDOW_PACKETS] = 1;
  }
}
