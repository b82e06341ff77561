import type { AccessAction } from "../gate/mod.ts";

/**
 * Who may do what, as plain data: of a configuration file, say. What is left out allows nobody by itself; where all is
 * left out, anybody may publish and play, and nobody may talk or use the API.
 */
export interface AccessOptions {
  /** Users and their passwords. Where there are no rules, each of them may publish, play and talk. */
  readonly users?: readonly AccessUser[];
  /**
   * Who may do what. The first rule that is about a request decides; where none is, the answer is no. They are not asked
   * about keys, signed URLs and tokens, which say by themselves what they are for.
   */
  readonly rules?: readonly AccessRule[];
  /**
   * Rules by patterns of names of streams (`live/cam`, `live/*`), asked before `rules`, those of the most particular
   * pattern first. What a pattern has rules about, nobody else may do there.
   */
  readonly paths?: Readonly<Record<string, readonly AccessRule[]>>;
  /** Tokens that may use the API, and nothing else; each of at least 16 characters. */
  readonly apiTokens?: readonly string[];
  /**
   * Publishing keys: the secret, and the stream that it is for, or several. It stands in the place of the stream's name
   * (`rtmp://host/live/SECRET`, `rtsp://host/SECRET`), behind the name (`rtsp://host/live/cam/SECRET`), or in the query
   * (`?key=SECRET`). A secret has 16 to 128 letters, digits, or `- . _ ~`. Where there are keys and nothing else, anybody may play, and publish by key alone.
   */
  readonly keys?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * The file that keeps the keys which are made while the server runs, by their hashes. Without it they are lost as it
   * stops. Needs permission to read and to write it.
   */
  readonly keysFile?: string;
  /**
   * Secrets of signed URLs, each of at least 16 characters: a URL is good that is signed by one of them. The first signs,
   * so that a new one can stand in front of the old.
   */
  readonly signingSecrets?: readonly string[];
  /** JSON Web Tokens of others. */
  readonly jwt?: JwtOptions;
  /**
   * The URL, `http:` or `https:`, that is asked about whoever is not known here: by POST, with a JSON object of `user`,
   * `password`, `token`, `ip`, `action` (`publish`, `read`, `talk` or `api`), `path`, `protocol`, `id` and `query`, as MediaMTX's
   * `authHTTPAddress` is. A status of 2xx allows; 401 asks for credentials; all else, redirects too, means no.
   */
  readonly url?: string;
  /** How long the answer may take, milliseconds, the wait for its turn included. Default 5000. */
  readonly urlTimeoutMs?: number;
  /** Questions to the URL at a time. Default 32; 1000 more may wait. */
  readonly urlConcurrency?: number;
}

/** A user, and how its password is known. */
export interface AccessUser {
  /** Its name, without a colon (RFC 7617). */
  readonly name: string;
  /** The password: the hash that `weir hash-password` prints, which begins with `$scrypt$`; or the password itself. */
  readonly password?: string;
  /**
   * What Digest is checked with (RFC 7616, 3.4.2): the MD5 or SHA-256 of `name:weir:password` in hexadecimal, or both;
   * `weir hash-password --digest NAME` prints them. Whoever has it can answer as the user does, so it is as secret as a
   * password.
   */
  readonly ha1?: string | readonly string[];
}

/** A rule: who may, or may not, do what, where, and from where. What is left out is any. */
export interface AccessRule {
  /** What may be done: this or `deny` is needed. */
  readonly allow?: AccessAction | readonly AccessAction[];
  /** What may not be done. */
  readonly deny?: AccessAction | readonly AccessAction[];
  /** Users that have proved who they are; `*` stands for all of them. Left out: also who has proved nothing. */
  readonly users?: string | readonly string[];
  /** Patterns of names of streams: `live/cam`, `live/*`, `live/{user}/*`. The API has no names. */
  readonly paths?: string | readonly string[];
  /** Ranges of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address. */
  readonly from?: string | readonly string[];
}

/**
 * JSON Web Tokens (RFC 7519): shown as `Bearer`, as `token` in the query, or as the password of a user who is not known
 * here. A publisher or player is closed when its token expires.
 */
export interface JwtOptions {
  /** The key that is shared with whoever makes the tokens (HS256, HS384 or HS512), at least 32 characters. */
  readonly secret?: string;
  /** The URL, `http:` or `https:`, of the public keys (RFC 7517) of whoever makes them; instead of `secret`. */
  readonly jwks?: string;
  /** The algorithms that are taken. Default: those that go with the key; `none` never. */
  readonly algorithms?: readonly string[];
  /** Who must have made the token (`iss`). Default: not looked at. */
  readonly issuer?: string;
  /** Whom the token must be for (`aud`). Default: not looked at. */
  readonly audience?: string;
  /**
   * The claim that says what is allowed: a list of `{ "action": "publish" | "play" | "talk" | "api", "path": PATTERN }`, where
   * `read` is `play`, and an empty or missing path is any. Default `weir_permissions`.
   */
  readonly claim?: string;
  /** The claim that has the user's name. Default `sub`. */
  readonly userClaim?: string;
  /** Whether tokens without an expiry (`exp`) are taken. Default false. */
  readonly allowsNoExpiry?: boolean;
}

/** A mistake in what says who may do what; the message has no secrets. */
export class AccessOptionsError extends TypeError {
  /** Name of the class. */
  override readonly name = "AccessOptionsError";
  /** The option at fault, such as `users[1].password`. */
  readonly path: string;

  /** Makes the error of an option. */
  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.path = path;
  }
}
