import { parseArgs } from "@std/cli/parse-args";
import { unknownOption, UsageError } from "../usage_error.ts";

/** What a media command was given. */
export interface MediaArguments {
  readonly positionals: readonly string[];
  readonly flags: Readonly<Record<string, boolean>>;
  readonly values: Readonly<Record<string, string | undefined>>;
}

/**
 * Parses the arguments of a media command.
 *
 * @throws {UsageError} if an option is unknown, repeated, or lacks its value
 */
export function parseMediaArguments(
  args: readonly string[],
  names: { readonly flags: readonly string[]; readonly values: readonly string[] },
): MediaArguments {
  const parsed: Readonly<Record<string, unknown>> & { readonly _: readonly unknown[] } = parseArgs([
    ...args,
  ], {
    boolean: [...names.flags],
    string: [...names.values, "_"],
    collect: [...names.values],
    alias: { o: "output", n: "players", h: "help" },
    unknown: (argument, key) => {
      if (key !== undefined) {
        throw unknownOption(argument, [...names.flags, ...names.values, "help"]);
      }
    },
  });
  const values: Record<string, string | undefined> = {};
  for (const name of names.values) {
    const given = parsed[name] as string[];
    if (given.length > 1) {
      throw new UsageError(`--${name} is given ${given.length} times: once is allowed`);
    }
    if (given[0] === "") throw new UsageError(`--${name} lacks its value: see --help`);
    values[name] = given[0];
  }
  return {
    positionals: parsed._.map(String),
    flags: Object.fromEntries(names.flags.map((name) => [name, parsed[name] === true])),
    values,
  };
}

/**
 * Reads a number of an option.
 *
 * @throws {UsageError} if it is no number in the bounds
 */
export function numberOf(
  name: string,
  text: string | undefined,
  { min, max, usual }: { readonly min: number; readonly max: number; readonly usual: number },
): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} "${text}" is wrong: allowed is a number from ${min} to ${max}`);
}

/**
 * The URL of a stream.
 *
 * @throws {UsageError} if it is none
 */
export function streamUrl(text: string | undefined): string {
  if (text !== undefined && /^(rtmps?|rtsps?):\/\/[^/]+\/.+/i.test(text)) return text;
  // A wrong one is not repeated: it may hold credentials.
  throw new UsageError(
    "the URL of a stream is missing or wrong: allowed is rtmp://HOST[:PORT]/APP/KEY, or a path " +
      "of rtmps, rtsp or rtsps",
  );
}

/**
 * One of a few words.
 *
 * @throws {UsageError} if it is none of them
 */
export function wordOf<T extends string>(
  name: string,
  text: string | undefined,
  allowed: readonly [T, ...T[]],
): T {
  const found = allowed.find((word) => word === (text ?? allowed[0]));
  if (found !== undefined) return found;
  throw new UsageError(`--${name} "${text}" is wrong: allowed is ${allowed.join(", ")}`);
}
