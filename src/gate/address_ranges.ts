import { type IpAddress, parseIpAddress } from "./ip_address.ts";

/** First and last address of a range, of one family. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * A set of addresses, by ranges such as `192.0.2.0/24`, `2001:db8::/32` or a single address: to allow or to deny.
 * Lists of whole countries have some ten thousand ranges; to look an address up takes a few steps whatever their number
 * is.
 *
 * @example
 * ```ts
 * import { AddressRanges } from "@weir/server/gate";
 *
 * const house = new AddressRanges(["192.168.0.0/16", "fc00::/7"]);
 * console.log(house.has("192.168.1.7"), house.has("203.0.113.9")); // true false
 * ```
 */
export class AddressRanges {
  readonly #ranges: Readonly<Record<4 | 6, readonly Range[]>>;

  /**
   * Reads ranges in CIDR notation (RFC 4632, RFC 4291, 2.3); an address alone is a range of one.
   *
   * @throws {TypeError} if a text is no range; the message names it
   */
  constructor(ranges: Iterable<string>) {
    const read: Record<4 | 6, Range[]> = { 4: [], 6: [] };
    for (const text of ranges) {
      const { family, ...range } = parseRange(text);
      read[family].push(range);
    }
    this.#ranges = { 4: merged(read[4]), 6: merged(read[6]) };
  }

  /** How many separate ranges there are. */
  get size(): number {
    return this.#ranges[4].length + this.#ranges[6].length;
  }

  /** Whether a range has the address; what is no address is in none. */
  has(address: string): boolean {
    const parsed = parseIpAddress(address);
    if (parsed === undefined) return false;
    const ranges = this.#ranges[parsed.family];
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ranges[middle]!.last < parsed.value) low = middle + 1;
      else high = middle;
    }
    const found = ranges[low];
    return found !== undefined && found.first <= parsed.value;
  }
}

/**
 * Reads the lines of a list of ranges: one a line; empty lines, and what stands behind a `#`, are left out.
 *
 * @example
 * ```ts
 * import { AddressRanges, rangesOfList } from "@weir/server/gate";
 *
 * const list = "# a country\n192.0.2.0/24\n2001:db8::/32 # and its IPv6\n";
 * console.log(new AddressRanges(rangesOfList(list)).size); // 2
 * ```
 */
export function rangesOfList(text: string): string[] {
  return text.split(/\r\n|[\r\n]/).map((line) => line.replace(/#.*$/, "").trim())
    .filter((line) => line !== "");
}

function parseRange(text: string): Range & Pick<IpAddress, "family"> {
  const [, start = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const address = parseIpAddress(start);
  // An IPv4 address that is written inside of an IPv6 one would have two lengths.
  const isMapped = address?.family === 4 && start.includes(":") && length !== undefined;
  const bits = address?.family === 6 ? 128 : 32;
  const prefix = length === undefined ? bits : Number(length);
  if (address === undefined || isMapped || prefix > bits) {
    throw new TypeError(
      `Cannot read a range of addresses as it must be like 192.0.2.0/24, 2001:db8::/32 or one address: current value is ${
        JSON.stringify(text)
      }`,
    );
  }
  const rest = (1n << BigInt(bits - prefix)) - 1n;
  const first = address.value & ~rest;
  return { family: address.family, first, last: first | rest };
}

/** Sorts ranges, and joins those that overlap or touch. */
function merged(ranges: Range[]): Range[] {
  ranges.sort((a, b) => a.first < b.first ? -1 : a.first > b.first ? 1 : 0);
  const joined: Range[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1n) joined.push(range);
    else if (range.last > before.last) {
      joined[joined.length - 1] = { first: before.first, last: range.last };
    }
  }
  return joined;
}
