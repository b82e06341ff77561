import { type Setting, SETTINGS } from "../config/mod.ts";

/** Options of {@linkcode helpText}. */
export interface HelpOptions {
  /** Whether all options are shown, and not only those that many need. */
  readonly isWhole: boolean;
  /** The commands beside `serve`. */
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
}

/** What `--help` and `--help-all` print. */
export function helpText({ isWhole, commands }: HelpOptions): string {
  const rows = SETTINGS.filter(({ flag }) => flag !== undefined && (isWhole || !flag.isRare));
  const options = [
    ["--config FILE", "read settings from a file; options win over it"],
    ...rows.map((row) => [shownFlag(row), helpOf(row)]),
    ["--help, --help-all", "print this, or all options"],
    ["--version", "print the version"],
  ].flatMap(([option, help]) => entry(option!, help!));
  return [
    "weir, an edge live-streaming server: encoders publish, players play.",
    "",
    "Usage: deno run --allow-net mod.ts [serve] [options]",
    "       deno run --allow-net mod.ts COMMAND [--help]",
    "",
    "Commands:",
    ...entry("serve", "run the server, which it does where no command is named"),
    ...commands.flatMap(({ name, summary }) => entry(name, summary)),
    "",
    "Options:",
    ...options,
    "",
    ...EXAMPLES,
  ].join("\n");
}

const EXAMPLES = [
  "Publish:  ffmpeg -re -i in.mp4 -c copy -f flv rtmp://localhost/live/cam",
  "          ffmpeg -re -i in.mp4 -c copy -f rtsp rtsp://localhost:8554/live/cam",
  "Play:     ffplay rtmp://localhost/live/cam",
  "          ffplay rtsp://localhost:8554/live/cam",
  "Relay:    --pull 'live/*=rtmp://host/live/*' fetches any stream that someone wants; a * stands for one",
  "          segment of the name, at its end for one or more",
];

function shownFlag({ flag }: Setting): string {
  const { name, placeholder } = flag!;
  return placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`;
}

function helpOf(row: Setting): string {
  const text = defaultText(row);
  return text === undefined ? row.help : `${row.help} (default ${text})`;
}

/** The default of a setting as the help shows it; `undefined` where there is none to show. */
function defaultText({ type, default: value, defaultInWords }: Setting): string | undefined {
  if (defaultInWords !== undefined) return defaultInWords;
  if (value === undefined || value === false || type.kind !== "leaf") return undefined;
  return type.show(value);
}

const INDENT = 27;
const WIDTH = 110;

/** An option or command, and beside it what it is for, in as many lines as that needs. */
function entry(name: string, help: string): string[] {
  const lines: string[] = [];
  let line = `  ${name}`;
  if (line.length >= INDENT) {
    lines.push(line);
    line = "";
  }
  line = line.padEnd(INDENT);
  let isEmpty = true;
  for (const word of help.split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = " ".repeat(INDENT);
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
