/** The kinds of errors that an RTMP peer can make. */
export type RtmpErrorCode =
  | "handshake-version"
  | "handshake-timeout"
  | "chunk-fresh-stream"
  | "chunk-interrupted-message"
  | "chunk-size"
  | "message-too-large"
  | "partial-bytes-exceeded"
  | "too-many-chunk-streams"
  | "flood"
  | "too-many-net-streams"
  | "malformed-control"
  | "malformed-command"
  | "malformed-aggregate"
  | "unexpected-command"
  | "role-timeout"
  | "idle-timeout"
  | "ping-timeout"
  | "write-timeout"
  | "rejected"
  | "asked"
  | "redirect"
  | "unreachable"
  | "connect-rejected"
  | "unauthorized"
  | "publish-rejected"
  | "play-rejected"
  | "call-failed"
  | "unexpected-result"
  | "timeout"
  | "not-found"
  | "closed"
  | "url";

/** Further facts that an {@linkcode RtmpError} may carry, besides its code and message. */
export interface RtmpErrorOptions extends ErrorOptions {
  /** Status code that the server sent, such as `NetStream.Publish.BadName`. */
  readonly status?: string | undefined;
  /** The server's own words about it. */
  readonly description?: string | undefined;
}

/**
 * An RTMP peer broke the protocol, a limit, or refused: it ends that peer's connection or that request,
 * never more.
 *
 * `code` tells the kind; the message carries the numbers that matter.
 */
export class RtmpError extends Error {
  /** Always `RtmpError`. */
  override readonly name = "RtmpError";
  /** The kind of failure. */
  readonly code: RtmpErrorCode;
  /** Status code that the server sent, where it sent one: `NetStream.Publish.BadName` and the like. */
  readonly status: string | undefined;
  /** What the server said about it, in its words: not to be trusted with more than being shown. */
  readonly description: string | undefined;

  /** Makes an error of the kind `code`. */
  constructor(code: RtmpErrorCode, message: string, options?: RtmpErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = options?.status;
    this.description = options?.description;
  }
}
