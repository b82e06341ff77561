import { AddressRanges } from "../../gate/mod.ts";
import { FILE, text, words } from "../leaf_types.ts";
import { type Setting, setting, type SettingType } from "../setting.ts";
import { SettingFault } from "../setting_fault.ts";

const RANGE = text({ allowed: "a range of addresses such as 192.0.2.0/24, or one address" });

const RANGES: SettingType = {
  kind: "list",
  of: { ...RANGE, read: (given) => readRange(RANGE.read(given)) },
};

const FILES: SettingType = { kind: "list", of: FILE };

/** Addresses that alone may connect. */
export const ALLOWED_ADDRESSES = setting<readonly string[]>({
  key: "limits.addresses.allow",
  type: RANGES,
  default: [],
  defaultInWords: "all",
  help: "the only addresses that may connect: a range such as 192.0.2.0/24",
  flag: { name: "allow-address", placeholder: "RANGE", isRare: true, readEach: readRange },
  change: "reload",
});

/** Addresses that may not connect. */
export const DENIED_ADDRESSES = setting<readonly string[]>({
  key: "limits.addresses.deny",
  type: RANGES,
  default: [],
  defaultInWords: "none",
  help: "addresses that may not connect, even if they are allowed",
  flag: { name: "deny-address", placeholder: "RANGE", isRare: true, readEach: readRange },
  change: "reload",
});

/** Files of such ranges. */
export const ALLOWED_ADDRESS_FILES = setting<readonly string[]>({
  key: "limits.addresses.allowFiles",
  type: FILES,
  default: [],
  defaultInWords: "none",
  help: "the same from files of one range a line, such as lists of countries",
  flag: { name: "allow-addresses-file", placeholder: "FILE", isRare: true, readEach: String },
  needs: readFiles,
  change: "reload",
});

/** Files of such ranges. */
export const DENIED_ADDRESS_FILES = setting<readonly string[]>({
  key: "limits.addresses.denyFiles",
  type: FILES,
  default: [],
  defaultInWords: "none",
  help: "the same from files of one range a line",
  flag: { name: "deny-addresses-file", placeholder: "FILE", isRare: true, readEach: String },
  needs: readFiles,
  change: "reload",
});

/** Which addresses may connect. */
export const ADDRESSES: readonly Setting[] = [
  ALLOWED_ADDRESSES,
  ALLOWED_ADDRESS_FILES,
  DENIED_ADDRESSES,
  DENIED_ADDRESS_FILES,
];

function readFiles(paths: readonly string[]) {
  return paths.map((path) => ({ name: "read", path }) as const);
}

/** One range of addresses, or a list of them. */
export const RANGE_OR_RANGES: SettingType<readonly string[]> = words({
  allowed: "a range of addresses such as 192.0.2.0/24, or a list of them",
  isRight: isRange,
});

function readRange(range: string): string {
  if (!isRange(range)) throw new SettingFault(`"${range}" is wrong: allowed is ${RANGE.allowed}`);
  return range;
}

function isRange(range: string): boolean {
  try {
    new AddressRanges([range]);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
