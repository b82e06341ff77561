import { exampleText, SETTINGS, settingsSchema } from "../config/mod.ts";
import type { Command } from "./command.ts";
import { settingsOf } from "./configured.ts";
import { ExitCode } from "./exit_code.ts";
import { UsageError } from "./usage_error.ts";

const HELP = `Check a configuration file, or print one to start from.

Usage: weir config check FILE    check a file, and print all that is wrong with it
       weir config example       print a file with all settings and their defaults
       weir config schema        print the JSON Schema of such files, for editors

Permissions: --allow-read=FILE to check one, and --allow-env for the variables that it names.
Exit codes: 0 when the file is right, 1 when it may not be read, 2 when it is wrong.
`;

/** What there is to do. */
const ACTIONS: readonly string[] = ["check", "example", "schema"];

/** `weir config check|example|schema`. */
export const configCommand: Command = {
  help: HELP,
  async run([action, ...rest]) {
    if (!ACTIONS.includes(action ?? "")) {
      throw new UsageError("config needs what to do: allowed is check FILE, example or schema");
    }
    const [file, ...others] = action === "check" ? rest : [undefined, ...rest];
    const [unexpected] = others;
    if (unexpected !== undefined) throw new UsageError(`unexpected argument "${unexpected}"`);
    switch (action) {
      case "check":
        await check(file);
        break;
      case "example":
        console.log(exampleText(SETTINGS).trimEnd());
        break;
      case "schema":
        console.log(JSON.stringify(await settingsSchema(SETTINGS), undefined, 2));
        break;
    }
    return ExitCode.Stopped;
  },
};

async function check(file: string | undefined): Promise<void> {
  if (file === undefined || file === "") throw new UsageError("config check needs a FILE");
  await settingsOf({ flags: new Map(), config: file });
  console.log(`${file} is right`);
}
