import { type AddressListOptions, type S3Access, ServerError } from "../server/mod.ts";
import { Access, type AccessOptions, AccessOptionsError } from "../access/mod.ts";
import { reasonOf, silentLog } from "../log/mod.ts";
import { accessOptions, type FiledSecrets, usersWithoutPassword } from "./access_options.ts";
import { rangesOfList } from "../gate/mod.ts";
import { flagOf, isGranted } from "./permission.ts";
import type { Settings } from "./settings.ts";
import {
  ALLOWED_ADDRESS_FILES,
  ALLOWED_ADDRESSES,
  DENIED_ADDRESS_FILES,
  DENIED_ADDRESSES,
} from "./settings/addresses.ts";
import {
  API_TOKEN_FILE,
  PASSWORD_FILE,
  PUBLISH_KEY_FILE,
  SIGNING_SECRET_FILE,
} from "./settings/access.ts";
import { OBJECT_STORAGE, S3_CREDENTIALS_FILE } from "./settings/object_storage.ts";
import { optionsOf } from "./server_options.ts";
import { TLS_CERT, TLS_KEY } from "./settings/listening.ts";
import type { GroupValue, Setting } from "./setting.ts";
import { SettingFault } from "./setting_fault.ts";
import { ConfigError } from "./config_error.ts";
import { nameAndUrl, RELAYS_PULL_FILES, RELAYS_PUSH_FILES } from "./settings/relays.ts";

/** What settings name files for, read. */
export interface ConfiguredFiles {
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly addresses?: AddressListOptions;
  readonly access: AccessOptions;
  readonly s3?: S3Access;
}

/** Passwords that were asked for at a terminal, in the order of the users that have none. */
export interface AskedSecrets {
  readonly passwords?: readonly string[];
}

/**
 * Reads the files that settings name.
 *
 * @throws {ServerError} `permission` if one may not be read, which is never asked for; `state` if it cannot be
 */
export async function readConfiguredFiles(
  settings: Settings,
  asked: AskedSecrets = {},
): Promise<ConfiguredFiles> {
  const [tls, addresses] = [await tlsOf(settings), await addressesOf(settings)];
  const s3 = await objectStorageOf(settings);
  const filed = { ...asked, ...await filedSecrets(settings) };
  const missing = usersWithoutPassword(settings).slice(filed.passwords?.length ?? 0);
  if (missing.length > 0) {
    throw new ServerError(
      "state",
      `Cannot know the password of ${missing.join(", ")}: ${
        settings.nameOf(PASSWORD_FILE)
      } has to have it`,
    );
  }
  return {
    access: checkedAccess(accessOptions(settings, filed)),
    ...(tls === undefined ? {} : { tls }),
    ...(addresses === undefined ? {} : { addresses }),
    ...(s3 === undefined ? {} : { s3 }),
  };
}

/** Object storage whose key is in a file, as the command line of Amazon has it. */
async function objectStorageOf(settings: Settings): Promise<S3Access | undefined> {
  const path = settings.get(S3_CREDENTIALS_FILE);
  if (path === undefined) return undefined;
  const text = await readSettingFile(S3_CREDENTIALS_FILE, { path, settings });
  const [accessKeyId, secretAccessKey] = ["aws_access_key_id", "aws_secret_access_key"].map(
    (name) => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, "m").exec(text)?.[1],
  );
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ServerError(
      "state",
      `Cannot read ${settings.nameOf(S3_CREDENTIALS_FILE)} ${path}: it lacks ${
        accessKeyId === undefined ? "aws_access_key_id" : "aws_secret_access_key"
      } = …`,
    );
  }
  return { ...optionsOf(settings, OBJECT_STORAGE).s3, accessKeyId, secretAccessKey };
}

/** What the files say may be wrong where what is in the configuration itself is right. */
function checkedAccess(options: AccessOptions): AccessOptions {
  try {
    new Access(options, { log: silentLog });
    return options;
  } catch (error) {
    if (!(error instanceof AccessOptionsError)) throw error;
    throw new ServerError("state", `Cannot use what access is made of: ${error.message}`);
  }
}

async function filedSecrets(settings: Settings): Promise<FiledSecrets> {
  const lines = async (row: Setting<string>): Promise<string[] | undefined> => {
    const path = settings.get(row);
    return path === undefined ? undefined : linesOf(await readSettingFile(row, { path, settings }));
  };
  const keyLines = await lines(PUBLISH_KEY_FILE);
  const [passwords, apiTokens, signingSecrets] = [
    await lines(PASSWORD_FILE),
    await lines(API_TOKEN_FILE),
    await lines(SIGNING_SECRET_FILE),
  ];
  return {
    ...(passwords === undefined ? {} : { passwords }),
    ...(apiTokens === undefined ? {} : { apiTokens }),
    ...(signingSecrets === undefined ? {} : { signingSecrets }),
    ...(keyLines === undefined ? {} : { keys: keysOf(keyLines, settings) }),
  };
}

/** Lines that are neither empty nor comments. */
function linesOf(text: string): string[] {
  return text.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

function keysOf(lines: readonly string[], settings: Settings): Record<string, string[]> {
  return Object.fromEntries(lines.map((line, index) => {
    const [secret = "", ...streams] = line.trim().split(/\s+/);
    if (streams.length === 0) {
      throw new ServerError(
        "state",
        `Cannot read ${settings.nameOf(PUBLISH_KEY_FILE)}: key number ${
          index + 1
        } lacks its stream, behind a space`,
      );
    }
    return [secret, streams];
  }));
}

/**
 * Adds the relays that stand in files, which settings name so that no URL is an argument: `NAME=URL`, a line each.
 *
 * @throws {ConfigError} if a line is wrong; it is not repeated, as it may have a password
 * @throws {ServerError} as {@linkcode readConfiguredFiles}
 */
export async function withRelayFiles(settings: Settings): Promise<Settings> {
  const problems: string[] = [];
  const read = async (
    mode: "pull" | "push",
    row: Setting<readonly string[]>,
  ): Promise<GroupValue[]> => {
    const relays: GroupValue[] = [];
    for (const path of settings.get(row) ?? []) {
      const text = await readSettingFile(row, { path, settings });
      for (const [index, line] of text.split(/\r\n|[\r\n]/).entries()) {
        if (line.trim() === "" || line.startsWith("#")) continue;
        try {
          relays.push(nameAndUrl(mode, line.trim()));
        } catch (error) {
          if (!(error instanceof SettingFault)) throw error;
          problems.push(`${path}:${index + 1}:1 ${error.message}`);
        }
      }
    }
    return relays;
  };
  const pull = await read("pull", RELAYS_PULL_FILES);
  const push = await read("push", RELAYS_PUSH_FILES);
  if (problems.length > 0) throw new ConfigError(problems);
  return pull.length + push.length === 0 ? settings : settings.withRelays({ pull, push });
}

/** Certificate and key. */
export async function tlsOf(settings: Settings): Promise<ConfiguredFiles["tls"]> {
  const [cert, key] = [settings.get(TLS_CERT), settings.get(TLS_KEY)];
  if (cert === undefined || key === undefined) return undefined;
  return {
    cert: await readSettingFile(TLS_CERT, { path: cert, settings }),
    key: await readSettingFile(TLS_KEY, { path: key, settings }),
  };
}

async function addressesOf(settings: Settings): Promise<AddressListOptions | undefined> {
  const read = async (ranges: Setting<readonly string[]>, files: Setting<readonly string[]>) => {
    const lists = await Promise.all(
      (settings.get(files) ?? []).map(async (path) =>
        rangesOfList(await readSettingFile(files, { path, settings }))
      ),
    );
    return [...settings.get(ranges) ?? [], ...lists.flat()];
  };
  const allow = await read(ALLOWED_ADDRESSES, ALLOWED_ADDRESS_FILES);
  const deny = await read(DENIED_ADDRESSES, DENIED_ADDRESS_FILES);
  const isAllowing = settings.isGiven(ALLOWED_ADDRESSES) || settings.isGiven(ALLOWED_ADDRESS_FILES);
  if (!isAllowing && deny.length === 0) return undefined;
  return { ...(isAllowing ? { allow } : {}), ...(deny.length > 0 ? { deny } : {}) };
}

/**
 * Reads the file that a setting names; a missing permission is told, never asked for.
 *
 * @throws {ServerError} `permission` if it may not be read; `state` if it cannot be
 */
export async function readSettingFile(
  row: Setting,
  { path, settings }: { readonly path: string; readonly settings: Settings },
): Promise<string> {
  const permission = { name: "read", path } as const;
  const named = `${settings.nameOf(row)} ${path}`;
  if (!isGranted(permission)) {
    throw new ServerError(
      "permission",
      `Cannot read ${named} without permission: add ${flagOf(permission)}`,
    );
  }
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const why = reasonOf(error);
    throw new ServerError("state", `Cannot read ${named}: ${why}`, { cause: error });
  }
}
