import type { GroupValue, Setting, SettingType } from "./setting.ts";
import type { Settings } from "./settings.ts";
import { SETTINGS } from "./table.ts";

/** What stands for a secret. */
const HIDDEN = "***";

/**
 * The settings in force by their keys, as a file would have them; secrets are not among what is shown. Those that wait
 * for the next start are shown as they were at this one.
 */
export function shownSettings(
  settings: Settings,
  { started = settings }: { readonly started?: Settings } = {},
): Record<string, unknown> {
  return Object.fromEntries(
    SETTINGS.flatMap((row) => {
      const value = (row.change === "restart" ? started : settings).get(row);
      return value === undefined ? [] : [[row.key, shown(row.type, value)]];
    }),
  );
}

function shown(type: SettingType, value: unknown): unknown {
  switch (type.kind) {
    case "leaf":
      return type.isSecret === true ? HIDDEN : type.show(value);
    case "list":
      return (value as readonly unknown[]).map((each) => shown(type.of, each));
    case "map":
      return mapped(value as ReadonlyMap<string, unknown>, () => type.of);
    case "group":
      return mapped(value as GroupValue, (key) => typeOf(type.settings, key));
  }
}

function mapped(
  values: ReadonlyMap<string, unknown>,
  typeOf: (key: string) => SettingType | undefined,
): Record<string, unknown> {
  return Object.fromEntries(
    Array.from(values, ([key, value]) => {
      const type = typeOf(key);
      return [key, type === undefined ? HIDDEN : shown(type, value)];
    }),
  );
}

function typeOf(rows: readonly Setting[], key: string): SettingType | undefined {
  return rows.find((row) => row.key === key)?.type;
}
