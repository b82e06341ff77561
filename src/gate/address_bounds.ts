import { parseIpAddress } from "./ip_address.ts";

/**
 * Whether an address is loopback, private or link-local (RFC 1918, RFC 4193, RFC 6598, RFC 3927): behind it may be
 * a proxy, a load test, or the machines of one house, and a stranger on the internet cannot have it.
 *
 * @example
 * ```ts
 * import { isLocalAddress } from "@weir/server/gate";
 *
 * console.log(isLocalAddress("192.168.1.7"), isLocalAddress("203.0.113.9")); // true false
 * ```
 */
export function isLocalAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d)/i, "");
  const octets = /^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(plain);
  if (octets !== null) {
    const [first, second] = [Number(octets[1]), Number(octets[2])];
    return first === 127 || first === 10 || (first === 192 && second === 168) ||
      (first === 172 && second >= 16 && second < 32) || (first === 169 && second === 254) ||
      (first === 100 && second >= 64 && second < 128);
  }
  return plain === "::1" || /^f[cd][0-9a-f]{2}:/i.test(plain) || /^fe[89ab][0-9a-f]:/i.test(plain);
}

/**
 * Whom a bound by address counts: an IPv6 address by its first 64 bits, since a network has that many to itself (RFC
 * 6177) and a client chooses the rest; an IPv4 address inside of one (RFC 4291, 2.5.5.2, and RFC 6052) as itself. Other
 * text stays as it is.
 *
 * @example
 * ```ts
 * import { boundedAddress } from "@weir/server/gate";
 *
 * console.log(boundedAddress("2001:db8:0:7::1"), boundedAddress("::ffff:192.0.2.1"));
 * // 2001:db8:0:7::/64 192.0.2.1
 * ```
 */
export function boundedAddress(address: string): string {
  let bounded = BOUNDED.get(address);
  if (bounded === undefined) {
    bounded = makeBounded(address);
    if (BOUNDED.size >= MOST_REMEMBERED) BOUNDED.clear();
    BOUNDED.set(address, bounded);
  }
  return bounded;
}

/** What was found of addresses: each connection and each request asks for its own several times. */
const BOUNDED = new Map<string, string>();
const MOST_REMEMBERED = 1000;

function makeBounded(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) return address;
  const { family, value } = parsed;
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  const groups = [112n, 96n, 80n, 64n].map((shift) => (value >> shift) & 0xffffn);
  return `${groups.map((group) => group.toString(16)).join(":")}::/64`;
}

/** Counts what addresses have, as {@linkcode boundedAddress} tells them apart; those that have nothing are forgotten. */
export class AddressCounter {
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** How many all addresses have. */
  get total(): number {
    return this.#total;
  }

  /** How many an address has. */
  of(address: string): number {
    return this.#counts.get(boundedAddress(address)) ?? 0;
  }

  /** Addresses that have any. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts one more; returns what gives it back, which is harmless when repeated. */
  take(address: string): () => void {
    const key = boundedAddress(address);
    this.#counts.set(key, this.of(key) + 1);
    this.#total++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#total--;
      const left = this.of(key) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }
}

/**
 * Keeps which names addresses have, each of them once, however many there are that have it; addresses as
 * {@linkcode boundedAddress} tells them apart.
 */
export class AddressNames {
  readonly #names = new Map<string, Map<string, number>>();

  /** How many names an address has. */
  of(address: string): number {
    return this.#names.get(boundedAddress(address))?.size ?? 0;
  }

  /** Whether an address has the name. */
  has(address: string, name: string): boolean {
    return this.#names.get(boundedAddress(address))?.has(name) ?? false;
  }

  /** Addresses that have any. */
  get size(): number {
    return this.#names.size;
  }

  /** One more of the address has the name; returns what gives it back, which is harmless when repeated. */
  take(address: string, name: string): () => void {
    const key = boundedAddress(address);
    const names = this.#names.get(key) ?? new Map<string, number>();
    this.#names.set(key, names);
    names.set(name, (names.get(name) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = names.get(name)! - 1;
      if (left > 0) names.set(name, left);
      else names.delete(name);
      if (names.size === 0) this.#names.delete(key);
    };
  }
}

/**
 * Bounds how often each address does something, as {@linkcode boundedAddress} tells them apart: so many times a second,
 * and as many at once.
 */
export class AddressRate {
  readonly #spent = new Map<string, { tokens: number; atMs: number; perSecond: number }>();
  #prunedMs = 0;

  /** Addresses that are remembered. */
  get size(): number {
    return this.#spent.size;
  }

  /** Whether an address, which may do it `perSecond` times a second, may do it now; if so it is counted. */
  take(
    address: string,
    { perSecond, nowMs }: { readonly perSecond: number; readonly nowMs: number },
  ): boolean {
    if (perSecond === Infinity) return true;
    if (nowMs - this.#prunedMs >= 1000) this.#prune(nowMs);
    const key = boundedAddress(address);
    const before = this.#spent.get(key) ?? { tokens: perSecond, atMs: nowMs, perSecond };
    const tokens = tokensOf(before, nowMs);
    if (tokens < 1) return false;
    this.#spent.set(key, { tokens: tokens - 1, atMs: nowMs, perSecond });
    return true;
  }

  /** Those who have all again are as those who never came. */
  #prune(nowMs: number): void {
    this.#prunedMs = nowMs;
    for (const [address, spent] of this.#spent) {
      if (tokensOf(spent, nowMs) >= spent.perSecond) this.#spent.delete(address);
    }
  }
}

function tokensOf(
  spent: { readonly tokens: number; readonly atMs: number; readonly perSecond: number },
  nowMs: number,
): number {
  const gained = (nowMs - spent.atMs) / 1000 * spent.perSecond;
  return Math.min(spent.perSecond, spent.tokens + gained);
}
