/**
 * Header fields of an RTSP message: names without regard to case, order and repetition kept.
 *
 * @example
 * ```ts
 * import { RtspHeaders } from "@weir/server/rtsp";
 *
 * const headers = new RtspHeaders([["CSEQ", "5"]]);
 * console.log(headers.get("cseq")); // 5
 * ```
 */
export class RtspHeaders implements Iterable<readonly [string, string]> {
  readonly #names: string[] = [];
  readonly #keys: string[] = [];
  readonly #values: string[] = [];

  /** Takes over `entries` in order. */
  constructor(entries: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of entries) this.append(name, value);
  }

  /** Number of fields. */
  get size(): number {
    return this.#names.length;
  }

  /** Returns the first value of `name`. */
  get(name: string): string | undefined {
    const at = this.#keys.indexOf(name.toLowerCase());
    return at < 0 ? undefined : this.#values[at];
  }

  /** Returns all values of `name`, in order. */
  getAll(name: string): string[] {
    const key = name.toLowerCase();
    return this.#values.filter((_, at) => this.#keys[at] === key);
  }

  /** Whether there is a field `name`. */
  has(name: string): boolean {
    return this.#keys.includes(name.toLowerCase());
  }

  /** Adds a field behind all others. */
  append(name: string, value: string): void {
    this.#names.push(name);
    this.#keys.push(name.toLowerCase());
    this.#values.push(value);
  }

  /** Gives `name` this one value, in place of all that it had. */
  set(name: string, value: string): void {
    const at = this.#keys.indexOf(name.toLowerCase());
    if (at < 0) {
      this.append(name, value);
      return;
    }
    this.#values[at] = value;
    for (let other = this.#keys.length - 1; other > at; other--) {
      if (this.#keys[other] !== this.#keys[at]) continue;
      this.#names.splice(other, 1);
      this.#keys.splice(other, 1);
      this.#values.splice(other, 1);
    }
  }

  /** Goes through name and value of each field, in order. */
  *[Symbol.iterator](): Iterator<readonly [string, string]> {
    for (const [at, name] of this.#names.entries()) yield [name, this.#values[at]!];
  }
}
