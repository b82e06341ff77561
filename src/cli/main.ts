import { accessCommands } from "./access/mod.ts";
import { ConfigError } from "../config/mod.ts";
import { ServerError } from "../server/mod.ts";
import type { Command } from "./command.ts";
import { completionsCommand } from "./completions_command.ts";
import { configCommand } from "./config_command.ts";
import { drainCommand } from "./drain_command.ts";
import { ExitCode } from "./exit_code.ts";
import { mediaCommands } from "./media/mod.ts";
import { RemoteError } from "./media/remote_stream.ts";
import { permissionsCommand } from "./permissions_command.ts";
import { runServer } from "./serve_command.ts";
import { UsageError } from "./usage_error.ts";

/** The commands beside `serve`, in the order of the help; a new one joins here. */
const COMMANDS: readonly Command[] = [
  ...mediaCommands,
  ...accessCommands,
  drainCommand,
  configCommand,
  permissionsCommand,
  completionsCommand(() => COMMANDS),
];

/** Runs the command until it is told to stop, and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const command = COMMANDS.find(({ name }) => name === args[0]);
    if (command !== undefined) return await runCommand(command, args.slice(1));
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
      console.error(`weir: ${error.message}`);
      return ExitCode.Failed;
    }
    throw error;
  }
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
