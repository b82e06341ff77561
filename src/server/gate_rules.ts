import { AddressRanges, type AddressRules, GATE_LIMITS, type GateLimits } from "../gate/mod.ts";
import type { AddressListOptions, ServerOptions } from "./options.ts";

/** The bounds of the gate among the options of a server. */
export function gateLimits(options: ServerOptions): Partial<GateLimits> {
  const limits: { -readonly [K in keyof GateLimits]?: number } = {};
  for (const key of Object.keys(GATE_LIMITS) as (keyof GateLimits)[]) {
    const value = options[key];
    if (value !== undefined) limits[key] = value;
  }
  return limits;
}

/**
 * Reads which addresses may connect.
 *
 * @throws {TypeError} if a range cannot be read
 */
export function addressRules({ allow, deny }: AddressListOptions = {}): AddressRules {
  return {
    ...(allow === undefined ? {} : { allowed: new AddressRanges(allow) }),
    ...(deny === undefined ? {} : { denied: new AddressRanges(deny) }),
  };
}

/**
 * Reads the ranges of balancers; `undefined` where there are none.
 *
 * @throws {TypeError} if a range cannot be read
 */
export function rangesOf(ranges: readonly string[] | undefined): AddressRanges | undefined {
  return ranges === undefined || ranges.length === 0 ? undefined : new AddressRanges(ranges);
}
