/**
 * Names of streams by a pattern: `*` stands for a whole segment, as the last one for one or more, so that `*` alone is
 * every name; `{user}` stands for the name of the user that was proved.
 *
 * @example
 * ```ts
 * import { NamePattern } from "@weir/server/gate";
 *
 * const own = new NamePattern("live/{user}/*");
 * console.log(own.matches("live/ann/cam/1", { user: "ann" }), own.matches("live/bob/cam")); // true false
 * ```
 */
export class NamePattern {
  /** The pattern as it was written. */
  readonly text: string;
  readonly #segments: readonly string[];

  /**
   * Reads a pattern.
   *
   * @throws {TypeError} if a segment is empty, or a `*` or `{user}` is a part of a segment
   */
  constructor(text: string) {
    this.text = text;
    this.#segments = text.split("/");
    const isWrong = this.#segments.some((segment) =>
      segment === "" ||
      (segment !== "*" && segment.includes("*")) ||
      (segment !== USER && segment.includes(USER))
    );
    if (isWrong) {
      throw new TypeError(
        `Cannot read a pattern of names as its segments must be names, "*" or "${USER}": current value is ${
          JSON.stringify(text)
        }`,
      );
    }
  }

  /** Whether a name is one of the pattern; `user` is who was proved, where somebody was. */
  matches(name: string, { user }: { readonly user?: string | undefined } = {}): boolean {
    const segments = this.#segments;
    const wanted = name.split("/");
    const isOpen = segments.at(-1) === "*";
    if (isOpen ? wanted.length < segments.length : wanted.length !== segments.length) return false;
    return segments.every((segment, index) => {
      if (segment === "*") return true;
      return wanted[index] === (segment === USER ? user : segment);
    });
  }
}

const USER = "{user}";

/** Orders patterns, the most particular first: where they differ first, a name goes before a `*`; then the longer one. */
export function byParticularity(a: string, b: string): number {
  const [ours, theirs] = [a.split("/"), b.split("/")];
  // A name is more particular than any pattern, whatever comes first in it.
  const names = Number(a.includes("*")) - Number(b.includes("*"));
  if (names !== 0) return names;
  for (const [index, segment] of ours.entries()) {
    const other = theirs[index];
    if (other === undefined) break;
    const order = Number(segment === "*") - Number(other === "*");
    if (order !== 0) return order;
  }
  return theirs.length - ours.length;
}
