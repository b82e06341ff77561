import type { Permission } from "./permission.ts";

/** A piece of JSON Schema (draft 2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A value by itself: a number, a word, an address. */
export interface LeafType<T = unknown> {
  readonly kind: "leaf";
  /** What is allowed, in words that go on after "allowed is". */
  readonly allowed: string;
  /** What a file may say, for editors. */
  readonly json: JsonSchema;
  /** Whether no error and no list of settings may show the value. */
  readonly isSecret?: boolean;
  /**
   * Reads what a file says, or the text of an option or of an environment variable.
   *
   * @throws {SettingFault} if it is not allowed
   */
  read(value: unknown): T;
  /** Writes a value as a file has it. */
  show(value: T): string;
}

/** A list of values of one type. */
export interface ListType {
  readonly kind: "list";
  readonly of: SettingType;
  /** Checks the values together, and throws a {@linkcode SettingFault} with the place of the wrong one. */
  check?(values: readonly unknown[]): void;
}

/** Settings under names of the operator's choice, such as rules under patterns. */
export interface MapType {
  readonly kind: "map";
  /** What stands for a name in the documentation: `PATTERN`. */
  readonly placeholder: string;
  readonly of: SettingType;
  /** Checks a name, and throws a {@linkcode SettingFault} if it is none. */
  checkName?(name: string): void;
  /** Checks a value together with its name, and throws a {@linkcode SettingFault}. */
  checkEntry?(name: string, value: unknown): void;
}

/** Several settings that belong together, as an entry of a list or a map. */
export interface GroupType {
  readonly kind: "group";
  readonly settings: readonly Setting[];
  /** Keys that cannot be left out. */
  readonly required?: readonly string[];
  /** Checks the values together, and throws a {@linkcode SettingFault}. */
  check?(values: GroupValue): void;
}

/** The values that a group was given, by key; there is none for what was left out. */
export type GroupValue = ReadonlyMap<string, unknown>;

/**
 * The type of a setting. Values of a list are arrays, of a map `ReadonlyMap`s by name, of a group a
 * {@linkcode GroupValue}.
 */
export type SettingType<T = unknown> = LeafType<T> | ListType | MapType | GroupType;

/** How the command line gives a setting. */
export interface SettingFlag<T = unknown> {
  /** Its name, without the dashes. */
  readonly name: string;
  /** What stands for its value in the help; left out where it has none, and being there is its value. */
  readonly placeholder?: string;
  /** Whether it is left out of the first help, since few need it. */
  readonly isRare?: boolean;
  /** Of a list: the flag may be given more than once, and each is read to one value of the list. */
  readEach?(text: string): T extends readonly (infer E)[] ? E : unknown;
  /** What is allowed, where it differs from what the type says. */
  readonly allowed?: string;
}

/**
 * One setting: a row of the table from which come the command's options, the keys of the configuration file,
 * their defaults, checks and documentation, and the permissions that they need.
 */
export interface Setting<T = unknown> {
  /** Its place in the file, with dots: `rtsp.port`. */
  readonly key: string;
  /** What it may be. */
  readonly type: SettingType<T>;
  /** The value in force where nothing is said; left out where that is nothing, or cannot be said by one value. */
  readonly default?: T;
  /** The default in words, where it is no value or depends on something. */
  readonly defaultInWords?: string;
  /** What it is for, in one line that begins with a small letter. */
  readonly help: string;
  /** What else there is to know, in whole sentences. */
  readonly doc?: string;
  /** How the command line gives it; left out where a file alone can. */
  readonly flag?: SettingFlag<T>;
  /**
   * Where the value goes among the options of a server, with dots, if it is one of them as it stands; several where
   * one setting stands for several options. Others are read in `server_options.ts`.
   */
  readonly option?: string | readonly string[];
  /** Whether the server is given the default too, since its own differs. */
  readonly givesDefault?: boolean;
  /** The permissions that a value needs, beside those that every server has. */
  needs?(value: T, settings: SettingValues): readonly Permission[];
  /** Whether a change of it is applied while the server runs, or waits for its next start. */
  readonly change: "reload" | "restart";
}

/** The values of settings by their rows. */
export interface SettingValues {
  /** The value in force. */
  get<T>(row: SettingWithDefault<T>): T;
  get<T>(row: Setting<T>): T | undefined;
}

/** A row that has a default, so that there is always a value. */
export type SettingWithDefault<T> = Setting<T> & { readonly default: T };

/** Makes a row of the table: only gives it its type. */
export function setting<T>(row: SettingWithDefault<T>): SettingWithDefault<T>;
export function setting<T>(row: Setting<T>): Setting<T>;
export function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}
