/** A packet that was sent, to be sent again. */
export interface SentPacket {
  /** The packet before it was protected, as all players share it. */
  readonly packet: Uint8Array;
  /** The number under which it was sent. */
  readonly sequenceNumber: number;
  /** The timestamp that it was sent with. */
  readonly timestamp: number;
}

/** Remembers the newest packets of a track that one player was sent: what it may ask for again. */
export class SentPackets {
  readonly #packets: (SentPacket | undefined)[];

  /** Remembers so many; a power of two. */
  constructor(size: number) {
    this.#packets = new Array(size).fill(undefined);
  }

  /** Notes a packet. */
  add(sent: SentPacket): void {
    this.#packets[sent.sequenceNumber & (this.#packets.length - 1)] = sent;
  }

  /** The packet of this number, where it is still known. */
  get(sequenceNumber: number): SentPacket | undefined {
    const sent = this.#packets[sequenceNumber & (this.#packets.length - 1)];
    return sent?.sequenceNumber === sequenceNumber ? sent : undefined;
  }
}
