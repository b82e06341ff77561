import { leastPermissions, permissionFlags, serverOptions, widenedPaths } from "../config/mod.ts";
import { parseArguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { settingsOf } from "./configured.ts";
import { ExitCode } from "./exit_code.ts";
import { UsageError } from "./usage_error.ts";

const HELP = `Print the least permissions that the server needs, as a line that starts it.

Usage: weir permissions [--config FILE] [options of serve]

Where RTP or WebRTC is on, and where a relay may use UDP, it is all of the network: datagrams go to whatever address
a client has. So it is in a cluster, whose machines come and go. Else, with --rtp off and --webrtc off, it is the ports
that are listened on.
Where a path has a comma it is the folder before that, as Deno's lists of paths cannot have one.

Permissions: --allow-read=FILE for a configuration file, and --allow-env for the variables that it names.
`;

/** `weir permissions`. */
export const permissionsCommand: Command = {
  help: HELP,
  async run(args) {
    const { given, words } = parseArguments(args);
    if (words.length > 0) throw new UsageError(`unexpected argument "${words[0]}": see --help`);
    const settings = await settingsOf(given);
    const permissions = leastPermissions(settings);
    for (const [path, folder] of widenedPaths(permissions)) {
      console.error(
        `weir: Deno cannot be told of a path with a comma, so that all of ${folder} is allowed for ${path}`,
      );
    }
    const flags = permissionFlags(permissions);
    // Ports are shared among workers only where the unstable part of Deno's network is there.
    const unstable = serverOptions(settings).workers === undefined ? [] : ["--unstable-net"];
    console.log(["deno", "run", ...unstable, ...flags, program(), ...args].map(quoted).join(" "));
    return ExitCode.Stopped;
  },
};

/** The program as `deno run` takes it. */
function program(): string {
  const { protocol, pathname, href } = new URL(Deno.mainModule);
  return protocol === "file:" ? decodeURIComponent(pathname) : href;
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
