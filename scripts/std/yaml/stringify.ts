// @ts-types="./js_yaml.d.ts"
import yaml from "js-yaml";

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
 * Makes the YAML document of `data`.
 *
 * @throws {TypeError} if `data` holds what YAML cannot
 */
export function stringify(data: unknown, options: StringifyOptions = {}): string {
  try {
    return yaml.dump(data, { ...options });
  } catch (error) {
    if (error instanceof yaml.YAMLException) throw new TypeError(error.message, { cause: error });
    throw error;
  }
}
