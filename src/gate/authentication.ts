import { isSameText } from "../bytes/mod.ts";
import type { StreamRequest } from "./stream_request.ts";

/** The thing that a client wants to do with a stream. */
export type StreamAction = "publish" | "play";

/**
 * All that a client may want: a stream; to `talk` to who publishes it, whom it then is heard by; or to use the server's
 * API, which has no stream's name. Who may play or publish may not talk by that.
 */
export type AccessAction = StreamAction | "talk" | "api";

/** A way by which a client can be asked for a password (RFC 7617, RFC 7616). */
export type PasswordMethod = "digest-md5" | "digest-sha-256" | "basic";

/** Credentials that a client shows to prove who it is. */
export type ShownCredentials =
  /** Nothing. */
  | { readonly kind: "none" }
  /** A password in clear: Basic, or `user` and `pass` in the query of a URL. */
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** A bearer's token: `Bearer`, or `token` in the query of a URL. */
  | { readonly kind: "token"; readonly token: string }
  /** An answer to a challenge, which shows that the client knows a password without telling it. */
  | DigestCredentials;

/** An answer to a challenge: Digest of RTSP and HTTP, or the one that RTMP encoders know. */
export interface DigestCredentials {
  /** Tells credentials apart. */
  readonly kind: "digest";
  /** The user name that the client claims. */
  readonly username: string;
  /** What the password is for; a hash of user name, realm and password is made for one realm. */
  readonly realm: string;
  /**
   * Whether the client knows what is known of the user: the password, or where only this is stored the
   * hash `ha1` of "username:realm:password" in hexadecimal (RFC 7616, 3.4.2) for Digest. The time that it takes
   * tells nothing of either.
   */
  verify(known: { readonly password: string } | { readonly ha1: string }): boolean;
  /**
   * Whether `verify` found the answer right but for a challenge that is too old: the client is asked anew, and
   * has not guessed.
   */
  readonly isStale?: () => boolean;
}

/** A question who a client is, and whether it may do what it wants. */
export interface AuthenticationRequest extends StreamRequest {
  /** The thing that it wants to do; of `api` the name is empty. */
  readonly action: AccessAction;
  /** Its credentials. */
  readonly credentials: ShownCredentials;
  /**
   * It is asked ahead, whether the client has to show credentials: the name is the beginning of one, which RTMP tells at
   * connect. Whatever the answer is, it is asked again.
   */
  readonly isAhead?: boolean;
}

/**
 * What an authentication answers: to let the client in, as the user that it proved to be, or without a name;
 * to refuse, with the reason; or to ask for credentials, which a client that has shown wrong ones is too.
 */
export type AuthenticationAnswer =
  | { readonly allow: { readonly user: string } | "anonymous" } & AllowanceTerms
  | { readonly refuse: string } & RejectionTerms
  | { readonly challenge: string } & RejectionTerms;

/** What an answer that allows may say beside. */
export interface AllowanceTerms {
  /**
   * How long it holds, milliseconds: the publisher or player is then ended in the words of its protocol. What is not
   * above 0 refuses. Default: for ever.
   */
  readonly expiresInMs?: number;
  /**
   * The name of the stream in public, where the client has asked by another, a secret one. Log, hooks, statistics and
   * players know the stream by this one alone. Default: the name that was asked for.
   */
  readonly name?: string;
  /**
   * Nobody has to prove anything: a publisher of a private address that comes back is known by its address. Default
   * false.
   */
  readonly isOpen?: boolean;
  /**
   * What the answer rests on, in plain values: the gate keeps it as long as the publisher or player is there, and shows it
   * to the hook `mayStay`, and to nobody else.
   */
  readonly grounds?: unknown;
}

/** A publisher or player that is in, when other rules hold than when it came. */
export interface Admitted extends StreamRequest {
  /** What it does; who plays may talk besides, which is asked apart. */
  readonly action: StreamAction | "talk";
  /** What it was let in by, as the `authenticate` hook has said; `undefined` where it has not. */
  readonly grounds: unknown;
}

/** What an answer that turns away may say beside. */
export interface RejectionTerms {
  /**
   * Whether it counts as wrong credentials do: true where the client has shown none, and the name may have been a guess
   * of a secret; false where it has shown right ones, and may not do what it wants. Default: whether it has shown any.
   */
  readonly isGuess?: boolean;
  /** The name that was asked for is, or may be nearly, a secret: it goes into no log. Default false. */
  readonly hidesName?: boolean;
}

/** Options of {@linkcode fixedUsers}. */
export interface FixedUsersOptions {
  /** What may be done without credentials; nothing by default. */
  readonly anonymous?: readonly (StreamAction | "talk")[];
  /** The users who may use the API; nobody by default. */
  readonly api?: readonly string[];
}

/**
 * Makes an `authenticate` hook of user names and their passwords in clear: each user may publish and play
 * everything, and talk to whatever can be talked to.
 *
 * @throws {TypeError} if a user has no password
 *
 * @example
 * ```ts
 * import { fixedUsers, Server } from "@weir/server";
 *
 * await using server = new Server({
 *   hooks: { authenticate: fixedUsers({ alice: "wonderland" }, { anonymous: ["play"] }) },
 * });
 * ```
 */
export function fixedUsers(
  users: Readonly<Record<string, string>>,
  options: FixedUsersOptions = {},
): (request: AuthenticationRequest) => AuthenticationAnswer {
  const passwords = new Map(Object.entries(users));
  for (const [user, password] of passwords) {
    if (typeof password !== "string" || password === "") {
      throw new TypeError(`Cannot make users as each needs a password: ${user} has none`);
    }
  }
  const { anonymous = [], api = [] } = options;
  const mayUse = (action: AccessAction, user: string): boolean =>
    action !== "api" || api.includes(user);
  return ({ action, credentials }) => {
    switch (credentials.kind) {
      case "password":
      case "digest": {
        // A name that nobody has is compared too: the time must not tell which names there are.
        const known = passwords.get(credentials.username);
        const isRight = shows(credentials, known ?? "");
        if (isRight && known !== undefined) {
          const user = credentials.username;
          return mayUse(action, user) ? { allow: { user } } : { refuse: "Not allowed" };
        }
        return { challenge: "Wrong user name or password" };
      }
      case "token":
        return { challenge: "User name and password are needed" };
      case "none":
        return action !== "api" && anonymous.includes(action)
          ? { allow: "anonymous" }
          : { challenge: "User name and password are needed" };
    }
  };
}

function shows(
  credentials: Extract<ShownCredentials, { kind: "password" | "digest" }>,
  password: string,
): boolean {
  return credentials.kind === "password"
    ? isSameText(credentials.password, password)
    : credentials.verify({ password });
}

/**
 * What the query of a URL shows: `token`, or `user` and `pass`, or `username` and `password`; nothing where the
 * query has none of these.
 */
export function credentialsInQuery(query: URLSearchParams): ShownCredentials {
  const token = query.get("token");
  if (token !== null) return { kind: "token", token };
  const username = query.get("user") ?? query.get("username");
  const password = query.get("pass") ?? query.get("password");
  if (username === null && password === null) return { kind: "none" };
  return { kind: "password", username: username ?? "", password: password ?? "" };
}
