/**
 * Checks the ladder of `src/`: which folder may import which, that no files import each other in a circle, and
 * who may touch the outside world.
 *
 * Run as a script, it prints what is wrong and fails.
 *
 * @module
 */
import { fromFileUrl, relative, sourceFiles } from "./source_files.ts";
import { blankCommentsAndStrings } from "./blank_source.ts";
import { programArguments } from "./program_arguments.ts";

/** The folders of `src/`, lowest line first; a folder imports only from lines below its own. */
export const LADDER: readonly (readonly string[])[] = [
  ["bytes", "rules", "streams", "time"],
  ["amf", "flv", "hls", "log", "media", "mkv", "mp4", "rtp", "sdp", "ts"],
  ["rtmp", "rtsp", "webrtc"],
  ["hub", "transmux"],
  ["gate", "health", "wire"],
  ["transport"],
  ["access", "client", "doors", "events"],
  ["doors/rtmp", "doors/rtsp", "doors/http", "cluster", "files", "record", "relay"],
  ["api", "console"],
  ["server", "config"],
  ["cli"],
];

/** What a folder may import from its own line. */
const WITHIN_A_LINE: Readonly<Record<string, readonly string[]>> = {
  flv: ["amf", "media"],
  mkv: ["media"],
  mp4: ["media"],
  ts: ["media"],
  gate: ["health"],
  config: ["server"],
};

/**
 * What others import of a folder: all of it, or, where most of it is loaded when it is needed, the little that is needed
 * before.
 */
const ENTRANCES: readonly string[] = ["mod.ts", "early.ts"];

/** The first line that may touch the outside world. */
const FIRST_IMPURE_LINE = LADDER.findIndex((folders) => folders.includes("transport"));

/** What comes from elsewhere and is pure: `node:crypto` hashes, and has its random parts below. */
const PURE_PACKAGES = /^(@std\/bytes(\/|$)|node:crypto$)/;

/** The outside world: the runtime, clocks, timers, chance. */
const IMPURE =
  /(?<![\w$#.])(?:globalThis\s*\.\s*)?(Deno\s*\.\s*\w+|Date\s*\.\s*now|new\s+Date(?=\s*\(\s*\))|performance\s*\.\s*now|Math\s*\.\s*random|crypto\s*\.\s*\w+|set(?:Timeout|Interval)|random(?:Bytes|FillSync|Int|UUID))\b/g;

/** Names that say nothing about what a file holds. */
const EMPTY_NAME = /^(utils?|misc|common|base|helpers?)$/;

/** The part of `deno info --json` that is read. */
export interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: ResolvedImport;
      readonly type?: ResolvedImport;
    }[];
  }[];
}

interface ResolvedImport {
  readonly specifier?: string;
  readonly error?: string;
}

/** Returns what is wrong with the imports of `graph`, whose project lies at the URL `root`. */
export function checkGraph(graph: ModuleGraph, root: URL): string[] {
  const problems: string[] = [];
  for (const module of graph.modules) {
    const from = relative(root, module.specifier);
    if (!isWeir(from)) continue;
    if (module.error !== undefined) problems.push(`${from}: ${module.error}`);
    for (const { specifier, code, type } of module.dependencies ?? []) {
      const resolved = code ?? type;
      const to = relative(root, resolved?.specifier ?? specifier);
      const rule = resolved?.error ?? brokenRule(from, isWeir(to) ? { to } : { specifier });
      if (rule !== undefined) problems.push(`${from} imports ${specifier}: ${rule}`);
    }
  }
  return problems;
}

/**
 * Returns the circles among the files of `graph`, one for each set of files that lead back to each other. Types
 * count too: files that need each other to be read are one file in two.
 */
export function checkCircles(graph: ModuleGraph, root: URL): string[] {
  const imports = new Map<string, string[]>();
  for (const { specifier, dependencies } of graph.modules) {
    const leads = (dependencies ?? []).map(({ specifier, code, type }) =>
      relative(root, (code ?? type)?.specifier ?? specifier)
    );
    const from = relative(root, specifier);
    if (isWeir(from)) imports.set(from, leads.filter(isWeir));
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): void => {
    const start = way.indexOf(file);
    if (start >= 0) circles.push(`a circle: ${[...way.slice(start), file].join(" → ")}`);
    if (start >= 0 || done.has(file)) return;
    way.push(file);
    for (const next of imports.get(file) ?? []) visit(next);
    way.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return circles;
}

/** `mod.ts` and what is in `src/`; the rest of the project is free. */
function isWeir(path: string): boolean {
  return path === "mod.ts" || path.startsWith("src/");
}

/** Names the rule that an import breaks, if any: of a file of weir's, or of a package. */
function brokenRule(
  from: string,
  target: { readonly to: string } | { readonly specifier: string },
): string | undefined {
  const own = folderOf(from);
  const line = lineOf(own);
  if (line < 0) return `src/${own} is not on the ladder (LADDER in scripts/check_layers.ts)`;
  if ("specifier" in target) {
    if (line >= FIRST_IMPURE_LINE || PURE_PACKAGES.test(target.specifier)) return undefined;
    return "below src/transport only @std/bytes and node:crypto come from elsewhere";
  }
  const other = folderOf(target.to);
  if (own === other) return undefined;
  const otherLine = lineOf(other);
  if (otherLine > line) return `src/${other} is on a higher line than ${placeOf(own)}`;
  if (otherLine === line && !WITHIN_A_LINE[own]?.includes(other)) {
    return `src/${other} is on the same line as ${placeOf(own)}`;
  }
  if (!ENTRANCES.some((entrance) => target.to === `src/${other}/${entrance}`)) {
    return `other folders are imported through their mod.ts: src/${other}/mod.ts`;
  }
  return undefined;
}

/** The folder under `src/`, of a door with its `doors/`; empty for `mod.ts`, the front door. */
function folderOf(path: string): string {
  return /^src\/(doors\/[^/]+(?=\/)|[^/]+)\//.exec(path)?.[1] ?? "";
}

function lineOf(folder: string): number {
  if (folder === "") return LADDER.length;
  return LADDER.findIndex((folders) => folders.includes(folder));
}

function placeOf(folder: string): string {
  return folder === "" ? "mod.ts" : `src/${folder}`;
}

/** Returns what is wrong with the name of a file, and with the words in it. */
export function checkSource(path: string, text: string): string[] {
  const problems: string[] = [];
  for (const part of path.replace(/\.ts$/, "").split(/[/_.]/)) {
    if (EMPTY_NAME.test(part)) problems.push(`${path}: "${part}" does not say what the file holds`);
  }
  const line = lineOf(folderOf(path));
  if (line < 0 || line >= FIRST_IMPURE_LINE) return problems;
  const code = blankCommentsAndStrings(text);
  for (const match of code.matchAll(IMPURE)) {
    const row = code.slice(0, match.index).split("\n").length;
    problems.push(
      `${path}:${row} mentions ${match[1]}: below src/transport the runtime, clocks, timers and ` +
        "chance are passed in",
    );
  }
  return problems;
}

/** Returns what `deno info --json` says of `files` of the project at `root`, as one graph. */
export async function readGraph(root: URL, files: readonly string[]): Promise<ModuleGraph> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const imports = files.map((file) => `import ${JSON.stringify(new URL(file, root).href)};`);
    await Deno.writeTextFile(entry, imports.join("\n"));
    const config = fromFileUrl(new URL("deno.json", root));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", config, entry],
      cwd: root,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(entry);
  }
}

/** Checks the project at `root`, and returns what is wrong. */
export async function checkProject(root: URL): Promise<string[]> {
  const files = await Array.fromAsync(sourceFiles(root));
  const graph = await readGraph(root, files);
  const problems = [...checkGraph(graph, root), ...checkCircles(graph, root)];
  for (const file of files) {
    problems.push(...checkSource(file, await Deno.readTextFile(new URL(file, root))));
  }
  return problems;
}

if (import.meta.main) {
  programArguments(import.meta);
  const problems = await checkProject(new URL("../", import.meta.url));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
  console.log("The ladder holds.");
}
