import { byParticularity } from "../gate/mod.ts";
import { reasonOf } from "../log/mod.ts";
import { checkHttpPermission, type Fetch, isHttpUrl, ServerError } from "../transport/mod.ts";
import { AccessCallback } from "./access_callback.ts";
import { loadJose } from "./jose.ts";
import { makeTokenVerifier } from "./jwt_verifier.ts";
import { KnownUsers } from "./known_users.ts";
import {
  type AccessOptions,
  AccessOptionsError,
  type AccessRule,
  type JwtOptions,
} from "./options.ts";
import { AccessRules } from "./rules.ts";
import { MIN_SECRET_LENGTH } from "./signed_url.ts";
import type { TokenVerdict, TokenVerifier } from "./token_verifier.ts";

/** Longer tokens are not looked at: those of identity servers have some thousand characters. */
export const MAX_TOKEN_LENGTH = 8192;

/** A token in three parts (RFC 7519, 3.1). */
export const TOKEN_FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** A JWT's shared key must be as long as its shortest hash (RFC 7518, 3.2). */
const MIN_SHARED_KEY_LENGTH = 32;

/** What options say who may do what, read. */
export class Policy {
  /** The options. */
  readonly options: AccessOptions;
  /** The users. */
  readonly users: KnownUsers;
  /** The rules. */
  readonly rules: AccessRules;
  /** What asks the URL, where there is one. */
  readonly callback: AccessCallback | undefined;
  readonly #fetch: Fetch;
  #verifier: TokenVerifier | undefined;

  /**
   * Reads options.
   *
   * @throws {AccessOptionsError} if they cannot be read
   */
  constructor(options: AccessOptions, fetch: Fetch) {
    this.options = options;
    this.#fetch = fetch;
    this.users = new KnownUsers(options.users ?? []);
    this.rules = new AccessRules(allRules(options));
    checkSecrets("apiTokens", options.apiTokens);
    checkSecrets("signingSecrets", options.signingSecrets);
    if (options.jwt !== undefined) checkJwt(options.jwt);
    const { url, urlTimeoutMs = 5000, urlConcurrency = 32 } = options;
    checkNumber("urlTimeoutMs", urlTimeoutMs);
    checkNumber("urlConcurrency", urlConcurrency);
    if (url === undefined) return;
    checkUrl("url", url);
    this.callback = new AccessCallback({
      url,
      timeoutMs: urlTimeoutMs,
      atATime: urlConcurrency,
      fetch,
    });
  }

  /** Loads what tokens need. */
  async open(now: () => number): Promise<void> {
    const { url, jwt } = this.options;
    if (url !== undefined) checkHttpPermission("ask access.url", url);
    if (jwt === undefined) return;
    if (jwt.jwks !== undefined) checkHttpPermission("ask access.jwt.jwks", jwt.jwks);
    try {
      const jose = await loadJose();
      this.#verifier = makeTokenVerifier(jwt, { jose, now, fetch: this.#fetch });
    } catch (cause) {
      const why = reasonOf(cause).split("\n", 1)[0];
      throw new ServerError(
        "state",
        `Cannot judge tokens (access.jwt) as the package jose cannot be loaded: ${why}`,
        { cause },
      );
    }
  }

  /** Judges a token. */
  async verifyToken(token: string): Promise<TokenVerdict> {
    if (token.length > MAX_TOKEN_LENGTH || !TOKEN_FORM.test(token)) {
      return { kind: "wrong", why: "The token is wrong" };
    }
    if (this.#verifier === undefined) throw new Error("Tokens cannot be judged before open()");
    return await this.#verifier.verify(token);
  }

  /** Tells apart what tokens are judged by, or which URL is asked. */
  markOf(by: "token" | "url"): string {
    const { jwt, url } = this.options;
    return by === "token" ? JSON.stringify(jwt ?? "") : url ?? "";
  }

  /** Whether nothing says who may publish and play. */
  isOpen(keyCount: number): boolean {
    return this.#asksNobody && keyCount === 0 && this.options.keysFile === undefined;
  }

  /** Whether keys are all there is: then anybody may play. */
  isByKeyAlone(keyCount: number): boolean {
    return this.#asksNobody && (keyCount > 0 || this.options.keysFile !== undefined);
  }

  get #asksNobody(): boolean {
    const { rules, paths = {}, signingSecrets, jwt, url } = this.options;
    return this.users.size === 0 && Object.keys(paths).length === 0 &&
      [rules, signingSecrets, jwt, url].every((option) => option === undefined);
  }
}

/** The rules of paths go before the others. */
function allRules({ paths = {}, ...options }: AccessOptions): readonly AccessRule[] {
  const ofPaths = Object.keys(paths).sort(byParticularity).flatMap((pattern) => {
    const rules = paths[pattern]!.map((rule) => ({ ...rule, paths: [pattern] }));
    const actions = new Set(rules.flatMap(({ allow, deny }) => [allow ?? [], deny ?? []].flat()));
    return actions.size === 0 ? [] : [...rules, { deny: [...actions], paths: [pattern] }];
  });
  if (options.rules !== undefined) return [...ofPaths, ...options.rules];
  return [...ofPaths, ...ofPaths.length === 0 ? defaultRules(options) : rulesElsewhere(options)];
}

/** What holds where there are no rules at all: who is a user may do everything. */
function defaultRules({ users = [] }: AccessOptions): readonly AccessRule[] {
  return users.length === 0 ? [] : [{ allow: ["publish", "play", "talk"], users: "*" }];
}

/** What holds for streams that no rule is about, where there are rules for some: as if there were none. */
function rulesElsewhere(options: AccessOptions): readonly AccessRule[] {
  const { users = [], signingSecrets, jwt, url, keys, keysFile } = options;
  if (users.length > 0) return defaultRules(options);
  if (signingSecrets !== undefined || jwt !== undefined || url !== undefined) return [];
  const isByKey = keys !== undefined || keysFile !== undefined;
  return [{ allow: isByKey ? "play" : ["publish", "play"] }];
}

function checkSecrets(path: string, secrets: readonly string[] | undefined): void {
  if (secrets === undefined) return;
  const short = secrets.findIndex((secret) =>
    typeof secret !== "string" || secret.length < MIN_SECRET_LENGTH
  );
  if (short >= 0) {
    throw new AccessOptionsError(
      `${path}[${short}]`,
      `a secret has at least ${MIN_SECRET_LENGTH} characters`,
    );
  }
}

function checkJwt({ secret, jwks, algorithms }: JwtOptions): void {
  if ((secret === undefined) === (jwks === undefined)) {
    throw new AccessOptionsError("jwt", "needs either secret or jwks");
  }
  if (secret !== undefined && secret.length < MIN_SHARED_KEY_LENGTH) {
    throw new AccessOptionsError(
      "jwt.secret",
      `a shared key has at least ${MIN_SHARED_KEY_LENGTH} characters`,
    );
  }
  if (jwks !== undefined) checkUrl("jwt.jwks", jwks);
  const kind = secret === undefined ? /^(RS|PS|ES)(256|384|512)$|^EdDSA$/ : /^HS(256|384|512)$/;
  const wrong = algorithms?.find((name) => !kind.test(name));
  if (wrong !== undefined) {
    throw new AccessOptionsError(
      "jwt.algorithms",
      `must be of the kind of the key: current value is ${JSON.stringify(wrong)}`,
    );
  }
}

function checkUrl(path: string, text: string): void {
  if (isHttpUrl(text)) return;
  throw new AccessOptionsError(path, "must be a URL of http or https, without user and password");
}

function checkNumber(path: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= 600_000) return;
  throw new AccessOptionsError(
    path,
    `must be a whole number from 1 to 600000: current value is ${value}`,
  );
}
