import { type KeyStep, SettingFault } from "./setting_fault.ts";

/** A text where an environment variable may stand: a value of the file. */
const REFERENCE = /\$\$|\$\{([^}]*)\}?/g;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A document whose values have what the environment says in place of its variables. */
export interface Expanded {
  readonly value: unknown;
  /** The variables of each value that has some, by its path as JSON. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
}

/** Where variables are looked up; a missing permission is an error of its own. */
export type Lookup = (variable: string) => string;

/**
 * Puts environment variables into the values of a document; keys have none. `$$` is one dollar sign.
 *
 * Every fault is told to `onFault`, and the value stays as it is.
 */
export function expandEnvironment(
  document: unknown,
  { lookup, onFault }: {
    readonly lookup: Lookup;
    readonly onFault: (fault: SettingFault) => void;
  },
): Expanded {
  const variables = new Map<string, string[]>();
  const expand = (value: unknown, path: readonly KeyStep[]): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => expand(item, [...path, index]));
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, expand(inner, [...path, key])]),
      );
    }
    if (typeof value !== "string" || !value.includes("$")) return value;
    try {
      return value.replace(REFERENCE, (match, variable: string | undefined) => {
        if (match === "$$") return "$";
        if (variable === undefined || !match.endsWith("}") || !VARIABLE.test(variable)) {
          throw new SettingFault(
            "has a ${ that names no environment variable: allowed is ${NAME}, and $$ for a dollar sign",
            path,
          );
        }
        const named = JSON.stringify(path.map(String));
        variables.set(named, [...variables.get(named) ?? [], variable]);
        return lookup(variable);
      });
    } catch (error) {
      if (!(error instanceof SettingFault)) throw error;
      onFault(new SettingFault(error.message, path));
      return value;
    }
  };
  return { value: expand(document, []), variables };
}

/**
 * Looks a variable up in the environment of this program.
 *
 * @throws {SettingFault} if it is not set, or may not be read: the message names the flag to add
 */
export function environmentVariable(variable: string): string {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "granted") {
    throw new SettingFault(
      `names an environment variable that may not be read: add --allow-env=${variable}`,
    );
  }
  const value = Deno.env.get(variable);
  if (value === undefined) {
    throw new SettingFault(`names the environment variable ${variable}, which is not set`);
  }
  return value;
}
