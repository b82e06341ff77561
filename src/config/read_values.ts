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
