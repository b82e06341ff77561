import { parseArgs } from "@std/cli/parse-args";
import { type Setting, SettingFault, SETTINGS } from "../config/mod.ts";
import { unknownOption, UsageError } from "./usage_error.ts";

/** The settings that a command line gives, and the file that has others. */
export interface GivenSettings {
  /** What the options say, by key of the setting. */
  readonly flags: ReadonlyMap<string, unknown>;
  /** Path of the configuration file. */
  readonly config: string | undefined;
}

/** A command line that asks for settings, in parts. */
export interface ParsedArguments {
  readonly given: GivenSettings;
  /** Words that belong to no option. */
  readonly words: readonly string[];
  /** What it asks for instead. */
  readonly asksFor: "help" | "whole-help" | "version" | undefined;
}

/** Settings that the command line can give. */
const FLAGGED = SETTINGS.filter(({ flag }) => flag !== undefined);

/** Names of options that have no value. */
const TOGGLES = [
  "help",
  "help-all",
  "version",
  ...FLAGGED.flatMap(({ flag }) => flag!.placeholder === undefined ? [flag!.name] : []),
];

/** Names of options that have a value. */
const VALUED = [
  "config",
  ...FLAGGED.flatMap(({ flag }) => flag!.placeholder === undefined ? [] : [flag!.name]),
];

/**
 * Parses arguments that give settings.
 *
 * @throws {UsageError} if an option is unknown, repeated, lacks its value or has a wrong one
 */
export function parseArguments(args: readonly string[]): ParsedArguments {
  const parsed: Record<string, unknown> & { readonly _: readonly (string | number)[] } = parseArgs(
    withNegativeValues(args),
    {
      boolean: TOGGLES,
      string: VALUED,
      collect: VALUED,
      alias: { h: "help", V: "version" },
      unknown: (argument, key) => {
        if (key !== undefined) throw unknownOption(argument, [...TOGGLES, ...VALUED]);
      },
    },
  );
  const asksFor = askedInstead(parsed);
  const given = asksFor === undefined
    ? { flags: flagsOf(parsed), config: configOf(parsed) }
    : { flags: new Map(), config: undefined };
  return { given, words: parsed._.map(String), asksFor };
}

function askedInstead(parsed: Readonly<Record<string, unknown>>): ParsedArguments["asksFor"] {
  if (parsed["help-all"] === true) return "whole-help";
  if (parsed["help"] === true) return "help";
  return parsed["version"] === true ? "version" : undefined;
}

function configOf(parsed: Readonly<Record<string, unknown>>): string | undefined {
  return single("config", textsOf(parsed, { name: "config", allowed: "a FILE" }));
}

function flagsOf(parsed: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const flags = new Map<string, unknown>();
  for (const row of FLAGGED) {
    const value = flagValue(row, parsed);
    if (value !== undefined) flags.set(row.key, value.read);
  }
  return flags;
}

function flagValue(
  row: Setting,
  parsed: Readonly<Record<string, unknown>>,
): { readonly read: unknown } | undefined {
  const { name, placeholder, readEach, allowed = allowedBy(row) } = row.flag!;
  if (placeholder === undefined) return parsed[name] === true ? { read: true } : undefined;
  const texts = textsOf(parsed, { name, allowed });
  if (readEach !== undefined) {
    if (texts.length === 0) return undefined;
    return { read: texts.map((text) => named(name, () => readEach(text))) };
  }
  const text = single(name, texts);
  const { type } = row;
  if (text === undefined || type.kind !== "leaf") return undefined;
  return { read: named(name, () => type.read(text)) };
}

function allowedBy({ type }: Setting): string {
  return type.kind === "leaf" ? type.allowed : "a value, see --help";
}

/** What was given for an option that has a value. */
function textsOf(
  parsed: Readonly<Record<string, unknown>>,
  { name, allowed }: { readonly name: string; readonly allowed: string },
): readonly string[] {
  const texts = parsed[name] as readonly string[];
  if (texts.includes("")) throw new UsageError(`--${name} lacks its value: allowed is ${allowed}`);
  return texts;
}

function single(name: string, texts: readonly string[]): string | undefined {
  if (texts.length > 1) {
    throw new UsageError(`--${name} is given ${texts.length} times: once is allowed`);
  }
  return texts[0];
}

/** Says of a fault which option has it. */
function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SettingFault) throw new UsageError(`--${name} ${error.message}`);
    throw error;
  }
}

/** Joins a value that begins with a minus sign to its option: by itself it would be taken for an option. */
function withNegativeValues(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const argument of args) {
    const before = joined.at(-1);
    const isValue = /^-[\d.]/.test(argument) && before !== undefined &&
      VALUED.some((name) => before === `--${name}`);
    if (isValue) joined[joined.length - 1] = `${before}=${argument}`;
    else joined.push(argument);
  }
  return joined;
}
