/** What a request's target is made of: nothing that a URL would write otherwise, at least nothing unseen, or neither. */
export type TargetKind = "plain" | "other" | "none";

/** Bits of the characters that may stand in a target, in a path that a URL has as it is, and in such a query. */
const [SEEN, PATH, QUERY] = [1, 2, 4];

const [HASH, QUESTION, SLASH, DOT, PERCENT, BACKSLASH] = [0x23, 0x3f, 0x2f, 0x2e, 0x25, 0x5c];

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

const KINDS = makeKinds();

function makeKinds(): Uint8Array {
  const kinds = new Uint8Array(256);
  // Clients leave bytes over 0x7f for the server to percent-encode.
  for (let code = 0x21; code < 256; code++) {
    if (code !== 0x7f && code !== HASH) kinds[code]! |= SEEN;
  }
  const mark = (characters: string, bits: number): void => {
    for (const character of characters) kinds[character.charCodeAt(0)]! |= bits;
  };
  mark(`${LETTERS}-._~!$&()*+,;=:@/%`, PATH | QUERY);
  mark("?{}|^`[]\\", QUERY);
  return kinds;
}

/**
 * Looks through a target. It is `plain` where a URL has its path and query as they are: no character that the rules of
 * URLs encode (Living Standard, 1.3), no segment of dots. `none` is no target at all (RFC 9112, 3.2): it has what may not
 * be seen, a fragment, or a backslash in its path, which URLs take for a slash and servers in front of this one do not.
 */
export function targetKind(target: string): TargetKind {
  let wanted = PATH;
  let isPlain = target.startsWith("/") && !target.endsWith("?");
  let before = 0;
  for (let at = 0; at < target.length; at++) {
    const code = target.charCodeAt(at);
    const bits = code < 256 ? KINDS[code]! : 0;
    if ((bits & SEEN) === 0 || (code === BACKSLASH && wanted === PATH)) return "none";
    if (code === QUESTION && wanted === PATH) wanted = QUERY;
    else if ((bits & wanted) === 0) isPlain = false;
    // A dot may be percent-encoded too.
    if (wanted === PATH && before === SLASH && (code === DOT || code === PERCENT)) isPlain = false;
    before = code;
  }
  return target === "" ? "none" : isPlain ? "plain" : "other";
}
