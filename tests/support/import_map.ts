/** What a program imports that has weir's modules and the standard library by their addresses. */

/** The part of a package's `deno.json` that says what it exports and imports. */
export interface Package {
  readonly name: string;
  readonly exports: string | Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
  readonly workspace?: readonly string[];
}

const root = new URL("../../", import.meta.url);

async function readPackage(folder: URL): Promise<Package> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", folder)));
}

/** The import map entries of a package. */
function entries({ name, exports }: Package, folder: URL): [string, string][] {
  const paths = typeof exports === "string" ? { ".": exports } : exports;
  return Object.entries(paths).map(([path, file]) => [
    `${name}${path.slice(1)}`,
    new URL(file, folder).href,
  ]);
}

const weir = await readPackage(root);

/** The names by which users import weir. */
export const publicNames: readonly string[] = entries(weir, root).map(([name]) => name);

/** Every export of weir, and the standard library as it stands in for here, or as JSR has it. */
export async function importMap(): Promise<Record<string, string>> {
  const all = [...Object.entries(weir.imports ?? {}), ...entries(weir, root)];
  for (const member of weir.workspace ?? []) {
    const folder = new URL(`${member}/`, root);
    all.push(...entries(await readPackage(folder), folder));
  }
  return Object.fromEntries(all);
}
