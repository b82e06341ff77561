import { ha1Of, hashPassword } from "../../access/mod.ts";
import { parseMediaArguments } from "../media/media_arguments.ts";
import type { Command } from "../command.ts";
import { ExitCode } from "../exit_code.ts";
import { UsageError } from "../usage_error.ts";
import { readSecret } from "./read_secret.ts";

const HELP = `Print what a configuration keeps of a user's password, in place of the password.

Usage: weir hash-password                  print the hash of a password, by scrypt
       weir hash-password --digest NAME    print the ha1 of the user NAME too, for clients of Digest

The password is asked for, or read from standard input up to the end of the line: it is no argument, as everybody on
the machine sees those. Whoever has a ha1 can answer as the user does: keep it as you would a password.

Permissions: none.
`;

/** `weir hash-password`. */
export const hashPasswordCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, values } = parseMediaArguments(args, { flags: [], values: ["digest"] });
    if (positionals.length > 0) {
      throw new UsageError("hash-password takes no password as an argument, but reads it");
    }
    const { digest: username } = values;
    if (username?.includes(":")) throw new UsageError("a user's name has no colon");
    const password = await readSecret("Password");
    if (password === "") throw new UsageError("the password is empty");
    console.log(await hashPassword(password));
    if (username !== undefined) {
      for (const ha1 of Object.values(ha1Of({ username, password }))) console.log(ha1);
    }
    return ExitCode.Stopped;
  },
};
