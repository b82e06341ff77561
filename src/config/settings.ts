import type { ConfigFile } from "./config_values.ts";
import type { GroupValue, Setting, SettingValues, SettingWithDefault } from "./setting.ts";

/** Where settings come from. */
export interface SettingSources {
  /** Those of the command line, by key: they win. */
  readonly flags?: ReadonlyMap<string, unknown>;
  /** Those of the configuration file. */
  readonly file?: ConfigFile | undefined;
  /** Relays of the files that the settings name. */
  readonly relays?: FiledRelays;
}

/** Relays that stand in files of their own. */
export interface FiledRelays {
  readonly pull: readonly GroupValue[];
  readonly push: readonly GroupValue[];
}

/** The settings in force: what the command line says, else the file, else the defaults. */
export class Settings implements SettingValues {
  /** The configuration file, where there is one. */
  readonly file: ConfigFile | undefined;
  /** Relays of the files that the settings name. */
  readonly relays: FiledRelays;
  readonly #flags: ReadonlyMap<string, unknown>;

  /** Puts the sources together. */
  constructor({ flags = new Map(), file, relays = { pull: [], push: [] } }: SettingSources = {}) {
    this.#flags = flags;
    this.file = file;
    this.relays = relays;
  }

  /** The same settings, with relays of files. */
  withRelays(relays: FiledRelays): Settings {
    return new Settings({ flags: this.#flags, file: this.file, relays });
  }

  /** The value in force. */
  get<T>(row: SettingWithDefault<T>): T;
  get<T>(row: Setting<T>): T | undefined;
  get<T>(row: Setting<T>): T | undefined {
    return this.isGiven(row) ? this.given(row) : row.default;
  }

  /** The value that was given; `undefined` where there is none. */
  given<T>(row: Setting<T>): T | undefined {
    const { key } = row;
    if (this.#flags.has(key)) return this.#flags.get(key) as T;
    return this.file?.values.get(key) as T | undefined;
  }

  /** Whether a value was given. */
  isGiven({ key }: Pick<Setting, "key">): boolean {
    return this.#flags.has(key) || this.file?.values.has(key) === true;
  }

  /** What a setting is called in errors: by its flag, or by its place in the file. */
  nameOf({ key, flag }: Setting): string {
    const isOfFile = this.file?.values.has(key) === true && !this.#flags.has(key);
    if (isOfFile) return `${this.file!.placeOf(key.split("."))} ${key}`;
    return flag === undefined || this.file !== undefined && !this.#flags.has(key)
      ? key
      : `--${flag.name}`;
  }
}
