import {
  checkSettings,
  ConfigError,
  type ConfigFile,
  inOrderOfFile,
  readConfigFile,
  SETTINGS,
  Settings,
  settingsProblems,
  withRelayFiles,
} from "../config/mod.ts";
import type { GivenSettings } from "./arguments.ts";

/**
 * Puts together what the command line and the configuration file say, and checks it.
 *
 * @throws {ConfigError} if it cannot be used: all that is wrong
 * @throws {ServerError} `permission` if the file may not be read
 */
export async function settingsOf({ flags, config }: GivenSettings): Promise<Settings> {
  const file = config === undefined ? undefined : await read(config, flags);
  const settings = await withRelayFiles(new Settings({ flags, file }));
  checkSettings(settings);
  return settings;
}

/** Reads the file; where something is wrong with it, the error says what is wrong with the rest as well. */
async function read(config: string, flags: GivenSettings["flags"]): Promise<ConfigFile> {
  try {
    return await readConfigFile(config, SETTINGS);
  } catch (error) {
    if (!(error instanceof ConfigError) || error.rest === undefined) throw error;
    const { file, wrong } = error.rest;
    const further = settingsProblems(new Settings({ flags, file }), wrong);
    throw new ConfigError(inOrderOfFile([...error.problems, ...further]), { cause: error });
  }
}
