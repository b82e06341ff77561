/** One `name=value` or `name` of a header. */
export interface Parameter {
  /** Name in lower case. */
  readonly name: string;
  /** Value without its quotes; `undefined` where there is no `=`. */
  readonly value: string | undefined;
}

/**
 * Splits `text` at `separator`, but not within double quotes. A quote that is never closed reaches to
 * the end. Backslashes quote a character within quotes (RFC 2616, 2.2).
 */
export function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\\" && quoted) at++;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Reads the parameters of a header; empty ones are passed over. */
export function parseParameters(text: string, separator: string): Parameter[] {
  const parameters: Parameter[] = [];
  for (const part of splitOutsideQuotes(text, separator)) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name === "") continue;
    const value = equals < 0 ? undefined : unquoted(part.slice(equals + 1).trim());
    parameters.push({ name, value });
  }
  return parameters;
}

/** Puts `text` in double quotes. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  const inner = text.length > 1 && text.endsWith('"') ? text.slice(1, -1) : text.slice(1);
  return inner.replaceAll(/\\(.)/g, "$1");
}
