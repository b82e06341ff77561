import type { Guesses, TurnOptions } from "../../gate/mod.ts";
import type { GuardName, GuessAsk, GuessReply } from "./guess_messages.ts";

/** Has who guesses slowed by the main thread, whatever worker is asked. */
export class GuessClient {
  readonly #post: (ask: GuessAsk) => void;
  readonly #asked = new Map<number, (isSo: boolean) => void>();
  #next = 1;

  /** Asks by `post`. */
  constructor(post: (ask: GuessAsk) => void) {
    this.#post = post;
  }

  /** Takes an answer. */
  receive({ ask, isSo }: GuessReply): void {
    this.#asked.get(ask)?.(isSo);
    this.#asked.delete(ask);
  }

  /** Who slows those that guess, as a gate has them. */
  guard(guard: GuardName): Guesses {
    return {
      note: (address) => this.#post({ type: "note", guard, address }),
      suspects: (address) => this.#ask((ask) => ({ type: "suspects", guard, ask, address })).isSo,
      turn: (address, options) => this.#turn(guard, { address, ...options }),
      close: () => {
        for (const answer of this.#asked.values()) answer(false);
        this.#asked.clear();
      },
    };
  }

  async #turn(
    guard: GuardName,
    { address, waitMs, leavers }: TurnOptions & { readonly address: string },
  ): Promise<((wasRight: boolean) => void) | undefined> {
    const { ask, isSo } = this.#ask((ask) => ({ type: "turn", guard, ask, address, waitMs }));
    const withdraw = (): void => this.#post({ type: "withdraw", ask });
    leavers.add(withdraw);
    const mayGo = await isSo;
    leavers.delete(withdraw);
    if (!mayGo) return undefined;
    return (wasRight) => this.#post({ type: "judged", ask, wasRight });
  }

  #ask(
    asking: (ask: number) => GuessAsk,
  ): { readonly ask: number; readonly isSo: Promise<boolean> } {
    const ask = this.#next++;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#asked.set(ask, resolve);
    this.#post(asking(ask));
    return { ask, isSo: promise };
  }
}
