import { fileURLToPath } from "node:url";

/** Returns the path of a `file:` URL. */
export function fromFileUrl(url: URL): string {
  return fileURLToPath(url);
}

/** Returns the part of `specifier` below `root`, or all of it where it lies elsewhere. */
export function relative(root: URL, specifier: string): string {
  return specifier.startsWith(root.href) ? specifier.slice(root.href.length) : specifier;
}

/** Yields weir's own source files: `mod.ts` if there is one, and those in `src/`. */
export async function* sourceFiles(root: URL): AsyncIterable<string> {
  for await (const { name } of Deno.readDir(root)) if (name === "mod.ts") yield name;
  yield* filesBelow(root, "src/");
}

/**
 * Yields the files of a folder and of those in it, in alphabetical order: the TypeScript files, or
 * those whose names end as `endings` says.
 */
export async function* filesBelow(
  root: URL,
  folder: string,
  endings: readonly string[] = [".ts"],
): AsyncIterable<string> {
  const entries = await Array.fromAsync(Deno.readDir(new URL(folder, root)));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) yield* filesBelow(root, `${folder}${name}/`, endings);
    else if (endings.some((ending) => name.endsWith(ending))) yield `${folder}${name}`;
  }
}
