import { HubError } from "./errors.ts";

/** In bytes of UTF-8. Long enough for a signed key, short enough for a file name and a log line. */
export const MAX_STREAM_NAME_LENGTH = 512;

// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

/**
 * Checks the name of a stream, percent-decoded: no `.` or `..` segment, no empty segment and so no slash at
 * either end, no backslash, no control character (NUL, line ends), at most
 * {@linkcode MAX_STREAM_NAME_LENGTH} bytes. So it can be a path below a folder, and stand in a log line.
 *
 * @throws {HubError} `bad-name`; the message says what is wrong and where, and not the name itself, which
 * may be a secret
 *
 * @example
 * ```ts
 * import { checkStreamName } from "@weir/server/hub";
 *
 * checkStreamName("live/cam"); // fine
 * ```
 */
export function checkStreamName(name: string): void {
  const fault = findFault(name);
  if (fault !== undefined) throw new HubError("bad-name", `The stream name ${fault}`);
}

function findFault(name: string): string | undefined {
  const length = new TextEncoder().encode(name).length;
  if (length === 0) return "is empty";
  if (length > MAX_STREAM_NAME_LENGTH) {
    return `is ${length} bytes long, at most ${MAX_STREAM_NAME_LENGTH} are allowed`;
  }
  const control = name.search(CONTROL_CHARACTER);
  if (control >= 0) return `has a control character at index ${control}`;
  const backslash = name.indexOf("\\");
  if (backslash >= 0) return `has a backslash at index ${backslash}`;
  for (const [index, segment] of name.split("/").entries()) {
    if (segment === "") return `has an empty segment, number ${index + 1}`;
    if (segment === "." || segment === "..") return `has the segment "${segment}"`;
  }
  return undefined;
}
