import type { PathRuleOptions } from "./api_types.ts";

/** The word for a bound that is none: JSON has no infinity. */
const UNLIMITED = "unlimited";

/** A rule of paths as JSON has it. */
export function pathRuleToJson(rule: PathRuleOptions): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(rule).map(([key, value]) => [key, value === Infinity ? UNLIMITED : value]),
  );
}

/** A rule of paths that JSON has. */
export function pathRuleOfJson(json: unknown): PathRuleOptions {
  return Object.fromEntries(
    Object.entries(json as object).map((
      [key, value],
    ) => [key, value === UNLIMITED ? Infinity : value]),
  ) as unknown as PathRuleOptions;
}
