import { isSameText } from "../bytes/mod.ts";
import { faultAnswer, type HttpAnswer, type HttpVisit, proofOf } from "../doors/http/mod.ts";

/** Who may use the API. */
export interface ApiGuardOptions {
  /** Tokens any of which opens the API. */
  readonly tokens: readonly string[];
  /** Whether the server's users are asked too. */
  readonly asksUsers: boolean;
}

/**
 * Lets in who shows one of the API's tokens, or is a user that may use it. Where there are neither, nobody gets in:
 * to be near, or to come by a proxy, counts for nothing.
 */
export class ApiGuard {
  readonly #options: ApiGuardOptions;

  /** A guard for what `options` names. */
  constructor(options: ApiGuardOptions) {
    this.#options = options;
  }

  /** Resolves with the answer for a client that may not use the API; `undefined` for one that may. */
  async refusal(visit: HttpVisit): Promise<HttpAnswer | undefined> {
    const { credentials, log } = visit;
    if (credentials.kind === "token" && this.#isToken(credentials.token)) return undefined;
    if (!this.#options.asksUsers || credentials.kind === "none") {
      if (credentials.kind !== "none") log.warn("API refused, the token is wrong", at(visit));
      return faultAnswer(NO_TOKEN);
    }
    const answer = await proofOf(visit, "api", { name: "" });
    if ("granted" in answer) return undefined;
    log.warn("API refused", at(visit));
    if ("challenge" in answer) return faultAnswer({ ...NO_TOKEN, reason: answer.challenge });
    const reason = "refused" in answer ? answer.why : "The API is elsewhere";
    return faultAnswer({ status: 403, code: "denied", reason });
  }

  /** All are compared, so that the time tells nothing. */
  #isToken(token: string): boolean {
    let isOne = false;
    for (const known of this.#options.tokens) isOne = isSameText(token, known) || isOne;
    return isOne;
  }
}

/** Browsers do not ask for a password by this scheme: the console has a form of its own. */
const NO_TOKEN = {
  status: 401,
  code: "token",
  reason: "The API needs a token: Authorization: Bearer TOKEN",
  headers: { "www-authenticate": 'Bearer realm="weir API"' },
} as const;

function at({ guest }: HttpVisit): { readonly connection: number } {
  return { connection: guest.id };
}
