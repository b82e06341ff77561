/** Where those go who come while a server takes nobody new. */
export interface Leaving {
  /**
   * The URL of another server for clients of a scheme (`rtmp`, `rtsps`, `https` …), without a path; `undefined` where
   * there is none. Each call may give another, so that clients are shared out.
   */
  baseOf(scheme: string): string | undefined;
}

/** How a client would ask another server for what it asks this one for. */
export interface SameElsewhere {
  /** The scheme of its URL: `rtmp`. */
  readonly scheme: string;
  /** Makes the URL at a server whose own is `base`. */
  urlAt(base: string): string;
}
