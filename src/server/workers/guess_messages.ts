/** What is guessed: passwords, and secret names. */
export const GUARDS = ["guesses", "nameGuesses"] as const;

/** One of {@linkcode GUARDS}. */
export type GuardName = typeof GUARDS[number];

/** What a worker asks of who slows those that guess, for all workers. */
export type GuessAsk =
  | { readonly type: "note"; readonly guard: GuardName; readonly address: string }
  | {
    readonly type: "suspects";
    readonly guard: GuardName;
    readonly ask: number;
    readonly address: string;
  }
  | {
    readonly type: "turn";
    readonly guard: GuardName;
    readonly ask: number;
    readonly address: string;
    readonly waitMs: number;
  }
  /** Whoever waits for a turn has left. */
  | { readonly type: "withdraw"; readonly ask: number }
  /** What the turn was for has been judged. */
  | { readonly type: "judged"; readonly ask: number; readonly wasRight: boolean };

/** The answer: whether an address is suspected, or has its turn. */
export interface GuessReply {
  readonly ask: number;
  readonly isSo: boolean;
}
