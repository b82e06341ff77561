import type { Setting } from "./setting.ts";

/** Settings by the segments of their keys, as the file nests them. */
export interface SettingsTree extends ReadonlyMap<string, Setting | SettingsTree> {}

/**
 * Makes a tree of rows.
 *
 * @throws {TypeError} if two rows have one key, or one is a section and a value at once
 */
export function settingsTree(rows: readonly Setting[]): SettingsTree {
  const root = new Map<string, Setting | SettingsTree>();
  for (const row of rows) {
    const segments = row.key.split(".");
    const last = segments.pop()!;
    let section = root;
    for (const segment of segments) {
      const inner = section.get(segment) ?? new Map();
      if (!isTree(inner)) throw new TypeError(`${row.key} is inside of a setting`);
      section.set(segment, inner);
      section = inner as Map<string, Setting | SettingsTree>;
    }
    if (section.has(last)) throw new TypeError(`${row.key} is there twice`);
    section.set(last, row);
  }
  return root;
}

/** Whether an entry of a tree is a section. */
export function isTree(entry: Setting | SettingsTree): entry is SettingsTree {
  return entry instanceof Map;
}
