import { isSameText } from "../bytes/mod.ts";
import type { StreamRequest } from "./stream_request.ts";

/** The thing that a client wants to do. */
export type StreamAction = "publish" | "play";

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
  /** The thing that it wants to do. */
  readonly action: StreamAction;
  /** Its credentials. */
  readonly credentials: ShownCredentials;
}

/**
 * What an authentication answers: to let the client in, as the user that it proved to be, or without a name;
 * to refuse, with the reason; or to ask for credentials, which a client that has shown wrong ones is too.
 */
export type AuthenticationAnswer =
  | { readonly allow: { readonly user: string } | "anonymous" }
  | { readonly refuse: string }
  | { readonly challenge: string };

/** Options of {@linkcode fixedUsers}. */
export interface FixedUsersOptions {
  /** What may be done without credentials; nothing by default. */
  readonly anonymous?: readonly StreamAction[];
}

/**
 * Makes an `authenticate` hook of user names and their passwords in clear: each user may publish and play
 * everything.
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
  const { anonymous = [] } = options;
  return ({ action, credentials }) => {
    switch (credentials.kind) {
      case "password":
      case "digest": {
        // A name that nobody has is compared too: the time must not tell which names there are.
        const known = passwords.get(credentials.username);
        const isRight = shows(credentials, known ?? "");
        if (isRight && known !== undefined) return { allow: { user: credentials.username } };
        return { challenge: "Wrong user name or password" };
      }
      case "token":
        return { challenge: "User name and password are needed" };
      case "none":
        return anonymous.includes(action)
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
