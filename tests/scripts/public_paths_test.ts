import { assert, assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);
const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  exports: Record<string, string>;
};

/** Public paths that open connections; all others are bytes and values in, bytes and values out. */
const WITH_SOCKETS = [
  ...["./access", "./events", ".", "./api", "./client", "./cluster", "./server"],
];

/** More source than that is to be loaded when it is needed; a server at rest then takes some 75 MB. */
const MOST_BYTES_AT_ONCE = 2_875_000;

/** What `deno info --json` says of a module. */
interface ModuleInfo {
  readonly specifier: string;
  /** Bytes of its source. */
  readonly size?: number;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    /** It is imported when it is needed, and not before. */
    readonly isDynamic?: boolean;
  }[];
}

const graphs = new Map<string, Promise<readonly ModuleInfo[]>>();

/** The modules that `file` brings, sooner or later. */
function graphOf(file: string): Promise<readonly ModuleInfo[]> {
  const known = graphs.get(file);
  if (known !== undefined) return known;
  const graph = new Deno.Command(Deno.execPath(), { args: ["info", "--json", file], cwd: root })
    .output().then(({ stdout }) => JSON.parse(new TextDecoder().decode(stdout)).modules);
  graphs.set(file, graph);
  return graph;
}

function folderOf({ specifier }: ModuleInfo): string | undefined {
  return /\/src\/(\w+)\//.exec(specifier)?.[1];
}

/** Whether it is of the little of `transport` that those need who open no connections. */
function opensNothing({ specifier }: ModuleInfo): boolean {
  return /\/src\/transport\/(early|system_clock)\.ts$/.test(specifier);
}

/** The folders of `src/` whose modules `file` brings. */
async function foldersOf(file: string): Promise<Set<string>> {
  const inside = (await graphOf(file)).map(folderOf);
  return new Set(inside.filter((folder) => folder !== undefined));
}

/** The modules that run before the first line of `file` does. */
async function modulesAtOnce(file: string): Promise<readonly ModuleInfo[]> {
  const modules = await graphOf(file);
  const all = new Map(modules.map((module) => [module.specifier, module]));
  const found = new Set(modules.filter(({ specifier }) => specifier === new URL(file, root).href));
  for (const { dependencies = [] } of found) {
    for (const { code, isDynamic = false } of dependencies) {
      const module = all.get(code?.specifier ?? "");
      if (module !== undefined && !isDynamic) found.add(module);
    }
  }
  return [...found];
}

Deno.test("a public path is a folder of the same name", () => {
  for (const [path, file] of Object.entries(exports)) {
    const name = path.slice("./".length);
    assertEquals(file, path === "." ? "./mod.ts" : `./src/${name}/mod.ts`);
  }
});

Deno.test("public paths but the server's and the clients' bring nothing that opens connections", async () => {
  for (const [path, file] of Object.entries(exports)) {
    const modules = (await graphOf(file)).filter((module) => folderOf(module) !== undefined);
    assert(modules.length > 0, path);
    const folders = new Set(modules.filter((module) => !opensNothing(module)).map(folderOf));
    const opening = ["cli", "client", "doors", "relay", "server", "transport"]
      .filter((folder) => folders.has(folder));
    assertEquals(opening.length > 0, WITH_SOCKETS.includes(path), `${path}: ${opening}`);
  }
});

Deno.test("an RTMP and an RTSP of their own bring neither each other nor the hub", async () => {
  const rtmp = await foldersOf(exports["./rtmp"]!), rtsp = await foldersOf(exports["./rtsp"]!);
  for (const folder of ["hub", "transmux"]) assert(!rtmp.has(folder) && !rtsp.has(folder), folder);
  assert(!rtmp.has("rtsp") && !rtsp.has("rtmp"));
});

Deno.test("the page of a public path begins with an example, which deno test --doc runs", async () => {
  for (const file of Object.values(exports)) {
    const text = await Deno.readTextFile(new URL(file, root));
    const page = text.slice(0, text.indexOf("@module"));
    assert(page.startsWith("/**") && page.includes("@example") && page.includes("```ts"), file);
  }
});

/** What a server needs later, if ever. */
const LATE: readonly RegExp[] = [
  /^src\/(client|webrtc)\//,
  /^src\/cli\/(.*\/)?(?!serve_)[^/]*_command\.ts$/,
  /^src\/rtsp\/(?!early|errors|url|websocket)/,
  /^src\/doors\/rtsp\/rtsp_(front|serving|service)\.ts$/,
  /^src\/doors\/http\/(http_listener|hls_packagers|\w+_(input|play))\.ts$/,
  /^src\/relay\/(rtsp_relay_connection|rtsp_unit_packets)\.ts$/,
  /^src\/wire\/(hls_packager|(flv|mp4|rtsp|ts)_wire_format)\.ts$/,
];

Deno.test("a server begins without what it needs later, if ever, as each byte of source takes ten of memory", async () => {
  const modules = await modulesAtOnce("./mod.ts");
  assert(modules.length > 300, `${modules.length}`);
  const early = modules.map(({ specifier }) => specifier.slice(root.href.length))
    .filter((file) => LATE.some((late) => late.test(file)));
  assertEquals(early, []);
  const bytes = modules.reduce((sum, { size = 0 }) => sum + size, 0);
  assert(bytes < MOST_BYTES_AT_ONCE, `${bytes} bytes of source run before a server begins`);
});
