import { createHmac } from "node:crypto";

/** Passwords that are remembered at a time. */
const MOST = 10_000;

/** How long they are, milliseconds. */
const KEPT_MS = 300_000;

/**
 * Passwords that were right a moment ago: RTSP and HTTP show them with each request, and scrypt is slow by intent. What
 * is remembered is their HMAC by a key of this process.
 */
export class ProvenPasswords {
  readonly #key = crypto.getRandomValues(new Uint8Array(32));
  readonly #now: () => number;
  /** Until when each is remembered, the oldest first. */
  readonly #untilMs = new Map<string, number>();

  /** Remembers nothing yet; takes time from `now`, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the user's password was shown to be right of late. */
  has(username: string, password: string): boolean {
    const untilMs = this.#untilMs.get(this.#markOf(username, password));
    return untilMs !== undefined && this.#now() < untilMs;
  }

  /** The user's password is right. */
  add(username: string, password: string): void {
    const mark = this.#markOf(username, password);
    this.#untilMs.delete(mark);
    this.#untilMs.set(mark, this.#now() + KEPT_MS);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > MOST) this.#untilMs.delete(oldest!);
  }

  #markOf(username: string, password: string): string {
    return createHmac("sha256", this.#key).update(JSON.stringify([username, password])).digest(
      "hex",
    );
  }
}
