import { Access, type AccessOptions, AccessOptionsError, type AccessRule } from "../access/mod.ts";
import { silentLog } from "../log/mod.ts";
import { put } from "./options_path.ts";
import type { GroupValue } from "./setting.ts";
import type { KeyStep } from "./setting_fault.ts";
import type { Settings } from "./settings.ts";
import {
  ACCESS_KEYS,
  ACCESS_OPTIONS,
  ACCESS_RULES,
  ACCESS_USERS,
  API_TOKENS,
  KEYS_FILE,
  SIGNING_SECRETS,
} from "./settings/access.ts";

/** What the files of secrets say. */
export interface FiledSecrets {
  /** Passwords of users that have none, in the order of the users. */
  readonly passwords?: readonly string[];
  readonly keys?: Readonly<Record<string, readonly string[]>>;
  readonly apiTokens?: readonly string[];
  readonly signingSecrets?: readonly string[];
}

/** Makes the options of access of settings, and of the files that those name. */
export function accessOptions(settings: Settings, filed: FiledSecrets = {}): AccessOptions {
  const options: Record<string, unknown> = {};
  for (const row of ACCESS_OPTIONS) {
    if (settings.isGiven(row)) put(options, row.option, settings.get(row));
  }
  const users = usersOf(settings, filed.passwords ?? []);
  const keys = Object.fromEntries([
    ...settings.get(ACCESS_KEYS).map((key) => [key.get("secret"), key.get("streams")]),
    ...Object.entries(filed.keys ?? {}),
  ]);
  const keysFile = settings.get(KEYS_FILE);
  const signingSecrets = [...settings.get(SIGNING_SECRETS), ...filed.signingSecrets ?? []];
  const rules = settings.get(ACCESS_RULES)?.map(ruleOf);
  return {
    ...options,
    ...(users.length === 0 ? {} : { users }),
    ...(Object.keys(keys).length === 0 ? {} : { keys }),
    ...(keysFile === undefined ? {} : { keysFile }),
    ...(signingSecrets.length === 0 ? {} : { signingSecrets }),
    ...(rules === undefined ? {} : { rules }),
    apiTokens: [...settings.get(API_TOKENS), ...filed.apiTokens ?? []],
  };
}

/** Users that have neither a password nor a digest yet are left out. */
function usersOf(
  settings: Settings,
  passwords: readonly string[],
): NonNullable<AccessOptions["users"]> {
  const left = [...passwords];
  return settings.get(ACCESS_USERS).flatMap((user) => {
    const name = user.get("name") as string;
    const ha1 = user.get("ha1") as readonly string[] | undefined;
    const given = user.get("password") as string | undefined;
    const password = given ?? (ha1 === undefined ? left.shift() : undefined);
    if (password === undefined && ha1 === undefined) return [];
    return [{
      name,
      ...(password === undefined ? {} : { password }),
      ...(ha1 === undefined ? {} : { ha1 }),
    }];
  });
}

/** The users whose passwords are not among the settings. */
export function usersWithoutPassword(settings: Settings): string[] {
  return settings.get(ACCESS_USERS)
    .filter((user) => !user.has("password") && !user.has("ha1"))
    .map((user) => user.get("name") as string);
}

/** A rule of access. */
export function ruleOf(rule: GroupValue): AccessRule {
  return Object.fromEntries(rule) as AccessRule;
}

/** Something that is wrong with the settings of access together: where, below `access`, and in words. */
export interface AccessFault {
  readonly path: readonly KeyStep[];
  readonly message: string;
}

/** As many faults are told; a list of a thousand users may have one each. */
const MOST_FAULTS = 50;

/** All that is wrong with the settings of access together: what is found is left out, and the rest looked at again. */
export function accessFaults(settings: Settings): AccessFault[] {
  const options: Record<string, unknown> = { ...accessOptions(settings) };
  const faults: AccessFault[] = [];
  // Where the values of lists stood at first; users without a password are not among the options.
  const placesOf: Record<string, number[]> = { users: placesOfUsers(settings) };
  while (faults.length < MOST_FAULTS) {
    const fault = firstFault(options);
    if (fault === undefined) break;
    const [name, index] = fault.path as [string, KeyStep | undefined];
    const list = options[name];
    if (Array.isArray(list) && typeof index === "number") {
      const places = placesOf[name] ??= [...list.keys()];
      faults.push({ ...fault, path: [name, places[index]!, ...fault.path.slice(2)] });
      places.splice(index, 1);
      options[name] = list.toSpliced(index, 1);
    } else {
      faults.push(fault);
      // Whatever it is, without its option there is one fault less.
      if (!(name in options)) break;
      delete options[name];
    }
  }
  return faults;
}

function placesOfUsers(settings: Settings): number[] {
  return settings.get(ACCESS_USERS).flatMap((user, place) =>
    user.has("password") || user.has("ha1") ? [place] : []
  );
}

function firstFault(options: AccessOptions): AccessFault | undefined {
  try {
    new Access(options, { log: silentLog });
    return undefined;
  } catch (error) {
    if (!(error instanceof AccessOptionsError)) throw error;
    const { path, message } = error;
    const steps = path.split(/[.[\]]+/).filter((step) => step !== "")
      .map((step) => /^\d+$/.test(step) ? Number(step) : step);
    return { path: steps, message: message.replace(`${path}: `, "") };
  }
}
