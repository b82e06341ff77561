import { createHash } from "node:crypto";
import { RtmpError } from "./errors.ts";

/** User name and password for a server that asks for them in connect. */
export interface RtmpCredentials {
  /** User name. */
  readonly username: string;
  /** Password. */
  readonly password: string;
}

/** Options of a {@linkcode RtmpConnectAuthentication}. */
export interface RtmpConnectAuthenticationOptions {
  /** User name and password. Without them, a server that asks for them ends the connection. */
  readonly credentials?: RtmpCredentials | undefined;
  /** Application to connect to, with its query. */
  readonly app: string;
  /** Returns that many random bytes. */
  readonly random: (length: number) => Uint8Array;
}

/** The two dialects: Adobe Media Server's authentication add-in, and that of Limelight's network. */
type Dialect = "adobe" | "llnw";

/** Fixed parts of Limelight's digest. */
const LLNW = { realm: "live", method: "publish", nonceCount: "00000001", qop: "auth" } as const;

/** Bytes of the client's own challenge, which is sent in hexadecimal digits. */
const CHALLENGE_BYTES = 4;

/**
 * How a client proves who it is to a server that refuses its connect and asks for that, in the two dialects
 * that FFmpeg, librtmp and GStreamer speak; there is no specification but what they do. The server asks in
 * the description of the refusal, the client answers in the query of `app` and `tcUrl`, each time on a new
 * connection:
 *
 * 1. `[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ]`: the client names its user.
 * 2. `… [ authmod=adobe ] : ?reason=needauth&user=…&salt=…&challenge=…&opaque=…`, or `nonce` with
 *    `authmod=llnw`: the client answers the challenge.
 * 3. Connected, or refused with `?reason=authfailed` or `?reason=nosuchuser`.
 *
 * So it takes three connections at most. Neither the password nor what is made of it is in any error.
 *
 * @example
 * ```ts
 * import { RtmpConnectAuthentication } from "@weir/server/rtmp";
 *
 * const authentication = new RtmpConnectAuthentication({
 *   credentials: { username: "ann", password: "secret" },
 *   app: "live",
 *   random: (length) => crypto.getRandomValues(new Uint8Array(length)),
 * });
 * const again = authentication.refused(
 *   "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
 * );
 * console.log(again, authentication.app); // true live?authmod=adobe&user=ann
 * ```
 */
export class RtmpConnectAuthentication {
  readonly #options: RtmpConnectAuthenticationOptions;
  #query = "";
  #step: "nothing" | "named" | "answered" = "nothing";

  /** Starts without having been asked. */
  constructor(options: RtmpConnectAuthenticationOptions) {
    this.#options = options;
  }

  /** The `app` to connect to next; as given until the server has asked. */
  get app(): string {
    const { app } = this.#options;
    if (this.#query === "") return app;
    return `${app}${app.includes("?") ? "&" : "?"}${this.#query}`;
  }

  /** Whether the server has asked. */
  get isAsked(): boolean {
    return this.#step !== "nothing";
  }

  /**
   * Takes the description of a refused connect. Returns whether to connect once more, with `app` as it is
   * then; false when the refusal has nothing to do with who the client is.
   *
   * @throws {RtmpError} `unauthorized` when the credentials are wrong or missing, or what the server asks is
   * not known
   */
  refused(description: string): boolean {
    const reason = /\?reason=(\w+)/.exec(description)?.[1];
    if (reason === "authfailed" || reason === "nosuchuser") throw wrongCredentials();
    const dialect = /\bauthmod=([\w-]+)/.exec(description)?.[1];
    if (dialect === undefined) return false;
    if (dialect !== "adobe" && dialect !== "llnw") {
      throw new RtmpError(
        "unauthorized",
        `The server asks who the client is in a way that is not known: ${dialect.slice(0, 16)}`,
      );
    }
    const { credentials } = this.#options;
    if (credentials === undefined) {
      throw new RtmpError("unauthorized", "The server asks for a user name and a password");
    }
    const isChallenge = reason === "needauth";
    const isFirst = /\bcode=403 need auth/.test(description) || !isChallenge;
    if (this.#step === "nothing" && isFirst) this.#name(dialect, credentials);
    else if (this.#step !== "answered" && isChallenge) {
      this.#answer(dialect, credentials, fieldsOf(description));
    } else throw wrongCredentials();
    return true;
  }

  #name(dialect: Dialect, { username }: RtmpCredentials): void {
    this.#step = "named";
    this.#query = `authmod=${dialect}&user=${inQuery(username)}`;
  }

  #answer(
    dialect: Dialect,
    credentials: RtmpCredentials,
    fields: ReadonlyMap<string, string>,
  ): void {
    const own = Array.from(
      this.#options.random(CHALLENGE_BYTES),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join("");
    this.#name(dialect, credentials);
    this.#step = "answered";
    this.#query += dialect === "adobe"
      ? adobeAnswer(credentials, fields, own)
      : llnwAnswer(credentials, fields, { own, app: this.#options.app });
  }
}

function wrongCredentials(): RtmpError {
  return new RtmpError("unauthorized", "The server takes the user name or the password for wrong");
}

/** MD5 of user, salt and password; then of that with the server's and the client's challenge. */
function adobeAnswer(
  { username, password }: RtmpCredentials,
  fields: ReadonlyMap<string, string>,
  own: string,
): string {
  const opaque = fields.get("opaque");
  const theirs = opaque ?? fields.get("challenge") ?? "";
  const secret = md5(`${username}${fields.get("salt") ?? ""}${password}`, "base64");
  const response = md5(`${secret}${theirs}${own}`, "base64");
  const echo = opaque === undefined ? "" : `&opaque=${opaque}`;
  return `&challenge=${own}&response=${response}${echo}`;
}

/** HTTP's Digest (RFC 2617, 3.2.2.1) of a method `publish` on the application and its instance. */
function llnwAnswer(
  { username, password }: RtmpCredentials,
  fields: ReadonlyMap<string, string>,
  { own, app }: { readonly own: string; readonly app: string },
): string {
  const { realm, method, nonceCount, qop } = LLNW;
  const nonce = fields.get("nonce") ?? "";
  const path = app.split("?", 1)[0]!;
  const instance = path.includes("/") ? path : `${path}/_definst_`;
  const secret = md5(`${username}:${realm}:${password}`, "hex");
  const request = md5(`${method}:/${instance}`, "hex");
  const response = md5([secret, nonce, nonceCount, own, qop, request].join(":"), "hex");
  return `&nonce=${nonce}&cnonce=${own}&nc=${nonceCount}&response=${response}`;
}

/** What the server says behind `?reason=`: values as they are, since Base64 stands in them unescaped. */
function fieldsOf(description: string): Map<string, string> {
  const query = description.slice(description.indexOf("?reason=") + 1).trim();
  return new Map(
    query.split("&").map((field) => {
      const equals = field.indexOf("=");
      return equals < 0 ? [field, ""] : [field.slice(0, equals), field.slice(equals + 1)];
    }),
  );
}

/** A user name as other clients send it: as it is, but for what would end it. */
function inQuery(username: string): string {
  // deno-lint-ignore no-control-regex
  return username.replace(/[\x00-\x20\x7f%&=?#]/g, encodeURIComponent);
}

function md5(text: string, encoding: "base64" | "hex"): string {
  return createHash("md5").update(text).digest(encoding);
}
