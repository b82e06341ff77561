/**
 * The address as permissions name it: `host:port`, or the host alone, which is all of its ports; an IPv6
 * address stands in brackets.
 */
export function permissionHost(hostname: string, port?: number): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return port === undefined ? host : `${host}:${port}`;
}

/**
 * Whether this program may listen at an address, connect or send to it; without a port, whether at any of its
 * ports. To do so without permission would stop the program at a question, so this is asked first.
 */
export function hasNetPermission(hostname: string, port?: number): boolean {
  const host = permissionHost(hostname, port);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

/** Whether this program may reach any address, not only those of a list. */
export function hasWholeNetPermission(): boolean {
  return Deno.permissions.querySync({ name: "net" }).state === "granted";
}
