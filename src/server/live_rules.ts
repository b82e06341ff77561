import type { HubOptions } from "../hub/mod.ts";
import { MAX_CONNECTION_BYTES, SERVER_TIMING } from "./defaults.ts";
import { addressRules, gateLimits, rangesOf } from "./gate_rules.ts";
import type { LiveOptions } from "./options.ts";
import type { PathRules } from "./path_rules.ts";
import type { ShellRules } from "./shell.ts";

/** What the shell and its gate go by, of options that can be changed; `paths` are the rules of now.
 *
 * @throws {TypeError} if a range of addresses cannot be read
 */
export function shellRules(options: LiveOptions, paths: () => PathRules): ShellRules {
  const { timing, addresses, proxies, maxConnectionBytes = MAX_CONNECTION_BYTES } = options;
  return {
    timing: { ...SERVER_TIMING, ...timing },
    limits: gateLimits(options),
    addresses: addressRules(addresses),
    termsOf: (name) => paths().of(name).terms,
    maxConnectionBytes,
    proxies: rangesOf(proxies?.proxyProtocol),
  };
}

/** What the hub goes by: the rules of paths come after what the program says of a stream. */
export function hubRules(
  { hub }: LiveOptions,
  paths: () => PathRules,
): Omit<HubOptions, "clock"> {
  return {
    ...hub,
    streamSettings: (name) => ({
      ...hub?.streamSettings?.(name),
      ...paths().of(name).settings,
    }),
  };
}
