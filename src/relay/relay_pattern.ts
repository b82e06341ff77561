/** A pattern of relays that cannot be; the message says why, and has no secrets. */
export class RelayPatternError extends TypeError {
  /** Name of the class. */
  override readonly name = "RelayPatternError";
}

/** The names that a relay by pattern is for, and the URL that each has. */
export interface RelayPattern {
  /** The URL of the remote stream, for a name of the pattern; `undefined` for others. */
  urlOf(name: string): string | undefined;
}

/**
 * Reads a name and a URL with `*`; `undefined` where the name has none, and is that of one stream. A `*`
 * stands for a whole segment of the name, as its last one for one or more; the URL has as many, in its path
 * and query.
 *
 * @throws {RelayPatternError} if a `*` is a part of a segment, in the URL's host or missing on one side
 */
export function parseRelayPattern(
  { name, url }: { readonly name: string; readonly url: string },
): RelayPattern | undefined {
  const segments = name.split("/");
  const [authority, path, query] = urlParts(url);
  if (!name.includes("*")) {
    // In a query it may be a part of a signature.
    if (path.includes("*")) throw unlike({ name: 0, url: count(path) });
    return undefined;
  }
  if (segments.some((segment) => segment.includes("*") && segment !== "*")) {
    throw new RelayPatternError(
      `Cannot relay by a pattern as "*" must be a whole segment of the name: current value is ${name}`,
    );
  }
  if (authority.slice(authority.lastIndexOf("@") + 1).includes("*")) {
    throw new RelayPatternError(
      'Cannot relay by a pattern as the host must be a fixed one: current value has "*"',
    );
  }
  const stars = { name: count(name), url: count(path) + count(query) };
  if (stars.name !== stars.url) throw unlike(stars);
  return {
    urlOf: (wanted) => {
      const values = match(segments, wanted.split("/"));
      if (values === undefined) return undefined;
      const inPath = path.replaceAll("*", () => pathEncoded(values.shift()!));
      return authority + inPath + query.replaceAll("*", () => encodeURIComponent(values.shift()!));
    },
  };
}

function urlParts(url: string): [authority: string, path: string, query: string] {
  const [, authority = "", path = "", query = ""] = /^([^:]*:\/\/[^/?]*)?([^?]*)(.*)$/s.exec(url)!;
  return [authority, path, query];
}

function count(text: string): number {
  return text.split("*").length - 1;
}

function unlike(stars: { readonly name: number; readonly url: number }): RelayPatternError {
  return new RelayPatternError(
    `Cannot relay by a pattern as name and URL must have as many "*": current values are ${stars.name} and ${stars.url}; where the URL itself has one, write %2A`,
  );
}

/** Returns the segments that each `*` stands for; `undefined` where the name does not match. */
function match(pattern: readonly string[], name: readonly string[]): string[] | undefined {
  const last = pattern.length - 1;
  if (name.length < pattern.length) return undefined;
  if (name.length > pattern.length && pattern[last] !== "*") return undefined;
  const values: string[] = [];
  for (const [index, segment] of pattern.entries()) {
    if (segment !== "*" && segment !== name[index]) return undefined;
    if (segment === "*") {
      values.push(index === last ? name.slice(index).join("/") : name[index]!);
    }
  }
  return values;
}

/** Names are percent-decoded: what would end the path, or begin an escape, is not let through. */
function pathEncoded(text: string): string {
  return encodeURI(text).replaceAll(
    /[?#*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
