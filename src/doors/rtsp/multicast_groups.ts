import { HubError } from "../../hub/mod.ts";
import type { RtspMulticastGroup } from "../../rtsp/mod.ts";
import { streamNameOf } from "../mod.ts";

/** Where and how players that ask for multicast get their packets. */
export interface MulticastOptions {
  /**
   * IPv4 groups that streams may have, one each as far as they reach: `239.1.0.0/16`, or a single address.
   */
  readonly group: string;
  /** Routers that a packet may pass, 1 to 255. Default 16. */
  readonly ttl?: number;
  /** Lowest port, even. Each stream has 32 ports from there on. Default 8002. */
  readonly port?: number;
}

/** Tracks of a stream that have ports; descriptions of cameras have three at most. */
const TRACKS = 16;
const PORTS_PER_STREAM = TRACKS * 2;

/**
 * Gives each stream a multicast group and ports of its own. Ports differ between groups too, since a
 * socket that is bound to all addresses gets every group that any program of its machine has joined.
 */
export class MulticastGroups {
  /** Routers that a packet may pass. */
  readonly ttl: number;
  /** The groups as they were given. */
  readonly range: string;
  readonly #first: number;
  readonly #count: number;
  readonly #port: number;
  readonly #slots: number;
  readonly #part: { readonly index: number; readonly of: number };
  /** Stream names by when they were last asked for, the oldest first. */
  readonly #slotOf = new Map<string, number>();
  readonly #isUsed: (name: string) => boolean;

  /**
   * `isUsed` tells whether a stream is being sent to its group; the group of one that is not may go to
   * another stream when there is none left. Of several parts of a server that multicast each has groups and ports of its
   * own: `part` says which this one is, and how many there are.
   *
   * @throws {RangeError} if the groups are not multicast addresses for use, or another number is out of range
   */
  constructor(
    options: MulticastOptions,
    isUsed: (name: string) => boolean,
    part: { readonly index: number; readonly of: number } = { index: 0, of: 1 },
  ) {
    const { group, ttl = 16, port = 8002 } = options;
    const { first, count } = parseMulticastRange(group);
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) {
      throw new RangeError(`Cannot multicast as ttl must be 1 to 255: current value is ${ttl}`);
    }
    if (!Number.isInteger(port) || port % 2 !== 0 || port < 1024 || port > 65_504) {
      throw new RangeError(
        `Cannot multicast as the port must be even, 1024 to 65504: current value is ${port}`,
      );
    }
    this.range = group;
    this.ttl = ttl;
    this.#first = first;
    this.#count = count;
    this.#port = port;
    const slots = Math.floor((65_536 - port) / PORTS_PER_STREAM);
    this.#part = part;
    this.#slots = Math.floor((slots - part.index + part.of - 1) / part.of);
    this.#isUsed = isUsed;
  }

  /** The first group of the range, to try whether there is a way to it. */
  get first(): { readonly hostname: string; readonly port: number } {
    return { hostname: formatIpv4(this.#first), port: this.#port };
  }

  /** The group of a stream's track; `undefined` when there is none left. */
  of(name: string, track: number): RtspMulticastGroup | undefined {
    if (track >= TRACKS) return undefined;
    const slot = this.#slotOf.get(name) ?? this.#freeSlot();
    if (slot === undefined) return undefined;
    this.#slotOf.delete(name);
    this.#slotOf.set(name, slot);
    const port = this.#port + slot * PORTS_PER_STREAM + track * 2;
    return {
      address: formatIpv4(this.#first + slot % this.#count),
      ports: [port, port + 1],
      ttl: this.ttl,
    };
  }

  /** The group of a track of the stream at the path of a URL. */
  ofPath(path: string, track: number): RtspMulticastGroup | undefined {
    try {
      return this.of(streamNameOf(path), track);
    } catch (error) {
      // No stream can have such a name: who asks for it is told later.
      if (error instanceof HubError) return undefined;
      throw error;
    }
  }

  #freeSlot(): number | undefined {
    if (this.#slotOf.size < this.#slots) {
      return this.#part.index + this.#part.of * this.#slotOf.size;
    }
    for (const [name, slot] of this.#slotOf) {
      if (this.#isUsed(name)) continue;
      this.#slotOf.delete(name);
      return slot;
    }
    return undefined;
  }
}

/**
 * Parses `ADDRESS[/PREFIX]` of IPv4 multicast groups.
 *
 * @throws {RangeError} if it is not of that form, no multicast, or `224.0.0.0/24`, which routers use
 *
 * @example
 * ```ts
 * import { parseMulticastRange } from "@weir/server/server";
 *
 * console.log(parseMulticastRange("239.1.0.0/16").count); // 65536
 * ```
 */
export function parseMulticastRange(
  text: string,
): { readonly first: number; readonly count: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  const [, ...numbers] = match ?? [];
  const octets = numbers.slice(0, 4).map(Number);
  const prefix = Number(numbers[4] ?? 32);
  const isRight = octets.length === 4 && octets.every((octet) => octet <= 255) &&
    prefix >= 4 && prefix <= 32;
  const count = 2 ** (32 - prefix);
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const first = address - address % count;
  if (!isRight || octets[0]! < 224 || octets[0]! > 239 || first < FIRST_FREE) {
    throw new RangeError(
      "Cannot multicast as the group must be 224.0.1.0 to 239.255.255.255, with /4 to /32: " +
        `current value is "${text}"`,
    );
  }
  return { first, count };
}

/** 224.0.1.0: what is below is for routing protocols, and never forwarded (RFC 5771, 4). */
const FIRST_FREE = 224 * 2 ** 24 + 256;

function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
