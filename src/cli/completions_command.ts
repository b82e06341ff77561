import { type Setting, SETTINGS } from "../config/mod.ts";
import type { Command, ListedCommand } from "./command.ts";
import { ExitCode } from "./exit_code.ts";
import { UsageError } from "./usage_error.ts";

const HELP = `Print completions of commands and options for a shell.

Usage: weir completions bash > /etc/bash_completion.d/weir
       weir completions zsh > "\${fpath[1]}/_weir"
       weir completions fish > ~/.config/fish/completions/weir.fish

Permissions: none.
`;

/** An option, as shells complete it. */
interface CompletedOption {
  readonly name: string;
  readonly help: string;
  /** Its words, where it has a few; a file; or anything, or nothing. */
  readonly value: readonly string[] | "file" | "any" | "none";
}

/** `weir completions SHELL`; `commands` are those beside it. */
export function completionsCommand(commands: readonly ListedCommand[]): Command {
  return {
    help: HELP,
    run([shell, ...rest]) {
      const write = SHELLS.get(shell ?? "");
      if (write === undefined || rest.length > 0) {
        throw new UsageError(
          `completions needs a shell: allowed is ${[...SHELLS.keys()].join(", ")}`,
        );
      }
      const named = [
        { name: "serve", summary: "run the server" },
        ...commands.map(({ name, summary }) => ({ name, summary })),
      ];
      console.log(write(named, completedOptions()).trimEnd());
      return Promise.resolve(ExitCode.Stopped);
    },
  };
}

type Writer = (
  commands: readonly ListedCommand[],
  options: readonly CompletedOption[],
) => string;

const SHELLS: ReadonlyMap<string, Writer> = new Map([["bash", bash], ["zsh", zsh], ["fish", fish]]);

function completedOptions(): CompletedOption[] {
  return [
    { name: "config", help: "read settings from a file", value: "file" },
    ...SETTINGS.flatMap((row) => row.flag === undefined ? [] : [completedOption(row)]),
    { name: "help", help: "print the options", value: "none" },
    { name: "help-all", help: "print all options", value: "none" },
    { name: "version", help: "print the version", value: "none" },
  ];
}

function completedOption({ flag, help, type }: Setting): CompletedOption {
  const { name, placeholder } = flag!;
  if (placeholder === undefined) return { name, help, value: "none" };
  if (placeholder === "FILE" || placeholder === "FOLDER") return { name, help, value: "file" };
  const words = type.kind === "leaf" ? type.json["enum"] : undefined;
  return { name, help, value: Array.isArray(words) ? words.map(String) : "any" };
}

function bash(commands: readonly ListedCommand[], options: readonly CompletedOption[]): string {
  const cases = options.flatMap(({ name, value }) => {
    if (value === "none") return [];
    const reply = value === "file"
      ? 'COMPREPLY=($(compgen -f -- "$word"))'
      : value === "any"
      ? "COMPREPLY=()"
      : `COMPREPLY=($(compgen -W "${value.join(" ")}" -- "$word"))`;
    return [`    --${name}) ${reply}; return ;;`];
  });
  return `# Completions of weir for bash.
_weir() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$before" in
${cases.join("\n")}
    config) COMPREPLY=($(compgen -W "check example schema" -- "$word")); return ;;
    check) COMPREPLY=($(compgen -f -- "$word")); return ;;
    completions) COMPREPLY=($(compgen -W "${[...SHELLS.keys()].join(" ")}" -- "$word")); return ;;
  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "${options.map(({ name }) => `--${name}`).join(" ")}" -- "$word"))
  elif [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _weir weir
`;
}

function zsh(commands: readonly ListedCommand[], options: readonly CompletedOption[]): string {
  // In a description a colon or a bracket would end it.
  const described = (text: string): string =>
    text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");
  const specs = options.map(({ name, help, value }) => {
    const spec = `--${name}[${described(help)}]`;
    if (value === "none") return `    '${spec}'`;
    const values = value === "file" ? "_files" : value === "any" ? "" : `(${value.join(" ")})`;
    return `    '${spec}:value:${values}'`;
  });
  return `#compdef weir
# Completions of weir for zsh.
_weir() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${described(summary)}'`).join("\n")}
  )
  if (( CURRENT == 2 )) && [[ "\${words[2]}" != -* ]]; then
    _describe command commands
    return
  fi
  if (( CURRENT == 3 )); then
    case "\${words[2]}" in
      config) compadd check example schema; return ;;
      completions) compadd ${[...SHELLS.keys()].join(" ")}; return ;;
    esac
  fi
  _arguments \\
${specs.join(" \\\n")} \\
    '*:file:_files'
}
compdef _weir weir
`;
}

function fish(commands: readonly ListedCommand[], options: readonly CompletedOption[]): string {
  const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
  return [
    "# Completions of weir for fish.",
    ...commands.map(({ name, summary }) =>
      `complete -c weir -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`
    ),
    ...options.map(({ name, help, value }) => {
      const values = value === "none"
        ? ""
        : value === "file"
        ? " -rF"
        : value === "any"
        ? " -x"
        : ` -x -a ${quoted(value.join(" "))}`;
      return `complete -c weir -l ${name} -d ${quoted(help)}${values}`;
    }),
    "complete -c weir -f -n '__fish_is_nth_token 2; and __fish_seen_subcommand_from config' -a 'check example schema'",
    `complete -c weir -f -n '__fish_seen_subcommand_from completions' -a ${
      quoted([...SHELLS.keys()].join(" "))
    }`,
    "",
  ].join("\n");
}
