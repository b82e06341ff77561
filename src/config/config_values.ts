import type { KeyStep } from "./setting_fault.ts";

/** A configuration file that was read, and found to be right by itself. */
export interface ConfigFile {
  /** Its path, as it was given. */
  readonly path: string;
  /** What it sets, by key. */
  readonly values: ReadonlyMap<string, unknown>;
  /** The environment variables that it names. */
  readonly variables: readonly string[];
  /** `path:line:column` of a key, for errors; where it has no place, that of what it is in. */
  placeOf(path: readonly KeyStep[]): string;
}
