import type { HttpFault } from "./json_answer.ts";

/** Longer than any stream's name and suffix; Deno itself takes some 64 kB. */
const MOST_PATH_BYTES = 4096;

/** Where a request goes to. */
export interface RequestPath {
  /** Percent-decoded, without the prefix; begins with a slash. */
  readonly path: string;
}

/**
 * Reads the path of a URL, which is normal already: `..` cannot lead out of it. `undefined` where it does not begin
 * with `prefix`. A slash, a backslash or a NUL that was percent-encoded is none that a path of weir's can have, and
 * what is decoded twice is a hole in somebody's rules.
 */
export function requestPath(
  { pathname }: { readonly pathname: string },
  prefix: string,
): RequestPath | HttpFault | undefined {
  if (pathname.length > MOST_PATH_BYTES) {
    return {
      status: 414,
      code: "path-too-long",
      reason: `The path is over ${MOST_PATH_BYTES} bytes`,
    };
  }
  if (!isUnder(pathname, prefix)) return undefined;
  const rest = pathname.slice(prefix.length) || "/";
  if (/%(?:2f|5c|00)/i.test(rest)) {
    return { status: 400, code: "path", reason: "The path has an encoded slash, backslash or NUL" };
  }
  if (!rest.includes("%")) return { path: rest };
  try {
    return { path: decodeURIComponent(rest) };
  } catch {
    return { status: 400, code: "path", reason: "The path has malformed percent-encoding" };
  }
}

function isUnder(pathname: string, prefix: string): boolean {
  if (!pathname.startsWith(prefix)) return false;
  const next = pathname[prefix.length];
  return prefix === "" || next === undefined || next === "/";
}
