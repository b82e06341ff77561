import denoConfig from "../../deno.json" with { type: "json" };
import { parseArguments } from "./arguments.ts";
import type { ListedCommand } from "./command.ts";
import { nearestWord } from "../config/mod.ts";
import { settingsOf } from "./configured.ts";
import { ExitCode } from "./exit_code.ts";
import { helpText } from "./help.ts";
import { serve } from "./serve.ts";
import { UsageError } from "./usage_error.ts";

/** Runs the server, which is what the program does where no command is named. */
export async function runServer(
  args: readonly string[],
  { commands }: { readonly commands: readonly ListedCommand[] },
): Promise<number> {
  const { given, words, asksFor } = parseArguments(args);
  if (asksFor === "version") console.log(`weir ${denoConfig.version}`);
  else if (asksFor !== undefined) {
    console.log(helpText({ isWhole: asksFor === "whole-help", commands }));
  } else {
    checkWords(words, commands);
    await serve(() => settingsOf(given));
  }
  return ExitCode.Stopped;
}

/** After the options: an empty value (`--rtmp ""`) also leaves an empty word behind. */
function checkWords([first, ...rest]: readonly string[], commands: readonly ListedCommand[]): void {
  if (first !== undefined && first !== "serve") {
    const names = ["serve", ...commands.map(({ name }) => name)];
    const nearest = nearestWord(first, names);
    const advice = nearest === undefined ? ":" : `, did you mean "${nearest}"?`;
    throw new UsageError(`unknown command "${first}"${advice} allowed is ${names.join(", ")}`);
  }
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}": see --help`);
}
