import { checkStreamName, HubError } from "../hub/mod.ts";
import { type Answer, type NotGranted, type Refusal, refusalOf } from "./answer.ts";
import { EXPIRED } from "./ticket.ts";

/** What a client has proved. */
export interface Proof {
  /** The user that it is; `undefined` where it need not say. */
  readonly user: string | undefined;
  /** How long that holds, milliseconds. */
  readonly expiresInMs: number | undefined;
  /** The public name of the stream, where it has asked by another. */
  readonly name: string | undefined;
  /** Nobody has to prove anything. */
  readonly isOpen: boolean;
  /** What the proof is, for the hook that judges it when other rules hold. */
  readonly grounds: unknown;
}

/** Who has proved nothing. */
export const NOBODY: Proof = {
  user: undefined,
  expiresInMs: undefined,
  name: undefined,
  isOpen: false,
  grounds: undefined,
};

/** An answer of the `authenticate` hook, as it was read. */
export interface Verdict {
  readonly verdict: Answer<Proof>;
  /** Whether it counts as wrong credentials; `undefined` where the hook does not say. */
  readonly isGuess?: boolean | undefined;
}

/** Says no more than that. */
export const NOT_ALLOWED: Refusal = { refused: "denied", why: "Not allowed" };

/** The refusal of a name that no stream can have. */
export function faultOfName(name: string): Refusal | undefined {
  try {
    checkStreamName(name);
    return undefined;
  } catch (error) {
    if (error instanceof HubError) return refusalOf(error);
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Reads the answer of an `authenticate` hook; a value that is none of the answers refuses. */
export function verdictOf(answer: unknown): Verdict {
  if (!isRecord(answer)) return { verdict: NOT_ALLOWED };
  const { allow, challenge, refuse, isGuess } = answer;
  const rejected = {
    isGuess: typeof isGuess === "boolean" ? isGuess : undefined,
    hides: answer["hidesName"] === true ? { hidesName: true } : {},
  };
  const away = (verdict: NotGranted): Verdict => ({
    verdict: { ...verdict, ...rejected.hides } as NotGranted,
    isGuess: rejected.isGuess,
  });
  if (typeof refuse === "string") return away({ refused: "denied", why: refuse });
  if (typeof challenge === "string") return away({ challenge });
  // One that is there and says nothing is none of the answers, whatever stands beside it.
  if (refuse != null || challenge != null) return { verdict: NOT_ALLOWED };
  if (allow === "anonymous") return { verdict: proofOf(undefined, answer) };
  const user = isRecord(allow) ? allow["user"] : undefined;
  const isNamed = typeof user === "string" && user !== "";
  return { verdict: isNamed ? proofOf(user, answer) : NOT_ALLOWED };
}

/** What an answer that allows says beside. */
function proofOf(user: string | undefined, answer: Record<string, unknown>): Answer<Proof> {
  const { expiresInMs, name, isOpen, grounds } = answer;
  if (expiresInMs !== undefined) {
    if (typeof expiresInMs !== "number" || Number.isNaN(expiresInMs)) return NOT_ALLOWED;
    if (expiresInMs <= 0) return { refused: "denied", why: EXPIRED.message };
  }
  if (name !== undefined && (typeof name !== "string" || faultOfName(name) !== undefined)) {
    return NOT_ALLOWED;
  }
  return { granted: { user, expiresInMs, name, isOpen: isOpen === true, grounds } };
}
