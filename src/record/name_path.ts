/**
 * Names that Windows keeps for devices, whatever comes behind a dot; a folder that is shared with one must not have
 * them.
 */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/;

/** What stands in a path as it is. Capital letters do not: two names may differ in nothing else. */
const PLAIN = /^[a-z0-9_.-]$/;

/** File systems allow 255 bytes a name; what comes behind it in a template needs some. */
const MOST_BYTES = 200;

/** Ends a folder whose name goes on in the next one. */
const GOES_ON = "%+";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Maps the name of a stream to a relative path, one folder a segment, which is safe on every file system: letters in
 * lower case, digits, `_`, `-` and `.` stand as they are, all other bytes of UTF-8 as `%` and two hexadecimal digits, and
 * so does the first character of a segment that is a dot or the name of a device. A segment of over 200 bytes is
 * continued in a folder below, which `%+` at its end tells. No two names have one path, not even where capital and small
 * letters are the same.
 *
 * @example
 * ```ts
 * import { nameOfPath, pathOfName } from "@weir/server/record";
 *
 * console.log(pathOfName("live/Cam 1")); // live/%43am%201
 * console.log(pathOfName("live/../x")); // live/%2E./x
 * console.log(nameOfPath("live/%43am%201")); // live/Cam 1
 * ```
 */
export function pathOfName(name: string): string {
  return name.split("/").map(segmentPath).join("/");
}

/** Returns the name that a path stands for; `undefined` where it is no path of {@linkcode pathOfName}. */
export function nameOfPath(path: string): string | undefined {
  const joined = path.replaceAll(`${GOES_ON}/`, "");
  try {
    const name = joined.split("/").map(decodedSegment).join("/");
    const isWhole = name.split("/").every((segment) => segment !== "");
    return isWhole && pathOfName(name) === path ? name : undefined;
  } catch {
    return undefined;
  }
}

function segmentPath(segment: string): string {
  const escaped = Array.from(segment, (character, at) => {
    const isFirst = at === 0 && (character === "." || DEVICE.test(segment));
    // A dot or a blank at the end is lost on Windows.
    const isLast = at === segment.length - 1 && character === ".";
    return PLAIN.test(character) && !isFirst && !isLast ? [character] : escapedBytes(character);
  }).flat();
  // Escapes are not cut.
  const folders: string[] = [""];
  for (const piece of escaped) {
    if (folders.at(-1)!.length + piece.length > MOST_BYTES) {
      folders[folders.length - 1] += GOES_ON;
      folders.push("");
    }
    folders[folders.length - 1] += piece;
  }
  return folders.join("/");
}

function escapedBytes(character: string): string[] {
  return Array.from(
    encoder.encode(character),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

function decodedSegment(segment: string): string {
  const bytes: number[] = [];
  for (const [piece] of segment.matchAll(/%[0-9A-F]{2}|[^%]|%/g)) {
    if (piece.length === 3) bytes.push(Number.parseInt(piece.slice(1), 16));
    else bytes.push(...encoder.encode(piece));
  }
  return decoder.decode(new Uint8Array(bytes));
}
