/** Characters of a peer's text that an error repeats: enough to know it by, and no flood of the log. */
const longestQuoted = 128;

/** A peer's text as it may stand in a message: short, and without control characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > longestQuoted ? `${text.slice(0, longestQuoted)}…` : text);
}

/** A name without its query, which may hold credentials. */
export function withoutQuery(text: string): string {
  return text.split("?", 1)[0]!;
}
