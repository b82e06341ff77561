import type { ConfigFile } from "./config_values.ts";

/** What is left of a configuration file in which something is wrong by itself: for checks of the rest. */
export interface RestOfConfig {
  /** The file, with the values of all settings that are right by themselves. */
  readonly file: ConfigFile;
  /** Keys of the settings that are wrong. */
  readonly wrong: ReadonlySet<string>;
}

/** Puts problems of one file in the order of their lines; those that have no place come last. */
export function inOrderOfFile(problems: readonly string[]): string[] {
  const placed = problems.map((problem) => {
    const [, line, column] = /^\S*?:(\d+):(\d+) /.exec(problem) ?? [];
    return { problem, line: Number(line ?? Infinity), column: Number(column ?? Infinity) };
  });
  placed.sort((a, b) => a.line === b.line ? a.column - b.column : a.line - b.line);
  return placed.map(({ problem }) => problem);
}

/** A configuration cannot be used: each line of the message is one thing that is wrong with it. */
export class ConfigError extends Error {
  /** Name of the class. */
  override readonly name = "ConfigError";
  /** What is wrong, each in one line, in the order of the file. */
  readonly problems: readonly string[];
  /** The rest of the file, where something can be said of it. */
  readonly rest: RestOfConfig | undefined;

  /** Makes an error of what is wrong. */
  constructor(
    problems: readonly string[],
    { rest, ...options }: ErrorOptions & { readonly rest?: RestOfConfig } = {},
  ) {
    super(problems.join("\n"), options);
    this.problems = problems;
    this.rest = rest;
  }
}
