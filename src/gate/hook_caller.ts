import type { ServerLog } from "../log/mod.ts";
import { type Clock, LATE, within } from "../time/mod.ts";
import type { NotGranted, Refusal } from "./answer.ts";
import type { HookResult } from "./hooks.ts";

/** The reason that a client gets when no hook can be asked; the details go to the log alone. */
const INTERNAL_ERROR: Refusal = { refused: "denied", why: "Internal error" };

/** Marks the answer that nobody waits for any more. */
const GONE = Symbol("gone");

/** Functions to call when a client leaves that waits for answers. */
export interface Leavers {
  /** Adds one. */
  add(leave: () => void): unknown;
  /** Takes it away again. */
  delete(leave: () => void): unknown;
}

/**
 * Calls what an embedder has passed in. Whatever it does, throw, reject, take for ever or answer nonsense, it
 * ends nothing but the request in question: who cannot be asked has refused.
 */
export class HookCaller {
  readonly #log: ServerLog;
  readonly #clock: Clock;
  /** How long an answer may take, milliseconds. */
  hookMs: number;

  /** `hookMs` is how long an answer may take, milliseconds. */
  constructor(log: ServerLog, options: { readonly clock: Clock; readonly hookMs: number }) {
    this.#log = log;
    this.#clock = options.clock;
    this.hookMs = options.hookMs;
  }

  /**
   * Asks for one of `leavers`; resolves with the answer, or how the request is refused as none could be had. `T` is
   * what the types promise: plain JavaScript may answer anything.
   */
  async ask<T>(
    ask: () => T | Promise<T>,
    leavers: Leavers,
  ): Promise<{ readonly answer: T } | Refusal> {
    const gone = Promise.withResolvers<typeof GONE>();
    const leave = (): void => gone.resolve(GONE);
    leavers.add(leave);
    try {
      const answered = Promise.race([Promise.try(ask), gone.promise]);
      const answer = await within(answered, { clock: this.#clock, ms: this.hookMs });
      if (answer === GONE) return { refused: "absent", why: "The connection has ended meanwhile" };
      if (answer !== LATE) return { answer };
    } catch (error) {
      this.#failed(error);
      return INTERNAL_ERROR;
    } finally {
      leavers.delete(leave);
    }
    const message = `A hook has not answered for ${this.hookMs} ms`;
    return { ...INTERNAL_ERROR, close: { clean: false, reason: "hook-timeout", message } };
  }

  /**
   * Asks a hook that may turn a client away; resolves with how, `undefined` when it may go on. `locate` makes the
   * URL that the client is told of a redirection's, and throws where it cannot.
   */
  async turnsAway(
    ask: () => HookResult,
    { locate, leavers }: {
      readonly locate: (redirect: string) => string;
      readonly leavers: Leavers;
    },
  ): Promise<NotGranted | undefined> {
    const asked = await this.ask(ask, leavers);
    if (!("answer" in asked)) return asked;
    const { answer } = asked;
    // Null, of plain JavaScript, is nothing; `false` is none of the answers that there are.
    if (answer === undefined || answer === null) return undefined;
    try {
      if (typeof answer === "object" && "refuse" in answer) {
        const refused = answer.refused === "full" ? "full" : "denied";
        return { refused, why: String(answer.refuse) };
      }
      if (typeof answer === "object" && "redirect" in answer) {
        return { redirect: locate(answer.redirect) };
      }
      throw new TypeError(
        `Cannot read a hook's answer that is neither nothing, refuse nor redirect: current value is ${typeof answer}`,
      );
    } catch (error) {
      this.#failed(error);
      return INTERNAL_ERROR;
    }
  }

  /** Tells a hook that only listens. */
  tell(tell: () => unknown): void {
    try {
      const told = tell();
      // An async one goes on by itself.
      if (isThenable(told)) told.then(undefined, (error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#log.error("a hook failed", { error: wordsOf(error) });
  }
}

/** Puts a thrown value into words; there are values that cannot be turned into text. */
function wordsOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "it threw what has no words";
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
