/** An IPv4 address as a socket for both families shows it (RFC 4291, 2.5.5.2). */
const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/**
 * The address of a peer as everyone knows it: an IPv4 peer of a socket on `::` is `::ffff:192.0.2.1` to
 * the system, and `192.0.2.1` to sessions, hooks, log lines and statistics. Other text stays as it is.
 */
export function plainAddress(address: string): string {
  return MAPPED_IPV4.exec(address)?.[1] ?? address;
}

/** Whether a socket bound to `bound` can send to `peer`, as far as their families tell. */
export function canReach(bound: string, peer: string): boolean {
  const isIpv6 = plainAddress(peer).includes(":");
  return bound === "::" || bound.includes(":") === isIpv6;
}

/** Whether an address is that of the machine itself (RFC 1122, 3.2.1.3, and RFC 4291, 2.5.3). */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === "::1" || plain.startsWith("127.");
}
