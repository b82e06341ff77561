/** Clients that are remembered; over it, those who were seen longest ago are asked again. */
const MOST_CLIENTS = 4096;

/** A client that can answer a question has done so by then: it takes one more connection. */
const ANSWER_MS = 2000;

/** How long a client is remembered since it was last seen. */
const KEPT_MS = 3_600_000;

/** When a client was asked, and last seen. */
interface Asked {
  readonly atMs: number;
  readonly seenMs: number;
}

/**
 * Clients that left when they were asked at connect who they are, and did not come back with an answer. The
 * programs that can answer do so without being told; the others stop, and have their credentials in the stream key,
 * which comes after connect: they get that far the next time.
 */
export class RtmpUnanswered {
  readonly #clients = new Map<string, Asked>();

  /** How many are remembered. */
  get size(): number {
    return this.#clients.size;
  }

  /** A client was asked. */
  add(client: string, nowMs: number): void {
    this.#keep(client, { atMs: this.#find(client, nowMs)?.atMs ?? nowMs, seenMs: nowMs });
  }

  /** The client has answered, or is to be asked again. */
  forget(client: string): void {
    this.#clients.delete(client);
  }

  /** Whether the client was asked, and has had the time to answer. */
  has(client: string, nowMs: number): boolean {
    const asked = this.#find(client, nowMs);
    if (asked === undefined || nowMs - asked.atMs < ANSWER_MS) return false;
    this.#keep(client, { ...asked, seenMs: nowMs });
    return true;
  }

  #find(client: string, nowMs: number): Asked | undefined {
    const asked = this.#clients.get(client);
    return asked !== undefined && nowMs - asked.seenMs < KEPT_MS ? asked : undefined;
  }

  /** Keeps those who were seen last at the end. */
  #keep(client: string, asked: Asked): void {
    this.#clients.delete(client);
    if (this.#clients.size >= MOST_CLIENTS) {
      const [oldest] = this.#clients.keys();
      this.#clients.delete(oldest!);
    }
    this.#clients.set(client, asked);
  }
}
