import type { NotGranted, RefusalKind } from "../../gate/mod.ts";
import { WholeAnswer } from "./whole_answer.ts";

/** What a client is told that does not get what it asked for: a code for programs, and the reason for people. */
export interface HttpFault {
  /** HTTP's status. */
  readonly status: number;
  /** A word that stays the same: `absent`, `denied`, `method` … */
  readonly code: string;
  /** The reason in words. */
  readonly reason: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Makes an answer of JSON that is not to be kept by anybody on the way.
 *
 * @example
 * ```ts
 * import { jsonAnswer } from "./json_answer.ts";
 *
 * console.log(jsonAnswer({ status: "ok" }).headers["content-type"]); // application/json
 * ```
 */
export function jsonAnswer(
  value: unknown,
  { status = 200, headers = {} }: {
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): WholeAnswer {
  return new WholeAnswer(`${JSON.stringify(value)}\n`, {
    status,
    headers: { ...JSON_HEADERS, ...headers },
  });
}

const JSON_HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Makes the answer to a request that is refused: `{ "code": …, "reason": … }`. */
export function faultAnswer({ status, code, reason, headers = {} }: HttpFault): WholeAnswer {
  return jsonAnswer({ code, reason }, { status, headers });
}

/** What a refusal of the gate is in HTTP (RFC 9110, 15). */
const STATUSES: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  denied: 403,
  taken: 409,
  absent: 404,
  full: 503,
  leaving: 503,
};

/** Both of the schemes that credentials may come by; browsers ask for a password by the first. */
const CHALLENGE = 'Basic realm="weir", charset="UTF-8", Bearer realm="weir"';

/** Makes the answer that tells what the gate has said instead of yes. */
export function answerOfGate(away: NotGranted): WholeAnswer {
  if ("challenge" in away) {
    return faultAnswer({
      status: 401,
      code: "credentials",
      reason: away.challenge,
      headers: { "www-authenticate": CHALLENGE },
    });
  }
  if ("redirect" in away) {
    const status = away.isSame === true ? 307 : 302;
    return new WholeAnswer(null, {
      status,
      headers: { location: away.redirect, "cache-control": "no-store" },
    });
  }
  const { refused, why, close } = away;
  return faultAnswer({
    status: STATUSES[refused],
    code: refused,
    reason: why,
    headers: {
      ...(refused === "full" || refused === "leaving" ? { "retry-after": "1" } : {}),
      ...(close === undefined ? {} : { connection: "close" }),
    },
  });
}
