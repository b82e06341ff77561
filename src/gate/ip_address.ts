/** An address of the internet as a number, and how many bits it has. */
export interface IpAddress {
  /** 4 of an address such as 192.0.2.1, and of one inside of an IPv6 address; 6 of all others. */
  readonly family: 4 | 6;
  /** The address, most significant bit first: 32 bits of an IPv4 address, 128 of an IPv6 address. */
  readonly value: bigint;
}

/**
 * Reads an address (RFC 4291, 2.2): an IPv4 address inside of an IPv6 one (RFC 4291, 2.5.5.2, and RFC 6052) is the
 * IPv4 address; a zone is left out. `undefined` of all other text.
 *
 * @example
 * ```ts
 * import { parseIpAddress } from "@weir/server/gate";
 *
 * console.log(parseIpAddress("::ffff:192.0.2.1")); // { family: 4, value: 3221225985n }
 * ```
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  const octets = ipv4Octets(text);
  if (octets !== undefined) return { family: 4, value: joined(octets, 8n) };
  const groups = ipv6Groups(text);
  if (groups === undefined) return undefined;
  const prefix = groups.slice(0, 6).join(":");
  if (prefix === MAPPED || prefix === TRANSLATED) {
    return { family: 4, value: joined(groups.slice(6), 16n) };
  }
  return { family: 6, value: joined(groups, 16n) };
}

/** The four numbers of an IPv4 address in its usual form, `undefined` of all other text: `010` may be 8 elsewhere. */
function ipv4Octets(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) {
    return undefined;
  }
  const octets = parts.map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

function joined(parts: readonly number[], bits: bigint): bigint {
  return parts.reduce((value, part) => (value << bits) | BigInt(part), 0n);
}

/** The first six groups of an IPv4 address that a socket for both families shows, and of one behind NAT64. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff].join(":");
const TRANSLATED = [0x64, 0xff9b, 0, 0, 0, 0].join(":");

/** The eight groups of an IPv6 address (RFC 4291, 2.2), `undefined` of all other text. A zone is left out. */
function ipv6Groups(address: string): number[] | undefined {
  // The longest form has 45 characters, before a zone.
  if (address.length > 100) return undefined;
  const plain = address.replace(/%.*$/, "").replace(
    /:(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/,
    (_, a, b, c, d) => `:${(a * 256 + +b).toString(16)}:${(c * 256 + +d).toString(16)}`,
  );
  const halves = plain.split("::").map((half) => half === "" ? [] : half.split(":"));
  const [head = [], tail] = halves;
  const missing = 8 - head.length - (tail?.length ?? 0);
  const isWhole = tail === undefined ? missing === 0 : halves.length === 2 && missing > 0;
  if (!isWhole) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail ?? []];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => parseInt(group, 16));
}
