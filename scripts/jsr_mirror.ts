/**
 * Serves checkouts of the standard library's repository as JSR does, for machines that reach a copy
 * of that repository but not JSR: each folder with a `deno.json` that has a name is a package of the
 * version that it states.
 *
 * @module
 */
import { filesBelow } from "./source_files.ts";

/** A version of a package as JSR describes it. */
interface Package {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  /** The text of each file by its path, which begins with a slash. */
  readonly files: ReadonlyMap<string, string>;
}

/** A running mirror. */
export interface JsrMirror extends AsyncDisposable {
  /** What `JSR_URL` has to be. */
  readonly url: string;
}

/** Starts a mirror of the packages in `checkouts`; the first one that has a package counts. */
export async function serveJsr(checkouts: readonly URL[]): Promise<JsrMirror> {
  const found: Record<string, URL> = {};
  const imports: Record<string, string> = {};
  for (const checkout of checkouts) {
    Object.assign(imports, (await readConfig(new URL("deno.json", checkout)))?.imports);
    for await (const { name, isDirectory } of Deno.readDir(checkout)) {
      const folder = new URL(`${name}/`, checkout);
      const config = isDirectory && await readConfig(new URL("deno.json", folder));
      if (config && config.name !== undefined) found[config.name] ??= folder;
    }
  }
  const packages = new Map<string, Package>();
  for (const [name, folder] of Object.entries(found)) {
    packages.set(name, await readPackage(folder, { imports, own: Object.keys(found) }));
  }
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => await answer(new URL(request.url).pathname, packages),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

interface Config {
  readonly name?: string;
  readonly version?: string;
  readonly exports?: string | Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

async function readConfig(file: URL): Promise<Config | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function readPackage(
  folder: URL,
  { imports, own }: { imports: Readonly<Record<string, string>>; own: readonly string[] },
): Promise<Package> {
  const config = (await readConfig(new URL("deno.json", folder)))!;
  const files = new Map<string, string>();
  for await (const path of filesBelow(folder, "", [".ts", ".json"])) {
    if (path.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(path, folder));
    files.set(`/${path}`, withJsrImports(text, { imports, own }));
  }
  const { version = "0.0.0", exports = {} } = config;
  return { version, files, exports: typeof exports === "string" ? { ".": exports } : exports };
}

/** Names packages by `jsr:`, as JSR does when a package is published. */
function withJsrImports(
  text: string,
  { imports, own }: { imports: Readonly<Record<string, string>>; own: readonly string[] },
): string {
  return text.replaceAll(
    /^([^\n*]*\bfrom ")(@[\w-]+\/[\w-]+)((?:\/[\w./-]+)?")/gm,
    (all, ...parts) => {
      const [before, name, after] = parts as [string, string, string];
      const target = imports[name] ?? (own.includes(name) ? `jsr:${name}@*` : undefined);
      return target === undefined ? all : `${before}${target}${after}`;
    },
  );
}

async function answer(
  path: string,
  packages: ReadonlyMap<string, Package>,
): Promise<Response> {
  const [, name = "", rest = ""] = /^\/(@[^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
  const wanted = packages.get(name);
  if (wanted === undefined) return new Response("no such package", { status: 404 });
  const { version, exports, files } = wanted;
  if (rest === "meta.json") {
    return Response.json({ name, latest: version, versions: { [version]: {} } });
  }
  if (rest === `${version}_meta.json`) {
    const manifest: Record<string, unknown> = {};
    for (const [file, text] of files) {
      const bytes = new TextEncoder().encode(text);
      manifest[file] = { size: bytes.length, checksum: `sha256-${await sha256(bytes)}` };
    }
    return Response.json({ manifest, exports });
  }
  const text = files.get(rest.slice(version.length));
  if (!rest.startsWith(`${version}/`) || text === undefined) {
    return new Response("no such file", { status: 404 });
  }
  const type = rest.endsWith(".json") ? "application/json" : "text/typescript";
  return new Response(text, { headers: { "content-type": type } });
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
