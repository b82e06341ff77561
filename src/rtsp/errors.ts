/** The kinds of errors that an RTSP peer can make. */
export type RtspErrorCode =
  | "malformed-start-line"
  | "malformed-header"
  | "malformed-url"
  | "malformed-transport"
  | "malformed-range"
  | "malformed-authorization"
  | "malformed-session"
  | "malformed-rtp-info"
  | "malformed-tunnel"
  | "malformed-websocket"
  | "websocket-frame-too-large"
  | "malformed-description"
  | "content-length"
  | "method-too-long"
  | "url-too-long"
  | "protocol-too-long"
  | "header-name-too-long"
  | "header-value-too-long"
  | "too-many-headers"
  | "headers-too-large"
  | "body-too-large"
  | "too-much-garbage"
  | "version"
  | "cseq"
  | "not-implemented"
  | "unsupported-option"
  | "unexpected-response"
  | "unexpected-frame"
  | "stray-frames"
  | "pipeline-overflow"
  | "session-not-found"
  | "session-elsewhere"
  | "too-many-sessions"
  | "wrong-state"
  | "track-not-found"
  | "track-repeated"
  | "tracks-missing"
  | "aggregate"
  | "path-changed"
  | "unsupported-transport"
  | "transport-conflict"
  | "not-acceptable"
  | "unauthorized"
  | "redirect"
  | "refused"
  | "idle-timeout"
  | "media-timeout"
  | "response-timeout"
  | "write-timeout"
  | "unreachable"
  | "closed";

/** Options of an {@linkcode RtspError}. */
export interface RtspErrorOptions extends ErrorOptions {
  /** Status code a server answers with, or a client was answered with; 400 by default. */
  readonly status?: number;
  /** For `wrong-state`: the methods that the state allows. */
  readonly allow?: readonly string[];
}

/**
 * An RTSP peer broke the protocol, a limit, or refused: it ends that request or that connection.
 *
 * `code` tells the kind, `status` the RTSP status code that says it on the wire.
 */
export class RtspError extends Error {
  /** Name of the class. */
  override readonly name = "RtspError";
  /** The kind of failure. */
  readonly code: RtspErrorCode;
  /** RTSP status code (RFC 2326, 7.1.1). */
  readonly status: number;
  /** For `wrong-state`: the methods that the state allows. */
  readonly allow: readonly string[];

  /** Makes an error of the kind `code`. */
  constructor(code: RtspErrorCode, message: string, options: RtspErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status ?? 400;
    this.allow = options.allow ?? [];
  }
}
