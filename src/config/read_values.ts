import type { GroupValue, Setting, SettingType } from "./setting.ts";
import { type KeyStep, SettingFault } from "./setting_fault.ts";
import { isTree, type SettingsTree, settingsTree } from "./settings_tree.ts";

/**
 * Reads what was given for some settings, nested as a file has it, to values by key. The keys are known to be
 * right.
 *
 * @throws {SettingFault} if a value is not what its setting allows
 */
export function readSettings(rows: readonly Setting[], given: unknown): Map<string, unknown> {
  const values = new Map<string, unknown>();
  readTree(settingsTree(rows), given, { values, path: [] });
  return values;
}

/** A fault that was found, with its place. */
interface PlacedFault {
  readonly path: readonly KeyStep[];
  readonly message: string;
}

/**
 * Reads the settings of a document by key, all but those that have a fault; further faults are added to `faults`.
 * Resolves with the values, and the keys of those that are wrong.
 */
export function readRows(
  rows: readonly Setting[],
  document: unknown,
  faults: PlacedFault[],
): { readonly values: Map<string, unknown>; readonly wrong: Set<string> } {
  const values = new Map<string, unknown>();
  const wrong = new Set<string>();
  for (const { key, type } of rows) {
    const path = key.split(".");
    if (faults.some((fault) => isAbout(fault.path, path))) {
      wrong.add(key);
      continue;
    }
    const given = valueAt(document, path);
    if (given === undefined) continue;
    try {
      values.set(key, at(path, () => readValue(type, given)));
    } catch (error) {
      if (!(error instanceof SettingFault)) throw error;
      faults.push({ path: error.path, message: error.message });
      wrong.add(key);
    }
  }
  return { values, wrong };
}

/** Whether a fault lies at a setting, in it, or in what it is in. */
function isAbout(fault: readonly KeyStep[], path: readonly string[]): boolean {
  return path.every((step, index) => index >= fault.length || fault[index] === step);
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (from, step) =>
      typeof from === "object" && from !== null && Object.hasOwn(from, step)
        ? Reflect.get(from, step)
        : undefined,
    document,
  );
}

function readTree(
  tree: SettingsTree,
  given: unknown,
  { values, path }: { readonly values: Map<string, unknown>; readonly path: readonly string[] },
): void {
  for (const [name, value] of Object.entries(given ?? {})) {
    const entry = tree.get(name);
    const inner = [...path, name];
    if (entry === undefined) throw new SettingFault("unknown key", inner);
    if (isTree(entry)) readTree(entry, value, { values, path: inner });
    else values.set(entry.key, at(inner, () => readValue(entry.type, value)));
  }
}

/**
 * Reads one value of a type.
 *
 * @throws {SettingFault} if it is not allowed, with its place
 */
export function readValue(type: SettingType, given: unknown): unknown {
  switch (type.kind) {
    case "leaf":
      return type.read(given);
    case "list": {
      const list = (given as readonly unknown[]).map((value, index) =>
        at([index], () => readValue(type.of, value))
      );
      type.check?.(list);
      return list;
    }
    case "map": {
      const entries = Object.entries(given ?? {}).map(([name, value]) =>
        at([name], () => {
          type.checkName?.(name);
          const read = readValue(type.of, value);
          type.checkEntry?.(name, read);
          return [name, read] as const;
        })
      );
      return new Map(entries);
    }
    case "group": {
      const values: GroupValue = readSettings(type.settings, given);
      const missing = type.required?.find((key) => !values.has(key));
      if (missing !== undefined) throw new SettingFault("is missing", [missing]);
      type.check?.(values);
      return values;
    }
  }
}

/** Says of a fault that is found below a value where the value is. */
function at<T>(path: readonly KeyStep[], read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SettingFault)) throw error;
    throw new SettingFault(error.message, [...path, ...error.path]);
  }
}
