import { parseArguments } from "../../src/cli/arguments.ts";
import {
  checkSettings,
  type ConfiguredOptions,
  serverOptions,
  Settings,
} from "../../src/config/mod.ts";

/** The settings that a command line without a file gives, checked. */
export function settingsOfArguments(args: readonly string[]): Settings {
  const settings = new Settings({ flags: parseArguments(args).given.flags });
  checkSettings(settings);
  return settings;
}

/** The options of a server that a command line without a file gives. */
export function optionsOfArguments(args: readonly string[]): ConfiguredOptions {
  return serverOptions(settingsOfArguments(args));
}
