/** What a player asks of a media playlist beside the playlist (RFC 8216bis, 6.2.5). */
export interface HlsDirectives {
  /** `_HLS_msn`: it is to hold a part of this segment, or one that follows. */
  readonly msn?: number;
  /** `_HLS_part`: it is to hold this part of that segment. */
  readonly part?: number;
  /** `_HLS_skip`: what the player has may be left out; with `v2` date ranges too. */
  readonly skip?: "YES" | "v2";
}

/**
 * Reads the delivery directives of a query; a text that says what is wrong where they cannot be read.
 *
 * @example
 * ```ts
 * import { readDirectives } from "@weir/server/hls";
 *
 * console.log(readDirectives(new URLSearchParams("_HLS_msn=7&_HLS_part=2"))); // { msn: 7, part: 2 }
 * ```
 */
export function readDirectives(query: URLSearchParams): HlsDirectives | string {
  const msn = numberIn(query, "_HLS_msn");
  const part = numberIn(query, "_HLS_part");
  const skip = query.get("_HLS_skip");
  if (msn === null) return "_HLS_msn must be a whole number";
  if (part === null) return "_HLS_part must be a whole number";
  if (part !== undefined && msn === undefined) return "_HLS_part needs _HLS_msn";
  return {
    ...(msn === undefined ? {} : { msn }),
    ...(part === undefined ? {} : { part }),
    // Another value is one of a later version, which may be passed over.
    ...(skip === "YES" || skip === "v2" ? { skip } : {}),
  };
}

/** A whole number; `null` where the value is none. */
function numberIn(query: URLSearchParams, name: string): number | undefined | null {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
