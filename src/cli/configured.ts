import {
  checkSettings,
  readConfigFile,
  SETTINGS,
  Settings,
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
  const file = config === undefined ? undefined : await readConfigFile(config, SETTINGS);
  const settings = await withRelayFiles(new Settings({ flags, file }));
  checkSettings(settings);
  return settings;
}
