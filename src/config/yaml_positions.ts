import type { KeyStep } from "./setting_fault.ts";

/** A place in a text, both from 1 on. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** Where the keys and list entries of a YAML document stand. */
export class YamlPositions {
  readonly #found: ReadonlyMap<string, number>;
  readonly #lineStarts: readonly number[];

  /** Looks through a document that a parser has found to be well-formed. */
  constructor(text: string) {
    const scanner = new Scanner(text);
    this.#found = scanner.found;
    this.#lineStarts = scanner.lineStarts;
  }

  /** The place of a key or an entry; where it has none of its own, that of what it is in. */
  of(path: readonly KeyStep[]): TextPosition {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#found.get(idOf(path.slice(0, length)));
      if (offset !== undefined) return this.#position(offset);
    }
    return { line: 1, column: 1 };
  }

  #position(offset: number): TextPosition {
    const after = this.#lineStarts.findIndex((start) => start > offset);
    const line = after < 0 ? this.#lineStarts.length : after;
    return { line, column: offset - this.#lineStarts[line - 1]! + 1 };
  }
}

function idOf(path: readonly KeyStep[]): string {
  return JSON.stringify(path.map(String));
}

/** A tag or an anchor before a value. */
const PROPERTY = /[&!][^\s,[\]{}]*[ \t]*/y;

/** A text without quotation marks within brackets. */
const FLOW_TEXT = /[^\s,[\]{}'"](?:[^\n:,[\]{}]|:(?![\s,[\]{}]|$))*/my;

const DOUBLE_QUOTED = /"(?:[^"\\]|\\[\s\S])*"/y;
const SINGLE_QUOTED = /'(?:[^']|'')*'/y;

/**
 * Walks over the structure of a document by its indents and brackets, and skips over what is a value. It
 * refuses nothing: what is wrong has been found by the parser.
 */
class Scanner {
  readonly found = new Map<string, number>();
  readonly lineStarts: readonly number[];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.lineStarts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
    this.#skipBlank();
    try {
      this.#node([], -1);
    } catch (error) {
      // It is nested too deep: what was found is enough.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** A value that begins here, inside of what is indented by `indent`. */
  #node(path: readonly KeyStep[], indent: number): void {
    while (this.#match(PROPERTY) !== undefined) this.#skipBlankWithin(indent);
    const column = this.#column();
    if (this.#at >= this.#text.length) return;
    if (this.#isEntry()) return this.#sequence(path, column);
    if (this.#key() !== undefined) return this.#mapping(path, column);
    this.#scalar(path, indent);
  }

  #sequence(path: readonly KeyStep[], column: number): void {
    for (let index = 0; this.#column() === column && this.#isEntry(); index++) {
      this.#note([...path, index]);
      this.#at++;
      this.#inside([...path, index], column);
    }
  }

  #mapping(path: readonly KeyStep[], column: number): void {
    while (this.#at < this.#text.length && this.#column() === column) {
      const key = this.#key();
      if (key === undefined) return;
      const inner = [...path, key.name];
      this.#note(inner);
      this.#at = this.#text.indexOf(":", key.end) + 1;
      // A list may stand as far left as its key.
      this.#inside(inner, this.#isEntryBelow(column) ? column - 1 : column);
    }
  }

  /** The value behind a dash or a colon, on the same line or below. */
  #inside(path: readonly KeyStep[], indent: number): void {
    const { line } = this.#place();
    this.#skipBlank();
    const isBelow = this.#place().line > line;
    if (isBelow && this.#column() <= indent) return;
    this.#node(path, indent);
    this.#skipBlank();
  }

  #scalar(path: readonly KeyStep[], indent: number): void {
    const character = this.#text[this.#at];
    if (character === "[" || character === "{") this.#flow(path);
    else if (character === '"') this.#match(DOUBLE_QUOTED);
    else if (character === "'") this.#match(SINGLE_QUOTED);
    else this.#lines(indent);
    this.#skipBlank();
  }

  /** A text without quotation marks, or one that stands below: all lines that are indented further. */
  #lines(indent: number): void {
    do {
      this.#at = this.#endOfLine() + 1;
      const line = /^[ \t]*/.exec(this.#text.slice(this.#at, this.#endOfLine()))![0];
      const isBlank = this.#at + line.length >= this.#endOfLine();
      if (!isBlank && line.length <= indent) break;
    } while (this.#at < this.#text.length);
    this.#at = Math.min(this.#at, this.#text.length);
  }

  #flow(path: readonly KeyStep[]): void {
    const isList = this.#text[this.#at++] === "[";
    for (let index = 0; this.#at < this.#text.length; index++) {
      this.#skipBlank();
      while (this.#match(PROPERTY) !== undefined) this.#skipBlank();
      const character = this.#text[this.#at];
      if (character === "]" || character === "}") {
        this.#at++;
        return;
      }
      if (isList) this.#note([...path, index]);
      this.#flowValue(isList ? [...path, index] : this.#flowKey(path));
      this.#skipBlank();
      if (this.#text[this.#at] === ",") this.#at++;
    }
  }

  /** The key that stands here within brackets, which is noted below `path`. */
  #flowKey(path: readonly KeyStep[]): KeyStep[] {
    const start = this.#at;
    const name = this.#quoted() ?? this.#match(FLOW_TEXT)?.trimEnd() ?? "";
    this.found.set(idOf([...path, name]), start);
    this.#skipBlank();
    if (this.#text[this.#at] === ":") this.#at++;
    this.#skipBlank();
    return [...path, name];
  }

  #flowValue(path: readonly KeyStep[]): void {
    const character = this.#text[this.#at];
    if (character === "[" || character === "{") return this.#flow(path);
    if (this.#quoted() !== undefined) return;
    // Whatever this is, it is passed.
    if (this.#match(FLOW_TEXT) === undefined && !/[,\]}]/.test(character ?? ",")) this.#at++;
  }

  /** The key that stands here, if one does; nothing is skipped over. */
  #key(): { readonly name: string; readonly end: number } | undefined {
    const start = this.#at;
    const quoted = this.#quoted();
    const end = this.#at;
    this.#at = start;
    const line = this.#text.slice(quoted === undefined ? start : end, this.#endOfLine());
    if (quoted !== undefined) {
      return /^[ \t]*:(?=\s|$)/.test(line) ? { name: quoted, end } : undefined;
    }
    const colon = line.search(/:(?=\s|$)/);
    if (colon < 0 || /^[[{#|>*]|\s#/.test(line.slice(0, colon))) return undefined;
    return { name: line.slice(0, colon).trimEnd(), end: start + colon };
  }

  #quoted(): string | undefined {
    const double = this.#match(DOUBLE_QUOTED);
    if (double !== undefined) return unescaped(double);
    return this.#match(SINGLE_QUOTED)?.slice(1, -1).replaceAll("''", "'");
  }

  #isEntry(): boolean {
    return /^-(\s|$)/.test(this.#text.slice(this.#at, this.#at + 2));
  }

  #isEntryBelow(column: number): boolean {
    const start = this.#at;
    const { line } = this.#place();
    this.#skipBlank();
    const isOne = this.#place().line > line && this.#column() === column && this.#isEntry();
    this.#at = start;
    return isOne;
  }

  #note(path: readonly KeyStep[]): void {
    this.found.set(idOf(path), this.#at);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  /** Blanks, comments, line ends, and the marks of a document. */
  #skipBlank(): void {
    const blank = /(?:[ \t\r\n\ufeff]+|(?<=^|\s)#[^\n]*|^(?:---|\.\.\.)(?=\s|$)|^%[^\n]*)*/my;
    this.#match(blank);
  }

  /** The same, but not out of what is indented by more than `indent`. */
  #skipBlankWithin(indent: number): void {
    const before = this.#at;
    this.#skipBlank();
    if (this.#column() <= indent) this.#at = before;
  }

  #column(): number {
    return this.#at - (this.#text.lastIndexOf("\n", this.#at - 1) + 1);
  }

  #place(): { readonly line: number } {
    return { line: this.#text.lastIndexOf("\n", this.#at - 1) };
  }

  #endOfLine(): number {
    const end = this.#text.indexOf("\n", this.#at);
    return end < 0 ? this.#text.length : end;
  }
}

/** A text in double quotation marks; YAML has more escapes than JSON, and those are rare in keys. */
function unescaped(quoted: string): string {
  try {
    return JSON.parse(quoted);
  } catch {
    return quoted.slice(1, -1);
  }
}
