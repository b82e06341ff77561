/**
 * Writes `docs/configuration.md` from the table of settings.
 *
 * ```sh
 * deno run --allow-read --allow-write --allow-run scripts/configuration_docs.ts
 * ```
 *
 * @module
 */
import {
  exampleText,
  type GroupType,
  type Setting,
  SETTINGS,
  type SettingsTree,
  settingsTree,
  type SettingType,
} from "../src/config/mod.ts";
import { programArguments } from "./program_arguments.ts";

/** The page, as the table says. */
export function configurationDocs(): string {
  return [
    ...INTRODUCTION,
    ...sections(settingsTree(SETTINGS)),
    "## The example file",
    "",
    "`weir config example` prints this:",
    "",
    "```yaml",
    exampleText(SETTINGS).trimEnd(),
    "```",
    "",
  ].join("\n");
}

const INTRODUCTION = [
  "# Configuration",
  "",
  "<!-- Made by scripts/configuration_docs.ts from the table in src/config: edit that. -->",
  "",
  "`deno run --allow-net mod.ts` needs no configuration. What is to differ is an option of the command, or a key",
  "in a YAML file:",
  "",
  "```sh",
  "deno run --allow-net --allow-read=weir.yaml mod.ts --config weir.yaml",
  "```",
  "",
  "```yaml",
  "rtmp:",
  "  port: 127.0.0.1:1935",
  "limits:",
  "  maxConnections: 500",
  "```",
  "",
  "Options win over the file, and the file over the defaults. `weir config check FILE` says all that is wrong with",
  "a file, by line and column; `weir config example` prints one with everything in it, `weir config schema` the",
  "JSON Schema for editors, and `weir permissions --config FILE` the least flags of `deno run` that it needs.",
  "",
  "- A **time** is a number of seconds, or has a unit: `500ms`, `10s`, `5m`, `1h`, `1d`.",
  "- A **size** is a number of bytes, or has a unit: `500kB`, `8MiB`, `1GB`.",
  "- A **bitrate** is a number of bits a second, or has a unit: `500k`, `8M`.",
  "- Where a number has no upper bound, `unlimited` is none.",
  "- A value may have an environment variable: `${NAME}`, which needs `--allow-env=NAME`. A dollar sign before a brace",
  "  is `$$`. Keys have no variables.",
  "- Paths of files are relative to the directory that the program was started in.",
  "",
  "SIGHUP, or `POST /v1/config/reload`, reads the file again. What is marked with **reload** below is then applied; what else has changed is named in",
  "one log line, and waits for the next start. A file that is wrong changes nothing. Whoever is no longer allowed is told",
  "so and closed: a user who is gone or has another password, a rule, a key or a range of addresses that says something",
  "else; and whoever is over a bitrate of now for 10 s. Nobody else is disconnected, not over a lower number of",
  "connections or players either: those are for newcomers. A port that has changed is opened before the former is closed",
  "to newcomers, and connections that there are go on; not so the UDP ports, and one that cannot be had. What is for a",
  "connection or a player of HLS holds for those that come later, and how HLS is cut for streams that begin to be played as",
  "it later.",
  "",
];

/** A section of the page for each of the file. */
function sections(tree: SettingsTree): string[] {
  return Array.from(tree).flatMap(([name, entry]) => [
    `## ${name}`,
    "",
    ...rowsOf(entry).flatMap((row) => item(row, "")),
    "",
  ]);
}

function rowsOf(entry: Setting | SettingsTree): Setting[] {
  return "key" in entry ? [entry as Setting] : [...entry.values()].flatMap(rowsOf);
}

/** What there is to know of a setting, and below it of those in its entries. */
function item(row: Setting, indent: string): string[] {
  const { key, help, doc, change, type } = row;
  const about = [
    `${indent}- \`${key}\`: ${help}.`,
    ...doc === undefined ? [] : [doc],
    typeText(type),
    ...defaultText(row),
    ...flagText(row),
    ...change === "reload" && indent === "" ? ["**reload**"] : [],
  ];
  const inner = groupOf(type)?.settings ?? [];
  return [about.join(" "), ...inner.flatMap((setting) => item(setting, `${indent}  `))];
}

/** The settings of an entry, of what has several in each. */
function groupOf(type: SettingType): GroupType | undefined {
  if (type.kind === "leaf") return undefined;
  return type.kind === "group" ? type : groupOf(type.of);
}

function flagText({ flag }: Setting): string[] {
  if (flag === undefined) return [];
  const { name, placeholder } = flag;
  return [`Option: \`--${name}${placeholder === undefined ? "" : ` ${placeholder}`}\`.`];
}

function typeText(type: SettingType): string {
  switch (type.kind) {
    case "leaf":
      return `Allowed is ${briefly(type.allowed)}.`;
    case "list":
      return type.of.kind === "leaf"
        ? `Allowed is a list; each entry is ${briefly(type.of.allowed)}.`
        : "A list; each entry has the keys below.";
    case "map":
      return `A section for each ${type.placeholder}, with the keys below.`;
    case "group":
      return "A section with the keys below.";
  }
}

/** The page says once how times, sizes and bitrates are written. */
function briefly(allowed: string): string {
  return allowed.replace(/^(a time|a size|a bitrate) such as [^;]*?[;,] in /, "$1, in ")
    .replace("a bitrate, in bits a second", "a bitrate");
}

function defaultText({ type, default: value, defaultInWords }: Setting): string[] {
  if (defaultInWords !== undefined) return [`Default: ${defaultInWords}.`];
  return value === undefined || type.kind !== "leaf" ? [] : [`Default: \`${type.show(value)}\`.`];
}

/** Formats a page as `deno fmt` does. */
export async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    cwd: new URL("../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

/** Where the page is. */
export const PAGE = new URL("../docs/configuration.md", import.meta.url);

if (import.meta.main) {
  programArguments(import.meta);
  await Deno.writeTextFile(PAGE, await formatted(configurationDocs()));
}
