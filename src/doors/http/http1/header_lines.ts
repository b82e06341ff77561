/** Headers that are not for a handler to set; the length is, and is said by the connection. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

/** Writes the headers of an answer, each with its line end, but for those that the connection decides. */
export function headerLines(headers: Iterable<readonly [name: string, value: string]>): string {
  let lines = "";
  for (const [name, value] of headers) {
    if (!OF_CONNECTION.has(name)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
