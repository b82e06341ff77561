/**
 * Why the hub refused.
 *
 * - `bad-name`: no stream can have that name.
 * - `name-taken`: another publisher holds the name, and the conflict policy keeps it.
 * - `too-many-streams`: the hub's bound on streams that are published is reached.
 * - `too-many-waited`: the hub's bound on names that are waited for, and that nobody publishes, is reached.
 * - `too-many-readers`: the stream's bound on readers is reached.
 * - `no-back-channel`: the stream's publisher cannot be talked to.
 * - `back-channel-taken`: somebody talks to it already.
 * - `closed`: the hub, stream or publication has ended.
 */
export type HubErrorCode =
  | "bad-name"
  | "name-taken"
  | "too-many-streams"
  | "too-many-waited"
  | "too-many-readers"
  | "no-back-channel"
  | "back-channel-taken"
  | "closed";

/** The hub refused a publisher or reader; `code` says why. */
export class HubError extends Error {
  /** Tells the class apart. */
  override readonly name = "HubError";
  /** Why the hub refused. */
  readonly code: HubErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
