/** Something that a program may do under Deno only where it was allowed to. */
export type Permission =
  | { readonly name: "net"; readonly host?: string }
  | { readonly name: "read" | "write"; readonly path: string }
  | { readonly name: "env"; readonly variable: string }
  | { readonly name: "run"; readonly command: string }
  | { readonly name: "sys"; readonly kind: "statfs" };

/** The permission to use an address, or the whole network. */
export type NetPermission = Extract<Permission, { readonly name: "net" }>;

/** The flag of `deno run` that gives a permission. */
export function flagOf(permission: Permission): string {
  return permissionFlags([permission])[0]!;
}

/** The flags of `deno run` that give several permissions, one a kind; all of a kind stand for each. */
export function permissionFlags(permissions: readonly Permission[]): string[] {
  const kinds = new Map<string, Set<string | undefined>>();
  for (const permission of permissions) {
    const values = kinds.get(permission.name) ?? new Set();
    kinds.set(permission.name, values.add(valueOf(permission)));
  }
  return Array.from(
    kinds,
    ([name, values]) =>
      values.has(undefined) ? `--allow-${name}` : `--allow-${name}=${[...values].join(",")}`,
  );
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
    case "sys":
      return permission.kind;
  }
}

/** Whether this program has a permission; nothing is asked of whoever sits at the terminal. */
export function isGranted(permission: Permission): boolean {
  const { state } = Deno.permissions.querySync(permission as Deno.PermissionDescriptor);
  return state === "granted";
}
