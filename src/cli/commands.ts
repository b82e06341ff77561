import type { Command, ListedCommand } from "./command.ts";

/** A command that is loaded when it is called: who runs the server has no use for what the others need. */
export interface CommandRow extends ListedCommand {
  /** Loads it. */
  load(): Promise<Command>;
}

/** The commands beside `serve`, in the order of the help; a new one is a row here. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: "publish",
    summary: "publish files as a live stream: publish FILE… URL [--loop]",
    load: async () => (await import("./media/publish_command.ts")).publishCommand,
  },
  {
    name: "play",
    summary: "receive a stream, and write it to a file: play URL [-o FILE]",
    load: async () => (await import("./media/play_command.ts")).playCommand,
  },
  {
    name: "probe",
    summary: "look at a stream's tracks, rates and health: probe URL [--json]",
    load: async () => (await import("./media/probe_command.ts")).probeCommand,
  },
  {
    name: "bench",
    summary: "play a stream many times at once: bench URL -n 200",
    load: async () => (await import("./media/bench_command.ts")).benchCommand,
  },
  {
    name: "hash-password",
    summary: "print the hash of a password, for a configuration",
    load: async () => (await import("./access/hash_password_command.ts")).hashPasswordCommand,
  },
  {
    name: "sign-url",
    summary: "sign a URL that may be played or published until it expires",
    load: async () => (await import("./access/sign_url_command.ts")).signUrlCommand,
  },
  {
    name: "keys",
    summary: "list, make and revoke publishing keys: keys URL [make NAME… | revoke ID]",
    load: async () => (await import("./access/keys_command.ts")).keysCommand,
  },
  {
    name: "drain",
    summary: "take a running server out of service: drain URL [--timeout TIME]",
    load: async () => (await import("./drain_command.ts")).drainCommand,
  },
  {
    name: "config",
    summary: "check a configuration file, or print an example or the schema of one",
    load: async () => (await import("./config_command.ts")).configCommand,
  },
  {
    name: "permissions",
    summary: "print the line of deno run with the least permissions for a configuration",
    load: async () => (await import("./permissions_command.ts")).permissionsCommand,
  },
  {
    name: "completions",
    summary: "print completions of commands and options for bash, zsh or fish",
    load: async () => (await import("./completions_command.ts")).completionsCommand(COMMANDS),
  },
];
