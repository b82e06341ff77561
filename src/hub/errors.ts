/**
 * Why the hub refused.
 *
 * - `name-taken`: another publisher holds the name, and the conflict policy keeps it.
 * - `too-many-streams`: the hub's bound on streams is reached.
 * - `too-many-readers`: the stream's bound on readers is reached.
 * - `closed`: the hub, stream or publication has ended.
 */
export type HubErrorCode = "name-taken" | "too-many-streams" | "too-many-readers" | "closed";

/** The hub refused a publisher or reader; `code` says why. */
export class HubError extends Error {
  /** Tells the class apart. */
  override readonly name = "HubError";
  /** Why the hub refused. */
  readonly code: HubErrorCode;

  /** Makes an error of the kind `code`. */
  constructor(code: HubErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
