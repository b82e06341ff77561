import { Access, type AccessOptions } from "../access/mod.ts";
import type { ServerHooks } from "../gate/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { formatAddress, isLoopback } from "../transport/mod.ts";
import type { ServerOptions } from "./options.ts";
import type { PathRules } from "./path_rules.ts";
import type { ServerAddress } from "./statistics.ts";

/** Who may do what as data, with what the rules of paths say; `undefined` where neither says anything. */
export function accessOptionsOf(
  access: AccessOptions | undefined,
  paths: PathRules,
): AccessOptions | undefined {
  const ofPaths = paths.access;
  if (Object.keys(ofPaths).length === 0) return access;
  return { ...access, paths: { ...access?.paths, ...ofPaths } };
}

/**
 * Who may do what, where the options have it as data.
 *
 * @throws {TypeError} if there is a function that decides it, too
 * @throws {AccessOptionsError} if it cannot be read
 */
export function accessOf(
  { access: given, hooks }: ServerOptions,
  { paths, log }: { readonly paths: PathRules; readonly log: ServerLog },
): Access | undefined {
  const access = accessOptionsOf(given, paths);
  if (access === undefined) return undefined;
  if (hooks?.authenticate !== undefined) {
    throw new TypeError(
      "Cannot make a server as 'access' and 'hooks.authenticate' exclude each other",
    );
  }
  return new Access(access, { log });
}

/** The hooks of the program, with what `access` decides. */
export function hooksOf({ hooks = {} }: ServerOptions, access: Access | undefined): ServerHooks {
  if (access === undefined) return hooks;
  return {
    ...hooks,
    authenticate: access.authenticate,
    mayStay: access.mayStay,
    isSecretName: access.isSecretName,
    get passwordMethods() {
      return access.passwordMethods;
    },
  };
}

/** Whether RTMP clients are asked at connect who they are; the answers of encoders are digests of passwords. */
export function asksAtConnect(
  { rtmpAskAtConnect }: Pick<ServerOptions, "rtmpAskAtConnect">,
  { access, hooks }: { readonly access: Access | undefined; readonly hooks: ServerHooks },
): boolean {
  const takesDigests = hooks.passwordMethods?.some((method) => method !== "basic") ?? true;
  return rtmpAskAtConnect ?? access?.asksAtConnect ?? takesDigests;
}

/** Whoever reaches the server may do everything: said once, where not only this machine reaches it. */
export function warnIfOpen(
  { hooks = {} }: ServerOptions,
  { access, addresses, log }: {
    readonly access: Access | undefined;
    readonly addresses: readonly ServerAddress[];
    readonly log: ServerLog;
  },
): void {
  const isOpen = access?.isOpen ?? (hooks.authenticate ?? hooks.onPublish) === undefined;
  const reachable = addresses.filter(({ hostname }) => !isLoopback(hostname));
  if (!isOpen || reachable.length === 0) return;
  const shown = new Set(reachable.map(formatAddress));
  log.warn(
    "anybody who reaches this server may publish and play, as nothing says who may",
    { addresses: [...shown].join(" ") },
  );
}
