import type { PathRuleOptions } from "./api_types.ts";

/** The word for a bound that is none: JSON has no infinity. */
const UNLIMITED = "unlimited";

/** A rule of paths as JSON has it. */
export function pathRuleToJson(rule: PathRuleOptions): Record<string, unknown> {
  return inValues(rule, (value) => value === Infinity ? UNLIMITED : value);
}

/** A rule of paths that JSON has. */
export function pathRuleOfJson(json: unknown): PathRuleOptions {
  const rule = inValues(json as object, (value) => value === UNLIMITED ? Infinity : value);
  return rule as unknown as PathRuleOptions;
}

/** Bounds stand in a rule itself, and in what it says of recordings; elsewhere the word is just a word. */
function inValues(rule: object, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(rule).map(([key, value]) => [
      key,
      key === "record" && typeof value === "object" ? inValues(value, change) : change(value),
    ]),
  );
}
