import { type ListenAddress, ServerError } from "../server/mod.ts";
import { isGranted, type NetPermission, type Permission, permissionFlags } from "./permission.ts";
import type { Settings } from "./settings.ts";
import type { Setting } from "./setting.ts";
import { HTTP_PORT, HTTPS_PORT } from "./settings/http.ts";
import { RTMP_PORT, RTMPS_PORT, RTSP_PORT, RTSPS_PORT } from "./settings/listening.ts";
import { SETTINGS } from "./table.ts";

/** Where clients connect to. */
const DOORS: readonly Setting<ListenAddress | false>[] = [
  RTMP_PORT,
  RTMPS_PORT,
  RTSP_PORT,
  RTSPS_PORT,
  HTTP_PORT,
  HTTPS_PORT,
];

/** The permissions that settings need by their rows; `change` says of which rows, and all by default. */
export function permissionsOf(
  settings: Settings,
  { change }: { readonly change?: Setting["change"] } = {},
): Permission[] {
  return SETTINGS.flatMap((row) => {
    const value = settings.get(row);
    if (value === undefined || (change !== undefined && row.change !== change)) return [];
    return row.needs?.(value, settings) ?? [];
  });
}

/** The permissions to listen where settings say; datagrams need others. */
export function listenPermissions(settings: Settings): NetPermission[] {
  const hosts = DOORS.flatMap((row) => {
    const address = settings.get(row);
    if (address === undefined || address === false) return [];
    const { hostname = "0.0.0.0", port } = address;
    return [`${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`];
  });
  return [...new Set(hosts)].map((host) => ({ name: "net", host }));
}

/**
 * Looks whether this program has the permissions that a start needs, before anything is opened: nothing is asked for
 * at a terminal. What is connected to later is looked at then.
 *
 * @throws {ServerError} `permission`, with the flags to add for all that is missing
 */
export function checkPermissions(settings: Settings): void {
  const doors = listenPermissions(settings);
  const closed = doors.filter((permission) => !isGranted(permission));
  refuseWithout([
    ...permissionsOf(settings).filter(({ name }) => name !== "net"),
    // Where nothing may be listened on, no list was given.
    ...closed.length > 0 && closed.length === doors.length ? [{ name: "net" } as const] : closed,
  ]);
}

/**
 * Looks whether this program has the permissions that a reload of settings needs.
 *
 * @throws {ServerError} as {@linkcode checkPermissions}
 */
export function checkReloadPermissions(settings: Settings): void {
  refuseWithout(
    permissionsOf(settings, { change: "reload" }).filter(({ name }) => name !== "net"),
  );
}

function refuseWithout(permissions: readonly Permission[]): void {
  const missing = permissions.filter((permission) => !isGranted(permission));
  if (missing.length === 0) return;
  throw new ServerError(
    "permission",
    `Cannot go on without permission: add ${permissionFlags(missing).join(" ")}`,
  );
}
