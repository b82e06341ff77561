/** Something that a program may do under Deno only where it was allowed to. */
export type Permission =
  | { readonly name: "net"; readonly host?: string }
  | { readonly name: "read" | "write"; readonly path: string }
  | { readonly name: "env"; readonly variable: string }
  | { readonly name: "run"; readonly command: string };

/** The flag of `deno run` that gives a permission. */
export function flagOf(permission: Permission): string {
  const value = valueOf(permission);
  return value === undefined ? `--allow-${permission.name}` : `--allow-${permission.name}=${value}`;
}

/** What is listed behind the flag of a permission; `undefined` where all of its kind is meant. */
export function valueOf(permission: Permission): string | undefined {
  switch (permission.name) {
    case "net":
      return permission.host;
    case "read":
    case "write":
      return permission.path;
    case "env":
      return permission.variable;
    case "run":
      return permission.command;
  }
}

/** Whether this program has a permission; nothing is asked of whoever sits at the terminal. */
export function isGranted(permission: Permission): boolean {
  const { state } = Deno.permissions.querySync(permission as Deno.PermissionDescriptor);
  return state === "granted";
}
