import type { GateShare, Guesses } from "../../gate/mod.ts";
import type { GuardName, GuessAsk, GuessReply } from "./guess_messages.ts";

/** Those that slow who guesses. */
export type Guards = Required<Pick<GateShare, GuardName>>;

/** Slows who guesses at one worker, as all workers have it. */
export class GuessDesk {
  readonly #guards: Guards;
  readonly #post: (reply: GuessReply) => void;
  /** Who waits for a turn, by what ends the wait, and who has one. */
  readonly #waiting = new Map<number, Set<() => void>>();
  readonly #judging = new Map<number, (wasRight: boolean) => void>();
  #isClosed = false;

  /** Answers by `post`. */
  constructor(guards: Guards, post: (reply: GuessReply) => void) {
    this.#guards = guards;
    this.#post = post;
  }

  /** Takes what the worker asks for. */
  receive(asked: GuessAsk): void {
    switch (asked.type) {
      case "note":
        return void this.#guards[asked.guard].note(asked.address);
      case "suspects":
        return void this.#suspects(asked);
      case "turn":
        return void this.#turn(asked, this.#guards[asked.guard]);
      case "withdraw":
        return this.#leave(asked.ask);
      case "judged":
        this.#judging.get(asked.ask)?.(asked.wasRight);
        return void this.#judging.delete(asked.ask);
    }
  }

  /** The worker has died: nobody waits any more, and what was judged there nobody knows. */
  close(): void {
    this.#isClosed = true;
    for (const ask of [...this.#waiting.keys()]) this.#leave(ask);
    for (const judged of this.#judging.values()) judged(true);
    this.#judging.clear();
  }

  #leave(ask: number): void {
    for (const leave of [...this.#waiting.get(ask) ?? []]) leave();
  }

  async #suspects({ guard, ask, address }: Extract<GuessAsk, { type: "suspects" }>): Promise<void> {
    this.#post({ ask, isSo: await this.#guards[guard].suspects(address) });
  }

  async #turn(
    { ask, address, waitMs }: Extract<GuessAsk, { type: "turn" }>,
    guard: Guesses,
  ): Promise<void> {
    const leavers = new Set<() => void>();
    this.#waiting.set(ask, leavers);
    const judged = await guard.turn(address, { waitMs, leavers });
    this.#waiting.delete(ask);
    if (this.#isClosed) return judged?.(true);
    if (judged !== undefined) this.#judging.set(ask, judged);
    this.#post({ ask, isSo: judged !== undefined });
  }
}
