import yaml from "./js_yaml.ts";
import { schemas } from "./schemas.ts";

/** Options of {@linkcode stringify}. */
export interface StringifyOptions {
  /** Spaces a level; 2 by default. */
  indent?: number;
  /** Longest line; 80 by default. */
  lineWidth?: number;
  /** Whether what YAML cannot hold (functions) is left out rather than refused; `false`. */
  skipInvalid?: boolean;
  /** Whether keys are sorted; `false` by default. */
  sortKeys?: boolean;
}

/**
 * Makes the YAML document of `data`. What it holds is what the real package writes; a few texts,
 * such as `a:b`, are quoted there and not here, or the reverse.
 *
 * @throws {TypeError} if `data` holds what YAML cannot
 */
export function stringify(data: unknown, options: StringifyOptions = {}): string {
  if (!options.skipInvalid) refuseUndefined(data, new Set());
  try {
    return yaml.dump(data, { ...options, schema: schemas.default });
  } catch (error) {
    if (error instanceof yaml.YAMLException) throw new TypeError(error.message, { cause: error });
    throw error;
  }
}

/** js-yaml would write `undefined` as `null`, or leave it out. */
function refuseUndefined(data: unknown, seen: Set<unknown>): void {
  if (data === undefined) throw new TypeError("Cannot stringify undefined");
  if (typeof data !== "object" || data === null || seen.has(data)) return;
  seen.add(data);
  for (const value of Object.values(data)) refuseUndefined(value, seen);
}
