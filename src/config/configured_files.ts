import { type AddressListOptions, ServerError } from "../server/mod.ts";
import { rangesOfList } from "../gate/mod.ts";
import { flagOf, isGranted } from "./permission.ts";
import type { Settings } from "./settings.ts";
import {
  ALLOWED_ADDRESS_FILES,
  ALLOWED_ADDRESSES,
  DENIED_ADDRESS_FILES,
  DENIED_ADDRESSES,
} from "./settings/addresses.ts";
import { TLS_CERT, TLS_KEY } from "./settings/listening.ts";
import type { Setting } from "./setting.ts";

/** What settings name files for, read. */
export interface ConfiguredFiles {
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly addresses?: AddressListOptions;
}

/**
 * Reads the files that settings name.
 *
 * @throws {ServerError} `permission` if one may not be read, which is never asked for; `state` if it cannot be
 */
export async function readConfiguredFiles(settings: Settings): Promise<ConfiguredFiles> {
  const [tls, addresses] = [await tlsOf(settings), await addressesOf(settings)];
  return {
    ...(tls === undefined ? {} : { tls }),
    ...(addresses === undefined ? {} : { addresses }),
  };
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
    const why = error instanceof Error ? error.message : String(error);
    throw new ServerError("state", `Cannot read ${named}: ${why}`, { cause: error });
  }
}
