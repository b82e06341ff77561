import { ServerError } from "../server/mod.ts";
import { isGranted, type Permission, permissionFlags } from "./permission.ts";
import type { Settings } from "./settings.ts";
import { SETTINGS } from "./table.ts";

/** The permissions that settings need by their rows. */
export function permissionsOf(settings: Settings): Permission[] {
  return SETTINGS.flatMap((row) => {
    const value = settings.get(row);
    return value === undefined ? [] : row.needs?.(value, settings) ?? [];
  });
}

/**
 * Looks whether this program has the permissions that settings need: nothing is asked for at a terminal. Those of the
 * network are looked at where something is listened for.
 *
 * @throws {ServerError} `permission`, with the flags to add for all that is missing
 */
export function checkPermissions(settings: Settings): void {
  const missing = permissionsOf(settings)
    .filter((permission) => permission.name !== "net" && !isGranted(permission));
  if (missing.length === 0) return;
  throw new ServerError(
    "permission",
    `Cannot start without permission: add ${permissionFlags(missing).join(" ")}`,
  );
}
