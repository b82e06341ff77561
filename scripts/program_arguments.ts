import { parseArgs } from "@std/cli/parse-args";

/** What a program takes; `--help` it takes anyway. */
export interface TakenArguments<
  Numbers extends string = never,
  Texts extends string = never,
  Switches extends string = never,
> {
  /** Options whose values are numbers. */
  readonly numbers?: readonly Numbers[];
  /** Options whose values are texts. */
  readonly texts?: readonly Texts[];
  /** Options without a value. */
  readonly switches?: readonly Switches[];
  /** What arguments are called that are no options: `KIND`, or `JOINS CHECKOUT`; none where it is left out. */
  readonly rest?: string;
}

/** What a program was given. */
export type GivenArguments<
  Numbers extends string = never,
  Texts extends string = never,
  Switches extends string = never,
> =
  & { readonly [K in Numbers]?: number }
  & { readonly [K in Texts]?: string }
  & { readonly [K in Switches]: boolean }
  & { readonly rest: readonly string[] };

/** What stands in place of what a program was given where it is not to run. */
export type NotRun = { readonly help: true } | { readonly fault: string };

/**
 * Reads what a program was given: its options, or why it is not to run.
 *
 * @example
 * ```ts
 * import { readArguments } from "./program_arguments.ts";
 *
 * console.log(readArguments(["--seconds", "4", "live"], { numbers: ["seconds"], rest: "NAME" }));
 * // { seconds: 4, rest: [ "live" ] }
 * ```
 */
export function readArguments<
  Numbers extends string = never,
  Texts extends string = never,
  Switches extends string = never,
>(
  args: readonly string[],
  taken: TakenArguments<Numbers, Texts, Switches>,
): GivenArguments<Numbers, Texts, Switches> | NotRun {
  const { numbers = [], texts = [], switches = [], rest } = taken;
  const unknown: string[] = [];
  const { _: others, ...given } = parseArgs([...args], {
    string: ["_", ...numbers, ...texts] as string[],
    boolean: ["help", "h", ...switches] as string[],
    unknown: (arg, key) => {
      if (key !== undefined) unknown.push(arg.split("=", 1)[0]!);
      return key === undefined;
    },
  });
  if (given.help === true || given.h === true) return { help: true };
  if (unknown.length > 0) return { fault: `There is no option ${unknown[0]}` };
  if (rest === undefined && others.length > 0) return { fault: `There is no use for ${others[0]}` };
  const result: Record<string, unknown> = { rest: others.map(String) };
  for (const name of switches) result[name] = given[name] === true;
  for (const name of [...texts, ...numbers]) {
    const value = given[name];
    if (value === undefined) continue;
    if (value === "") return { fault: `The option --${name} needs a value` };
    result[name] = value;
  }
  for (const name of numbers) {
    if (result[name] === undefined) continue;
    const value = Number(result[name]);
    if (!(value >= 0)) {
      return { fault: `The option --${name} takes a number: current value is ${result[name]}` };
    }
    result[name] = value;
  }
  return result as GivenArguments<Numbers, Texts, Switches>;
}

/**
 * What this program was given. `--help` prints what its file says at its beginning, and ends it; so does what it does not
 * take, with a sentence and the exit code 2. To be called before anything is done.
 */
export function programArguments<
  Numbers extends string = never,
  Texts extends string = never,
  Switches extends string = never,
>(
  { url }: Pick<ImportMeta, "url">,
  taken: TakenArguments<Numbers, Texts, Switches> & { readonly args?: readonly string[] } = {},
): GivenArguments<Numbers, Texts, Switches> {
  const given = readArguments<Numbers, Texts, Switches>(taken.args ?? Deno.args, taken);
  if ("rest" in given) return given;
  if ("fault" in given) {
    console.error(`${given.fault}: ${usageOf(taken)}`);
    Deno.exit(2);
  }
  console.log(`${aboutOf(Deno.readTextFileSync(new URL(url)))}\n\n${usageOf(taken)}`);
  Deno.exit(0);
}

/** Ends a program that passes its arguments on where `--help` is the first of them, with what its file says. */
export function helpFirst({ url }: Pick<ImportMeta, "url">): void {
  if (Deno.args[0] !== "--help") return;
  console.log(aboutOf(Deno.readTextFileSync(new URL(url))));
  Deno.exit(0);
}

/** What the comment says that a file begins with. */
export function aboutOf(source: string): string {
  const comment = /^\/\*\*([^]*?)\*\//.exec(source)?.[1] ?? "";
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\*? ?/, "").trimEnd());
  return lines.filter((line) => line !== "@module" && !line.startsWith("```")).join("\n").trim();
}

function usageOf(
  { numbers = [], texts = [], switches = [], rest }: TakenArguments<string, string, string>,
): string {
  const options = [
    ...numbers.map((name) => `--${name} NUMBER`),
    ...texts.map((name) => `--${name} TEXT`),
    ...[...switches, "help"].map((name) => `--${name}`),
  ];
  const usage = `it takes ${options.join(", ")}${rest === undefined ? "" : `, and ${rest}`}`;
  return usage.endsWith("…") ? usage : `${usage}.`;
}
