/** Where to listen. */
export interface ListenAddress {
  /** Host name or address; all IPv4 addresses by default, and with `::` all of both families. */
  readonly hostname?: string;
  /** Port; 0 takes a free one. */
  readonly port: number;
}

/**
 * Parses `[HOST:]PORT`, with IPv6 hosts in brackets.
 *
 * @throws {RangeError} if the text is not of that form or the port is over 65535
 *
 * @example
 * ```ts
 * import { parseListenAddress } from "@weir/server/server";
 *
 * console.log(parseListenAddress("[::1]:1935")); // { hostname: "::1", port: 1935 }
 * ```
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(?:\[([0-9A-Fa-f:.%]+)\]|([\w.-]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new RangeError(
      `Cannot listen as the address must be [HOST:]PORT with a port up to 65535: current value is "${text}"`,
    );
  }
  const hostname = match[1] ?? match[2];
  return hostname ? { hostname, port } : { port };
}

/** Writes an address as log lines and URLs have it. */
export function formatAddress(address: { hostname: string; port: number }): string {
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
