import { isSameText } from "../bytes/mod.ts";
import type {
  Admitted,
  AuthenticationAnswer,
  AuthenticationRequest,
  PasswordMethod,
  Refused,
  RejectionTerms,
  ShownCredentials,
} from "../gate/mod.ts";
import { atMostEachSecond, type ServerLog } from "../log/mod.ts";
import type { Fetch } from "../transport/mod.ts";
import { KeyFile } from "./key_file.ts";
import type { UserCredentials } from "./known_users.ts";
import type { AccessOptions } from "./options.ts";
import { MAX_TOKEN_LENGTH, Policy, TOKEN_FORM } from "./policy.ts";
import { PublishKeys } from "./publish_keys.ts";
import { isSigned, judgeSignature } from "./signed_url.ts";
import { TooManyWaiting } from "./turns.ts";

/** What an {@linkcode Access} reaches the world by. */
export interface AccessEnvironment {
  /** Where it is told that something could not be asked. */
  readonly log: ServerLog;
  /** The time, milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number;
  /** Asks by HTTP; `fetch` by default. */
  readonly fetch?: Fetch;
}

/** What somebody was let in by, as the gate keeps it. It may have secrets. */
type Grounds =
  /** Anybody is. */
  | { readonly by: "nobody" }
  /** A publishing key. */
  | { readonly by: "key"; readonly hash: string }
  /** The signature of the URL. */
  | { readonly by: "signature" }
  /** A user's password, as it was known then. */
  | { readonly by: "user"; readonly mark: string }
  /** Somebody else's word, which is asked for by options as they were then. */
  | {
    readonly by: "token" | "url";
    readonly mark: string;
    readonly credentials: ShownCredentials;
  };

/** Longer passwords are wrong, and cost nothing. */
const MAX_PASSWORD_LENGTH = 1024;

const WHO = "User name and password are needed";
const WRONG = "Wrong user name or password";
const NOT_ALLOWED = "Not allowed";
const NOBODY_TALKS = {
  refuse: "Nobody may talk, as nothing says who may",
  isGuess: false,
} as const;
const NOT_CHECKED = "Who this is could not be checked";
const NO_LONGER: Refused = { refuse: "Not allowed any more" };
const NO_DIGEST =
  "Passwords cannot be checked by Digest here: use Basic, or user and pass in the query";

/**
 * Says who may publish, play and use the API, by the data that it was made of: an `authenticate` hook for the gate, so
 * that one decision serves all protocols.
 *
 * @example
 * ```ts
 * import { Access, hashPassword } from "@weir/server/access";
 *
 * const access = new Access({
 *   users: [{ name: "ann", password: await hashPassword("wonderland") }],
 *   rules: [{ allow: "play" }, { allow: "publish", users: "ann", paths: "live/*" }],
 * }, { log: console });
 * const answer = await access.authenticate({
 *   connection: { id: 1, protocol: "rtmp", remoteAddress: "192.0.2.7", app: "live", userAgent: "" },
 *   name: "live/cam",
 *   query: new URLSearchParams(),
 *   action: "publish",
 *   credentials: { kind: "password", username: "ann", password: "wonderland" },
 * });
 * console.log("allow" in answer && answer.allow); // { user: "ann" }
 * ```
 */
export class Access {
  /** The publishing keys. */
  readonly keys: PublishKeys;
  readonly #log: ServerLog;
  readonly #now: () => number;
  readonly #fetch: Fetch;
  readonly #tellFailure: (error: unknown) => void;
  /** Is called when other rules hold: who is in and no longer may be is to be ended (see `mayStay`). */
  onChanged: (() => void) | undefined;
  #policy: Policy;
  #isOpened = false;

  /**
   * Makes it of options.
   *
   * @throws {AccessOptionsError} if they cannot be read; the message names the one at fault, and no secret
   */
  constructor(options: AccessOptions, environment: AccessEnvironment) {
    this.#log = environment.log;
    this.#now = environment.now ?? Date.now;
    this.#fetch = environment.fetch ?? fetch;
    this.#policy = new Policy(options, this.#fetch);
    this.keys = new PublishKeys(options.keys ?? {}, {
      now: this.#now,
      store: options.keysFile === undefined ? undefined : new KeyFile(options.keysFile),
    });
    this.#tellFailure = atMostEachSecond(
      { now: this.#now },
      (error: unknown, count) =>
        this.#log.warn("access could not be checked, so nobody was let in", {
          error: error instanceof Error ? error.name : "unknown",
          detail: error instanceof Error ? error.message : "",
          count,
        }),
    );
  }

  /**
   * Reads the keys that were kept, loads what tokens need, and sees whether all is permitted; to be called before
   * anybody is let in.
   *
   * @throws {ServerError} `permission` if a permission is missing, with the flag to add; `state` if the file of keys
   * cannot be read, or tokens cannot be judged
   */
  async open(): Promise<void> {
    if (this.#isOpened) return;
    this.#isOpened = true;
    await this.#policy.open(this.#now);
    await this.keys.load();
    const { users, options } = this.#policy;
    const without = users.withoutDigest;
    const most = without.slice(0, 5).join(", ");
    if (without.length > 0 && without.length < users.size) {
      this.#log.info(
        "Digest is not offered to RTSP clients, as passwords of users are known by their scrypt hash alone; give those a ha1 to have it offered",
        { users: most, count: without.length },
      );
    }
    if (options.url !== undefined) {
      this.#log.info("access is asked of a URL", { host: hostOf(options.url) });
    }
  }

  /**
   * Changes who may do what; of a server, publishers and players that are in and no longer may be are ended. The keys
   * that were made stay, and so does the file that they are kept in.
   *
   * @throws {AccessOptionsError} (rejects) if the options cannot be read; and as `open`: then nothing is changed
   */
  async change(options: AccessOptions): Promise<void> {
    const policy = new Policy(options, this.#fetch);
    if (this.#isOpened) await policy.open(this.#now);
    this.keys.replaceFixed(options.keys ?? {});
    this.#policy = policy;
    this.onChanged?.();
  }

  /** The ways by which doors are to ask for passwords. */
  get passwordMethods(): readonly PasswordMethod[] {
    const { options, users } = this.#policy;
    // Others judge passwords as they are, and tokens come as passwords.
    const needsClear = options.url !== undefined || options.jwt !== undefined;
    return needsClear ? ["basic"] : users.passwordMethods;
  }

  /**
   * Whether RTMP is to ask at connect: only where passwords are known in clear can answers be checked, and who has a key
   * or a signature would be refused once.
   */
  get asksAtConnect(): boolean {
    const { options, users } = this.#policy;
    const isByPassword = users.size > 0 && users.areAllPlain && options.url === undefined;
    const isByName = options.signingSecrets !== undefined || options.jwt !== undefined ||
      options.keysFile !== undefined || this.keys.size > 0;
    return isByPassword && !isByName;
  }

  /** Whether a name is, or ends in, a publishing key: the hook for the gate. */
  readonly isSecretName = (name: string): boolean => this.keys.isKey(name);

  /** Whether anybody may publish and play. */
  get isOpen(): boolean {
    return this.#policy.isOpen(this.keys.size);
  }

  /** The hook for the gate. */
  readonly authenticate = async (request: AuthenticationRequest): Promise<AuthenticationAnswer> => {
    try {
      return await this.#decide(request);
    } catch (error) {
      this.#tellFailure(error);
      if (error instanceof TooManyWaiting) {
        return { refuse: "Too many wait to be checked: try again", isGuess: false };
      }
      return { refuse: NOT_CHECKED, isGuess: false };
    }
  };

  /** The hook for the gate that says whether somebody who is in may stay, by the rules of now. */
  readonly mayStay = async (admitted: Admitted): Promise<Refused | undefined> => {
    try {
      return await this.#mayStay(admitted, admitted.grounds as Grounds | undefined)
        ? undefined
        : NO_LONGER;
    } catch (error) {
      this.#tellFailure(error);
      return { refuse: NOT_CHECKED };
    }
  };

  /** As a client would be judged that comes now, but that what it has proved, and what did not change, still counts. */
  async #mayStay(admitted: Admitted, grounds: Grounds | undefined): Promise<boolean> {
    if (this.isOpen) return true;
    const { rules, users } = this.#policy;
    const { user, name } = admitted;
    const again = async (credentials: ShownCredentials): Promise<boolean> =>
      "allow" in await this.#byCredentials({ ...admitted, credentials });
    switch (grounds?.by) {
      case "key":
        return this.keys.isFor(grounds.hash, name);
      case "signature": {
        const answer = this.#bySignature({ ...admitted, credentials: { kind: "none" } });
        return answer !== undefined && "allow" in answer;
      }
      case "user":
        return user !== undefined && users.markOf(user) === grounds.mark &&
          rules.allows({ ...ruledRequest(admitted), user });
      case "token":
      case "url":
        return this.#policy.markOf(grounds.by) === grounds.mark || await again(grounds.credentials);
      default:
        return await again({ kind: "none" });
    }
  }

  async #decide(request: AuthenticationRequest): Promise<AuthenticationAnswer> {
    if (request.action === "api") return await this.#decideApi(request);
    if (request.isAhead) return this.#decideAhead(request);
    if (this.isOpen) {
      const { action } = request;
      return action === "talk" ? NOBODY_TALKS : { allow: "anonymous", isOpen: true };
    }
    return this.#byKey(request) ?? this.#bySignature(request) ?? await this.#byCredentials(request);
  }

  async #decideApi(request: AuthenticationRequest): Promise<AuthenticationAnswer> {
    const { credentials } = request;
    if (credentials.kind === "token") {
      const { apiTokens = [] } = this.#policy.options;
      const isKnown = apiTokens.map((token) => isSameText(credentials.token, token)).includes(true);
      if (isKnown) return { allow: { user: "api-token" } };
    }
    return await this.#byCredentials(request);
  }

  /** Whether a client has to show who it is, of which all is known but the end of the name. */
  #decideAhead(request: AuthenticationRequest): AuthenticationAnswer {
    const { rules } = this.#policy;
    const asked = ruledRequest(request);
    const mayPass = !this.asksAtConnect || this.isOpen ||
      rules.allows({ ...asked, name: `${asked.name}/?` }) ||
      !rules.couldAllow(asked, { anywhere: true });
    return mayPass ? { allow: "anonymous" } : { challenge: WHO };
  }

  /** A publisher by key; `undefined` where it shows none. */
  #byKey({ action, name, query }: AuthenticationRequest): AuthenticationAnswer | undefined {
    const { keys } = this;
    // A key is no name of a stream to play, and is not to be told of as one.
    if (action !== "publish") {
      return keys.isKey(name) ? { refuse: NOT_ALLOWED, hidesName: true } : undefined;
    }
    const verdict = keys.judge(name, query);
    if (verdict.kind === "key") {
      const { id, hash, name, expiresInMs } = verdict;
      return {
        allow: { user: `key:${id}` },
        name,
        ...on({ by: "key", hash }),
        ...(expiresInMs === undefined ? {} : { expiresInMs }),
      };
    }
    if (verdict.kind === "refused") return { refuse: verdict.why, hidesName: true, isGuess: false };
    return query.has("key") ? { refuse: "Wrong key", isGuess: true } : undefined;
  }

  /** Who has a signed URL; `undefined` where nothing is signed. */
  #bySignature({ action, name, query }: AuthenticationRequest): AuthenticationAnswer | undefined {
    const { signingSecrets = [] } = this.#policy.options;
    // What is signed is one of these alone.
    if (action !== "publish" && action !== "play") return undefined;
    if (signingSecrets.length === 0 || !isSigned(query)) return undefined;
    const nowMs = this.#now();
    const verdict = judgeSignature(query, {
      action,
      name,
      secrets: signingSecrets,
      nowS: nowMs / 1000,
    });
    if (verdict === "wrong") return { refuse: "The signature of the URL is wrong", isGuess: true };
    if (verdict === "expired") return { refuse: "The signed URL has expired", isGuess: false };
    return {
      allow: { user: `signed:${name}` },
      ...on({ by: "signature" }),
      expiresInMs: verdict.expiresAtS * 1000 - nowMs,
    };
  }

  async #byCredentials(request: AuthenticationRequest): Promise<AuthenticationAnswer> {
    const { credentials } = request;
    const { users, options } = this.#policy;
    switch (credentials.kind) {
      case "none":
        return await this.#byNobody(request);
      case "token":
        if (options.jwt !== undefined) return await this.#byToken(credentials.token, request);
        return options.url === undefined
          ? { challenge: users.size > 0 ? WHO : "Wrong token" }
          : await this.#byUrl(request, undefined);
      case "digest":
        return await this.#byUser(credentials, request);
      case "password": {
        const { username, password } = credentials;
        if (password.length > MAX_TOKEN_LENGTH) return { challenge: WRONG };
        const isToken = options.jwt !== undefined && !users.has(username) &&
          TOKEN_FORM.test(password);
        if (isToken) return await this.#byToken(password, request);
        if (options.url !== undefined && !users.has(username)) {
          return await this.#byUrl(request, username);
        }
        return await this.#byUser(credentials, request);
      }
    }
  }

  async #byUser(
    credentials: UserCredentials,
    request: AuthenticationRequest,
  ): Promise<AuthenticationAnswer> {
    const { users, rules } = this.#policy;
    if (credentials.kind === "digest" && !this.#canCheckDigest) return { challenge: NO_DIGEST };
    const isTooLong = credentials.kind === "password" &&
      credentials.password.length > MAX_PASSWORD_LENGTH;
    if (isTooLong || !await users.verify(credentials)) return { challenge: WRONG };
    const user = credentials.username;
    if (rules.allows({ ...ruledRequest(request), user })) {
      return { allow: { user }, ...on({ by: "user", mark: users.markOf(user) ?? "" }) };
    }
    return { refuse: NOT_ALLOWED, isGuess: false };
  }

  /** RTMP asks by digest where it is told to, whatever would be better. */
  get #canCheckDigest(): boolean {
    return this.#policy.users.withoutDigest.length === 0;
  }

  async #byToken(token: string, request: AuthenticationRequest): Promise<AuthenticationAnswer> {
    const policy = this.#policy;
    const verdict = await policy.verifyToken(token);
    if (verdict.kind === "wrong") return { challenge: verdict.why };
    const { permissions, user, expiresInMs } = verdict;
    const { action, name } = request;
    const isAllowed = permissions.some((permission) =>
      permission.action === action &&
      (action === "api" || (permission.path?.matches(name, { user }) ?? true))
    );
    if (!isAllowed) return { refuse: "The token is not for this", isGuess: false };
    // The API is for somebody; who publishes or plays may be nobody in particular.
    const somebody = action === "api" ? user ?? "token" : ofOthers(user);
    return {
      allow: somebody === undefined ? "anonymous" : { user: somebody },
      ...on({
        by: "token",
        mark: policy.markOf("token"),
        credentials: { kind: "token", token },
      }),
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
    };
  }

  async #byNobody(request: AuthenticationRequest): Promise<AuthenticationAnswer> {
    const { rules, options } = this.#policy;
    const asked = ruledRequest(request);
    const mayPlay = request.action === "play" && this.#policy.isByKeyAlone(this.keys.size);
    if (mayPlay || rules.allows(asked)) return { allow: "anonymous", ...on({ by: "nobody" }) };
    if (options.url !== undefined) return await this.#byUrl(request, undefined);
    const couldProve = options.jwt !== undefined || rules.couldAllow(asked) ||
      (request.action === "api" && options.apiTokens !== undefined);
    if (couldProve) return { challenge: WHO, ...this.#ofName(request) };
    return { refuse: NOT_ALLOWED, ...this.#ofName(request) };
  }

  /** A name that nobody may publish may be a key with a mistake in it, or a guess of one. */
  #ofName({ action }: AuthenticationRequest): RejectionTerms {
    if (action !== "publish" || this.keys.size === 0) return {};
    return { hidesName: true, isGuess: this.#policy.isByKeyAlone(this.keys.size) };
  }

  async #byUrl(
    request: AuthenticationRequest,
    username: string | undefined,
  ): Promise<AuthenticationAnswer> {
    const policy = this.#policy;
    const verdict = await policy.callback!.ask(request);
    const { credentials } = request;
    const hasShown = credentials.kind !== "none";
    if (verdict === "yes") {
      const user = ofOthers(username);
      return {
        allow: user === undefined ? "anonymous" : { user },
        ...on({ by: "url", mark: policy.markOf("url"), credentials }),
      };
    }
    return verdict === "who" ? { challenge: hasShown ? WRONG : WHO } : { refuse: NOT_ALLOWED };
  }
}

function on(grounds: Grounds): { readonly grounds: Grounds } {
  return { grounds };
}

/** A user whom others vouch for, who cannot be what stands for a key or a signed URL here. */
function ofOthers(user: string | undefined): string | undefined {
  return user === "" || /^(key|signed):/.test(user ?? "") ? undefined : user;
}

function ruledRequest(
  { action, name, connection }: Pick<AuthenticationRequest, "action" | "name" | "connection">,
) {
  return { action, name, address: connection.remoteAddress, user: undefined };
}

function hostOf(url: string): string {
  return new URL(url).host;
}
