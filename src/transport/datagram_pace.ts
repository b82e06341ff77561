import type { Clock } from "../hub/mod.ts";
import { pause } from "../time/mod.ts";
import { type ReadingTurn, readingTurn } from "./reading_turn.ts";

/**
 * Datagrams that follow each other without a pause. A receiver's buffer holds some 90 of full size on Linux
 * (`net.core.rmem_default`), which is far less than a group of pictures, and whoever reads it is late at times.
 */
const BURST = 32;

/** The pause between full bursts, milliseconds: 180 Mb/s at most. */
const PAUSE_MS = 2;

/** A pause that a stream has by itself, milliseconds; a shorter one may be that of a machine with too much to do. */
const OWN_PAUSE_MS = 10;

/**
 * How datagrams to one receiver are spaced: what is kept of a stream leaves in bursts with pauses between them, and
 * what is live, which has pauses of its own, leaves as it comes. All that reads from the network has its turn in
 * a pause, since some of it may be what these datagrams go to, or datagrams that nobody sends again.
 */
export class DatagramPace {
  readonly #clock: Clock;
  readonly #turn: ReadingTurn;
  #sent = 0;
  #lastMs = -Infinity;

  /** `turn` is that of this program's event loop, if not given. */
  constructor(clock: Clock, options: { readonly turn?: ReadingTurn } = {}) {
    this.#clock = clock;
    this.#turn = options.turn ?? readingTurn;
  }

  /** Says that a datagram is about to leave, or `count`; returns what it waits for, `undefined` for nothing. */
  next(count = 1): Promise<void> | undefined {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastMs >= OWN_PAUSE_MS) this.#sent = 0;
    this.#lastMs = nowMs;
    if (!this.isFullWith(count)) {
      this.#sent += count;
      return undefined;
    }
    this.#sent = count;
    return this.#pause();
  }

  /** Whether so many more make a burst too long, where the stream has made no pause of its own since. */
  isFullWith(count: number): boolean {
    return this.#sent > 0 && this.#sent + count > BURST;
  }

  async #pause(): Promise<void> {
    await pause(PAUSE_MS, { clock: this.#clock });
    await this.#turn.giveWay();
    const nowMs = this.#clock.now();
    // Where much is done the turn comes late. Whoever was sent nothing meanwhile has two bursts then, and the receiver
    // room for them: with one it would fall behind what is live, wait again, and never be even.
    if (nowMs - this.#lastMs >= OWN_PAUSE_MS) this.#sent -= BURST;
    this.#lastMs = nowMs;
  }
}
