import type { Permission } from "./permission.ts";

/** The permission to ask the server of a URL of HTTP. */
export function reaching(url: string): Permission[] {
  const { hostname, port, protocol } = new URL(url);
  const number = port === "" ? protocol === "https:" ? 443 : 80 : port;
  return [{ name: "net", host: `${hostname}:${number}` }];
}
