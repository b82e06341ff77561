/** Something that a program may do under Deno only where it was allowed to. */
export type Permission =
  | { readonly name: "net"; readonly host?: string }
  | { readonly name: "read" | "write"; readonly path: string }
  | { readonly name: "env"; readonly variable: string }
  | { readonly name: "run"; readonly command: string }
  | { readonly name: "sys"; readonly kind: "statfs" };

/** The permissions to read a file and to write it anew: what is written first then takes its place. */
export function filesReplaced(path: string): Permission[] {
  return [path, `${path}.new`].flatMap((path) =>
    [{ name: "read", path }, { name: "write", path }] as const
  );
}

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

/**
 * The paths that Deno's lists of paths cannot name, each with the folder that is listed instead: commas part those
 * lists, and Deno 2.9 knows no way to write one that does not.
 */
export function widenedPaths(permissions: readonly Permission[]): Map<string, string> {
  return new Map(
    permissions.flatMap((permission) => {
      if (permission.name !== "read" && permission.name !== "write") return [];
      const { path } = permission;
      return path.includes(",") ? [[path, listedPath(path)] as const] : [];
    }),
  );
}

/** A path, or the first folder on the way to it behind which there are commas. */
function listedPath(path: string): string {
  const comma = path.indexOf(",");
  if (comma < 0) return path;
  const cut = path.slice(0, comma).search(/[^/\\]*$/);
  const folder = path.slice(0, cut);
  return folder === "" ? "." : folder.replace(/(?<=[^/\\:])[/\\]+$/, "");
}

/** What is listed behind the flag of a permission; `undefined` where all of its kind is meant. */
function valueOf(permission: Permission): string | undefined {
  switch (permission.name) {
    case "net":
      return permission.host;
    case "read":
    case "write":
      return listedPath(permission.path);
    case "env":
      return permission.variable;
    case "run":
      // A command can be listed in no other way.
      return permission.command.includes(",") ? undefined : permission.command;
    case "sys":
      return permission.kind;
  }
}

/** Whether this program has a permission; nothing is asked of whoever sits at the terminal. */
export function isGranted(permission: Permission): boolean {
  const { state } = Deno.permissions.querySync(permission as Deno.PermissionDescriptor);
  return state === "granted";
}
