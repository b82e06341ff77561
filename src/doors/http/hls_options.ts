import type { HlsPackagingOptions } from "../../wire/mod.ts";

/** How streams are played as HLS. */
export interface HlsOptions extends HlsPackagingOptions {
  /** Whether streams are packaged as long as they are published, and not only while somebody watches. Default false. */
  readonly always?: boolean;
  /**
   * Whether each player has addresses of its own, so that it is counted and can be sent away (`viewer`, the default),
   * or all share theirs, so that a cache in front of the server serves them: it is then one player.
   */
  readonly sessions?: "viewer" | "shared";
}

/** What the row must know beside. */
export interface HlsRowOptions extends HlsOptions {
  /** Hexadecimal digits that the tokens of this part of a server begin with, so that others know whose they are. */
  readonly tokenPrefix?: string;
}
