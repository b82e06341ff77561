import { reasonOf } from "../log/mod.ts";
import { ServerError } from "../server/mod.ts";
import { ConfigError } from "./config_error.ts";
import type { ConfigFile } from "./config_values.ts";
import { environmentVariable, expandEnvironment, type Lookup } from "./environment.ts";
import { keyText } from "./key_text.ts";
import { nearestWord } from "./nearest_word.ts";
import { flagOf, isGranted } from "./permission.ts";
import { readRows } from "./read_values.ts";
import type { KeyStep } from "./setting_fault.ts";
import type { Setting } from "./setting.ts";
import { type TextPosition, YamlPositions } from "./yaml_positions.ts";
import { checkDocument, type DocumentFault, jsonSchema, loadZod } from "./zod_schema.ts";

/** A file is not longer, bytes: ten thousand path rules fit. */
const LONGEST_FILE = 1024 * 1024;

/** A document has no more values, with what its aliases repeat. */
const MOST_VALUES = 100_000;

/** So many problems are told; a file that is no configuration has thousands. */
const MOST_PROBLEMS = 50;

/**
 * Reads a configuration file, and checks it by the table.
 *
 * @throws {ConfigError} if it cannot be used: all that is wrong, with line and column
 * @throws {ServerError} `permission` if it may not be read, which is never asked for
 */
export async function readConfigFile(
  path: string,
  rows: readonly Setting[],
): Promise<ConfigFile> {
  return await parseConfig(await readText(path), rows, { path });
}

/** Options of {@linkcode parseConfig}. */
export interface ParseConfigOptions {
  /** The file's name in errors. */
  readonly path: string;
  /** Where environment variables are looked up. Default: this program's environment. */
  readonly lookup?: Lookup;
}

/**
 * Reads the text of a configuration file, and checks it by the table.
 *
 * @throws {ConfigError} if it cannot be used
 */
export async function parseConfig(
  text: string,
  rows: readonly Setting[],
  { path, lookup = environmentVariable }: ParseConfigOptions,
): Promise<ConfigFile> {
  const document = await parseYaml(text, path);
  let positions: YamlPositions | undefined;
  const placeOf = (keys: readonly KeyStep[]): TextPosition => {
    positions ??= new YamlPositions(text);
    return positions.of(keys);
  };
  const faults: DocumentFault[] = [];
  const { value, variables } = expandEnvironment(document, {
    lookup,
    onFault: ({ path, message }) => faults.push({ path, message }),
  });
  const unknown = new Set(faults.map(({ path }) => pathId(path)));
  const zod = await loaded("zod", loadZod);
  for (const fault of checkDocument(zod, rows, value)) {
    // What a variable would say is not known.
    if (!unknown.has(pathId(fault.path))) faults.push(withoutVariables(fault, variables));
  }
  const { values, wrong } = readRows(rows, value, faults);
  const file: ConfigFile = {
    path,
    values,
    variables: [...new Set([...variables.values()].flat())],
    placeOf: (keys) => shownPlace(path, placeOf(keys)),
  };
  if (faults.length === 0) return file;
  throw new ConfigError(problemsOf(faults, { path, placeOf }), { rest: { file, wrong } });
}

/** What the environment says may be a secret, wherever it was put. */
function withoutVariables(
  fault: DocumentFault,
  variables: ReadonlyMap<string, readonly string[]>,
): DocumentFault {
  const named = variables.get(pathId(fault.path));
  if (named === undefined) return fault;
  const { allowed = "another value" } = fault;
  return {
    ...fault,
    message: `is wrong with the value of ${named.join(", ")}: allowed is ${allowed}`,
  };
}

function problemsOf(
  faults: readonly DocumentFault[],
  { path, placeOf }: {
    readonly path: string;
    readonly placeOf: (path: readonly KeyStep[]) => TextPosition;
  },
): string[] {
  const placed = faults.map((fault) => ({ fault, place: placeOf(fault.path) }));
  placed.sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
  const problems = placed.slice(0, MOST_PROBLEMS).map(({ fault, place }) =>
    `${shownPlace(path, place)} ${inWords(fault)}`
  );
  const rest = faults.length - problems.length;
  return rest > 0 ? [...problems, `and ${rest} more`] : problems;
}

function shownPlace(path: string, { line, column }: TextPosition): string {
  return `${path}:${line}:${column}`;
}

function pathId(path: readonly KeyStep[]): string {
  return JSON.stringify(path.map(String));
}

/** A fault goes on from the name of its setting; one of a key stands apart from it. */
function inWords({ path, message, known }: DocumentFault): string {
  const key = path.length === 0 ? "the file" : keyText(path);
  if (known === undefined) return `${key} ${message}`;
  const word = nearestWord(String(path.at(-1)), known);
  if (word !== undefined) return `${key}: ${message}, did you mean "${word}"?`;
  return `${key}: ${message}${known.length === 0 ? "" : `: there are ${known.join(", ")}`}`;
}

async function readText(path: string): Promise<string> {
  const permission = { name: "read", path } as const;
  if (!isGranted(permission)) {
    throw new ServerError(
      "permission",
      `Cannot read the configuration ${path} without permission: add ${flagOf(permission)}`,
    );
  }
  const bytes = await readBytes(path);
  if (bytes.length > LONGEST_FILE) {
    throw new ConfigError([`${path}: is larger than 1 MiB, which no configuration is`]);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([`${path}: is no text in UTF-8`]);
  }
}

/** Reads as much of a file as is needed to see that it is too long. */
async function readBytes(path: string): Promise<Uint8Array> {
  try {
    if ((await Deno.stat(path)).isDirectory) {
      throw new ConfigError([`${path}: is a directory, and no file`]);
    }
    using file = await Deno.open(path);
    const bytes = new Uint8Array(LONGEST_FILE + 1);
    let length = 0;
    for (;;) {
      const count = await file.read(bytes.subarray(length));
      if (count === null || count === 0) return bytes.subarray(0, length);
      length += count;
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const why = error instanceof Deno.errors.NotFound ? "there is no such file" : reasonOf(error);
    throw new ConfigError([`${path}: cannot be read: ${why}`], { cause: error });
  }
}

async function parseYaml(text: string, path: string): Promise<unknown> {
  if (text.trim() === "") {
    throw new ConfigError([
      `${path}: is empty: \`weir config example\` prints one to start from`,
    ]);
  }
  const { parse } = await loaded("YAML", () => import("@std/yaml/parse"));
  let document: unknown;
  try {
    // No dates, no merges, no tags of programs: texts, numbers, lists and sections.
    document = parse(text, { schema: "core" });
  } catch (error) {
    if (error instanceof SyntaxError) throw new ConfigError([syntaxProblem(error, path)]);
    if (error instanceof RangeError) throw new ConfigError([`${path}: is nested too deep`]);
    throw error;
  }
  const fault = oddDocument(document);
  if (fault !== undefined) {
    const { message, at } = fault;
    const place = at === undefined ? `${path}:` : shownPlace(path, new YamlPositions(text).of(at));
    throw new ConfigError([`${place} ${message}`]);
  }
  return document ?? {};
}

/** One line of what the parser says; what stands in the file is not repeated. */
function syntaxProblem({ message }: SyntaxError, path: string): string {
  const [first = ""] = message.split("\n");
  const place = /\s*\(?(?:at line )?(\d+)(?::|, column )(\d+)\)?:?\s*$/.exec(first);
  if (place === null) return `${path}: ${first}`;
  return `${path}:${place[1]}:${place[2]} ${first.slice(0, place.index)}`;
}

/** What is wrong with a document before anything of it is looked at by key. */
function oddDocument(
  document: unknown,
): { readonly message: string; readonly at?: readonly KeyStep[] } | undefined {
  let count = 0;
  const visit = (value: unknown, at: readonly KeyStep[]): ReturnType<typeof oddDocument> => {
    if (++count > MOST_VALUES) {
      return { message: `has over ${MOST_VALUES} values, with those that its aliases repeat` };
    }
    if (at.length > DEEPEST) return { message: "is nested too deep" };
    if (typeof value !== "object" || value === null) return undefined;
    for (const [key, inner] of Object.entries(value)) {
      const place = [...at, Array.isArray(value) ? Number(key) : key];
      if (key === "__proto__") {
        return { message: "has a key __proto__, which nothing is called", at: place };
      }
      const fault = visit(inner, place);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  return visit(document, []);
}

/** No setting lies deeper. */
const DEEPEST = 32;

/**
 * The JSON Schema (draft 2020-12) of configuration files, for editors.
 *
 * @throws {ServerError} `state` if the part for it cannot be loaded
 */
export async function settingsSchema(rows: readonly Setting[]): Promise<Record<string, unknown>> {
  return jsonSchema(await loaded("zod", loadZod), rows);
}

/** Loads what only configuration files need. */
async function loaded<T>(what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const why = reasonOf(error).split("\n")[0];
    throw new ServerError(
      "state",
      `Cannot read a configuration as ${what} cannot be loaded: ${why}`,
      { cause: error },
    );
  }
}
