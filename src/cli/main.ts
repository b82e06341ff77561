import { ConfigError } from "../config/mod.ts";
import { ServerError } from "../server/mod.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { ExitCode } from "./exit_code.ts";
import { RemoteError } from "./media/remote_error.ts";
import { runServer } from "./serve_command.ts";
import { UsageError } from "./usage_error.ts";

/** Runs the command until it is told to stop, and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const row = COMMANDS.find(({ name }) => name === args[0]);
    if (row !== undefined) return await runCommand(await row.load(), args.slice(1));
    return await runServer(args, { commands: COMMANDS });
  } catch (error) {
    if (error instanceof ConfigError) {
      for (const problem of error.problems) console.error(withProgram(problem));
      return ExitCode.Usage;
    }
    if (error instanceof UsageError) {
      console.error(`weir: ${error.message}`);
      return ExitCode.Usage;
    }
    if (error instanceof ServerError || error instanceof RemoteError) {
      console.error(`weir: ${error.message}${error instanceof ServerError ? adviceOn(error) : ""}`);
      return ExitCode.Failed;
    }
    throw error;
  }
}

/** What to do about an error of the server that its options of the command can help: they have the protocols' names. */
function adviceOn({ code, message }: ServerError): string {
  const option = /^Cannot listen for (\w+) on /.exec(message)?.[1];
  if (code !== "address-in-use" || option === undefined) return "";
  return `: --${option} PORT takes another, --${option} off does without`;
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  if (!args.some((argument) => argument === "--help" || argument === "-h")) {
    return await command.run(args);
  }
  console.log(command.help.trimEnd());
  return ExitCode.Stopped;
}

/** A problem that begins with its place in a file stands as it is, for editors to jump there. */
function withProgram(problem: string): string {
  return /^\S+:( |\d+:\d+ )/.test(problem) ? problem : `weir: ${problem}`;
}
