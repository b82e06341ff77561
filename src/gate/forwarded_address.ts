import type { AddressRanges } from "./address_ranges.ts";
import { parseIpAddress } from "./ip_address.ts";

/** Longer headers are not looked at: each balancer adds one address. */
const MAX_LENGTH = 2048;

/**
 * The address of the client of a request that balancers have passed on, by the header `X-Forwarded-For`: the last one
 * that is none of the balancers'. What stands before it was written by the client, and may be anything. `peer` is whose
 * connection it is: unless it is a balancer, the header counts for nothing.
 *
 * @example
 * ```ts
 * import { AddressRanges, forwardedAddress } from "@weir/server/gate";
 *
 * const balancers = new AddressRanges(["10.0.0.0/8"]);
 * const header = "1.1.1.1, 203.0.113.9, 10.0.0.2";
 * console.log(forwardedAddress(header, { peer: "10.0.0.1", balancers })); // 203.0.113.9
 * ```
 */
export function forwardedAddress(
  header: string | null,
  { peer, balancers }: { readonly peer: string; readonly balancers: AddressRanges },
): string {
  let address = peer;
  const entries = (header ?? "").length > MAX_LENGTH ? [] : (header ?? "").split(",");
  while (balancers.has(address)) {
    const before = addressOf(entries.pop());
    if (before === undefined) break;
    address = before;
  }
  return address;
}

/** Some write a port behind it, and brackets around an IPv6 address. */
function addressOf(entry: string | undefined): string | undefined {
  const text = entry?.trim() ?? "";
  const plain = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ??
    text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
  return parseIpAddress(plain) === undefined ? undefined : plain;
}
