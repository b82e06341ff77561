// deno-lint-ignore no-import-prefix
import type * as Zod from "npm:zod@4.6.7";
import { type KeyStep, SettingFault } from "./setting_fault.ts";
import type { GroupValue, LeafType, Setting, SettingType } from "./setting.ts";
import { isTree, type SettingsTree, settingsTree } from "./settings_tree.ts";
import { readValue } from "./read_values.ts";

/**
 * Not written where it is imported: Deno downloads what a program names there as it starts, and zod is for
 * configuration files alone.
 */
const PACKAGE = "npm:zod@4.6.7";

/** Brings zod; it rejects where that cannot be downloaded. */
export async function loadZod(): Promise<typeof Zod> {
  return await import(PACKAGE);
}

/** Something that is wrong in a document, with its place. */
export interface DocumentFault {
  readonly path: readonly KeyStep[];
  readonly message: string;
  /** Of a key that there is not: the keys that there are in its place. */
  readonly known?: readonly string[];
  /** What the value may be, where it is a value by itself. */
  readonly allowed?: string;
}

/** Checks a document by a table of settings, and returns all that is wrong. */
export function checkDocument(
  zod: typeof Zod,
  rows: readonly Setting[],
  document: unknown,
): DocumentFault[] {
  let built = BUILT.get(rows);
  if (built === undefined) {
    const builder = new Builder(zod);
    built = { builder, schema: builder.section(settingsTree(rows)) };
    BUILT.set(rows, built);
  }
  const { builder, schema } = built;
  const { error } = schema.safeParse(document ?? {});
  return (error?.issues ?? []).flatMap((issue) => faultsOf(issue, builder));
}

/** The JSON Schema (draft 2020-12) of a table of settings, for editors. */
export function jsonSchema(zod: typeof Zod, rows: readonly Setting[]): Record<string, unknown> {
  const built = new Builder(zod);
  const schema = zod.toJSONSchema(built.section(settingsTree(rows)), {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const json = built.json.get(zodSchema);
      if (json !== undefined) Object.assign(jsonSchema, json);
    },
  });
  return schema as Record<string, unknown>;
}

/** To build a schema takes some 20 ms, and a file may be read again and again. */
const BUILT = new WeakMap<
  readonly Setting[],
  { readonly builder: Builder; readonly schema: Zod.ZodType }
>();

/** Makes zod's schemas of settings, and keeps what zod itself does not. */
class Builder {
  /** JSON Schema of values by themselves, which zod sees as anything that a function allows. */
  readonly json = new Map<unknown, Readonly<Record<string, unknown>>>();
  /** The keys of sections. */
  readonly keys = new Map<string, readonly string[]>();
  readonly #zod: typeof Zod;

  constructor(zod: typeof Zod) {
    this.#zod = zod;
  }

  section(tree: SettingsTree, path = "", required: readonly string[] = []): Zod.ZodType {
    this.keys.set(path, [...tree.keys()]);
    const fields = Array.from(tree, ([name, entry]) => {
      const inner = `${path}.${name}`;
      if (isTree(entry)) return [name, this.section(entry, inner).nullish()] as const;
      const type = this.type(entry.type, inner);
      const described = type.meta({ description: descriptionOf(entry) });
      const json = this.json.get(type);
      if (json !== undefined) this.json.set(described, json);
      return [name, required.includes(name) ? described : described.optional()] as const;
    });
    return this.#zod.strictObject(Object.fromEntries(fields), { error: sectionError });
  }

  type(type: SettingType, path: string): Zod.ZodType {
    switch (type.kind) {
      case "leaf":
        return this.leaf(type);
      case "list":
        return this.#zod.array(this.type(type.of, `${path}.*`), { error: () => "must be a list" })
          .superRefine(check((values) => type.check?.(values)));
      case "map":
        return this.#zod.record(this.#zod.string(), this.type(type.of, `${path}.*`), {
          error: sectionError,
        })
          .superRefine((values, context) => {
            for (const [name, given] of Object.entries(values)) {
              tell(context, () => type.checkName?.(name), [name]);
              const read = readIfRight(type.of, given);
              if (read !== undefined) {
                tell(context, () => type.checkEntry?.(name, read.value), [name]);
              }
            }
          });
      case "group": {
        const { required = [], settings } = type;
        return this.section(settingsTree(settings), path, required)
          .superRefine((given, context) => {
            const { check: _, ...unchecked } = type;
            const read = readIfRight(unchecked, given);
            if (read !== undefined) tell(context, () => type.check?.(read.value as GroupValue));
          });
      }
    }
  }

  leaf(type: LeafType): Zod.ZodType {
    const { allowed } = type;
    const schema = this.#zod.unknown().superRefine((value, context) => {
      if (value === undefined) context.addIssue({ code: "custom", message: "is missing" });
      else tell(context, () => type.read(value), [], { allowed });
    });
    this.json.set(schema, type.json);
    return schema;
  }
}

/** A value that is to be checked further; `undefined` where it is wrong by itself, and told of already. */
function readIfRight(type: SettingType, given: unknown): { readonly value: unknown } | undefined {
  try {
    return { value: readValue(type, given) };
  } catch (error) {
    if (error instanceof SettingFault || error instanceof TypeError) return undefined;
    throw error;
  }
}

function sectionError({ code }: { readonly code?: string | undefined }): string | undefined {
  return code === "invalid_type" ? "must be a section, with its keys indented below it" : undefined;
}

function descriptionOf({ help, doc }: Setting): string {
  return doc === undefined ? help : `${help}. ${doc}`;
}

function check<T>(run: (values: T) => void) {
  return (values: T, context: Zod.RefinementCtx) => tell(context, () => run(values));
}

function tell(
  context: Zod.RefinementCtx,
  run: () => void,
  path: readonly KeyStep[] = [],
  params: Record<string, unknown> = {},
): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof SettingFault)) throw error;
    const { message } = error;
    context.addIssue({ code: "custom", message, path: [...path, ...error.path], params });
  }
}

function faultsOf(issue: Zod.core.$ZodIssue, { keys }: Builder): DocumentFault[] {
  const path = issue.path.map((step) => typeof step === "number" ? step : String(step));
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(keys, path);
    return issue.keys.map((key) => ({ path: [...path, key], message: "unknown key", known }));
  }
  const allowed = issue.code === "custom" ? issue.params?.["allowed"] : undefined;
  const { message } = issue;
  return [{ path, message, ...(typeof allowed === "string" ? { allowed } : {}) }];
}

/** The keys that there may be at a path; entries of lists and maps have those of their type. */
function keysAt(keys: ReadonlyMap<string, readonly string[]>, path: readonly KeyStep[]) {
  let at = "";
  for (const step of path) {
    at = keys.has(`${at}.${step}`) || !hasBelow(keys, `${at}.*`) ? `${at}.${step}` : `${at}.*`;
  }
  return keys.get(at) ?? [];
}

function hasBelow(keys: ReadonlyMap<string, readonly string[]>, prefix: string): boolean {
  return keys.keys().some((key) => key === prefix || key.startsWith(`${prefix}.`));
}
