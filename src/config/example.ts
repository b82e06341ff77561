import type { Setting, SettingType } from "./setting.ts";
import { isTree, type SettingsTree, settingsTree } from "./settings_tree.ts";

/** A configuration file that has every setting, each as a comment with its default. */
export function exampleText(rows: readonly Setting[]): string {
  return [
    "# A configuration of weir, with every setting and its default. Take the # away from a line, and from the",
    "# section that it is in, to set it. Options of the command line win over this file. A value may have an",
    "# environment variable, as ${NAME}; a dollar sign before a brace is $$.",
    "#",
    "# Check it:  weir config check weir.yaml",
    "# Use it:    weir --config weir.yaml",
    ...section(settingsTree(rows), ""),
    "",
  ].join("\n");
}

function section(tree: SettingsTree, indent: string): string[] {
  return Array.from(tree).flatMap(([name, entry]) => {
    if (!isTree(entry)) return ["#", ...setting(name, entry, indent)];
    return [
      ...indent === "" ? [""] : ["#"],
      `# ${indent}${name}:`,
      ...section(entry, `${indent}  `),
    ];
  });
}

function setting(name: string, row: Setting, indent: string): string[] {
  const { help, type, default: value, defaultInWords } = row;
  const words = defaultInWords === undefined ? "" : ` (default: ${defaultInWords})`;
  const about = `# ${indent}# ${help}${words}`;
  if (type.kind === "leaf") {
    return [about, `# ${indent}${name}: ${value === undefined ? "" : type.show(value)}`.trimEnd()];
  }
  return [about, `# ${indent}${name}:`, ...inner(type, `${indent}  `)];
}

/** What an entry of a list or a map is like. */
function inner(type: SettingType, indent: string): string[] {
  switch (type.kind) {
    case "leaf":
      return [`# ${indent}${type.allowed}`];
    case "list":
      return inner(type.of, `${indent}- `).map((line, index) =>
        index === 0 ? line : line.replace(`${indent}- `, `${indent}  `)
      );
    case "map":
      return [`# ${indent}${type.placeholder}:`, ...inner(type.of, `${indent}  `)];
    case "group":
      return type.settings.map(({ key, type: of, help }) =>
        `# ${indent}${key}: ${of.kind === "leaf" ? "" : "…"}  # ${help}`
      );
  }
}
