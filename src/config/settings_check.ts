import { checkPathRules, checkRelays, isS3Url, type RelayOptions } from "../server/mod.ts";
import { pathRulesOf } from "./path_rules_of.ts";
import { accessFaults } from "./access_options.ts";
import { ConfigError } from "./config_error.ts";
import { keyText } from "./key_text.ts";
import type { GroupValue } from "./setting.ts";
import type { KeyStep } from "./setting_fault.ts";
import type { Settings } from "./settings.ts";
import {
  MULTICAST_GROUP,
  RTMP_PORT,
  RTMPS_PORT,
  RTSP_PORT,
  RTSPS_PORT,
  TLS_CERT,
  TLS_KEY,
} from "./settings/listening.ts";
import { CLUSTER_NATS, CLUSTER_NODE, CLUSTER_SECRET, CLUSTER_URL } from "./settings/cluster.ts";
import { HTTP_PORT, HTTPS_PORT } from "./settings/http.ts";
import {
  S3_ACCESS_KEY_ID,
  S3_CREDENTIALS_FILE,
  S3_SECRET_ACCESS_KEY,
} from "./settings/object_storage.ts";
import { CLIPS, KEEP, KEEP_BYTES, RECORD } from "./settings/recording.ts";
import { pathRecordings, pathRelays, PATHS } from "./settings/paths.ts";
import { relayOf, RELAYS_ON_DEMAND, RELAYS_PULL, RELAYS_PUSH } from "./settings/relays.ts";

/**
 * Checks settings together: each by itself is right.
 *
 * @throws {ConfigError} if some cannot be together; all that is wrong
 */
export function checkSettings(settings: Settings): void {
  const problems = settingsProblems(settings);
  if (problems.length > 0) throw new ConfigError(problems);
}

/**
 * What is wrong with settings together. Of those whose keys are in `wrong` it is not known what they are: what is about
 * the section of one of them is not looked at.
 */
export function settingsProblems(
  settings: Settings,
  wrong: ReadonlySet<string> = new Set(),
): string[] {
  const sections = new Set(Array.from(wrong, (key) => key.split(".")[0]!));
  return CHECKS.flatMap(([check, ...about]) =>
    about.some((section) => sections.has(section)) ? [] : check(settings, wrong) ?? []
  );
}

/** What is wrong with settings together, in lines that begin with the name of one; `undefined` for nothing. */
type Check = (settings: Settings, wrong: ReadonlySet<string>) => string | string[] | undefined;

/** The checks, each with the sections that it is about. */
const CHECKS: readonly (readonly [Check, ...string[]])[] = [
  [multicastNeedsRtsp, "rtsp"],
  [onDemandNeedsPull, "relays"],
  [tlsFilesBelongTogether, "tls"],
  [tlsNeedsFiles, "tls", "rtmps", "rtsps", "https"],
  [relaysOnce, "relays", "paths"],
  [somethingToDo, "rtmp", "rtmps", "rtsp", "rtsps", "http", "https", "relays", "paths"],
  [pushIsFed, "rtmp", "rtmps", "rtsp", "rtsps", "http", "https", "relays", "paths"],
  [accessIsRight],
  [clusterIsWhole, "cluster"],
  [objectStorageHasKey, "s3", "record", "clips", "paths"],
  [rulesGoTogether, "paths"],
  [keepHasTime, "keep"],
];

/** All relays that settings ask for. */
export function relaysOf(settings: Settings): RelayOptions[] {
  return [
    ...listedRelays(settings),
    ...Array.from(settings.get(PATHS), ([name, rule]) => pathRelays(name, rule)).flat(),
  ];
}

/** Those that are no part of rules of paths. */
export function listedRelays(settings: Settings): RelayOptions[] {
  const onDemand = settings.get(RELAYS_ON_DEMAND);
  const { pull, push } = settings.relays;
  return [
    ...[...settings.get(RELAYS_PULL), ...pull].map((pull) => relayOf("pull", pull, { onDemand })),
    ...[...settings.get(RELAYS_PUSH), ...push].map((push) => relayOf("push", push)),
  ];
}

function rulesGoTogether(settings: Settings): string | undefined {
  try {
    checkPathRules(pathRulesOf(settings.get(PATHS)));
    return undefined;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    return `${settings.nameOf(PATHS)}: ${error.message}`;
  }
}

/** Nothing is kept where no time is said, and bytes alone would say otherwise. */
function keepHasTime(settings: Settings): string | undefined {
  if (!settings.isGiven(KEEP_BYTES) || settings.isGiven(KEEP)) return;
  return `${settings.nameOf(KEEP_BYTES)} needs ${settings.nameOf(KEEP)}, which may be unlimited`;
}

function multicastNeedsRtsp(settings: Settings): string | undefined {
  if (settings.get(MULTICAST_GROUP) === undefined || settings.get(RTSP_PORT) !== false) return;
  return `${settings.nameOf(MULTICAST_GROUP)} needs ${settings.nameOf(RTSP_PORT)}`;
}

function onDemandNeedsPull(settings: Settings): string | undefined {
  if (!settings.get(RELAYS_ON_DEMAND) || settings.get(RELAYS_PULL).length > 0) return;
  if (settings.relays.pull.length > 0) return;
  // A file may say so before there is anything to pull.
  if (settings.file !== undefined) return;
  return `${settings.nameOf(RELAYS_ON_DEMAND)} needs ${settings.nameOf(RELAYS_PULL)}`;
}

function tlsFilesBelongTogether(settings: Settings): string | undefined {
  const [cert, key] = [settings.get(TLS_CERT), settings.get(TLS_KEY)];
  if ((cert === undefined) === (key === undefined)) return;
  const [there, missing] = cert === undefined ? [TLS_KEY, TLS_CERT] : [TLS_CERT, TLS_KEY];
  return `${settings.nameOf(there)} and ${settings.nameOf(missing)} belong together: ${
    settings.nameOf(missing)
  } is missing`;
}

function tlsNeedsFiles(settings: Settings): string | undefined {
  if (settings.get(TLS_CERT) !== undefined || settings.get(TLS_KEY) !== undefined) return;
  const needing = [RTMPS_PORT, RTSPS_PORT, HTTPS_PORT].find((row) => settings.get(row) !== false);
  if (needing === undefined) return;
  return `${settings.nameOf(needing)} needs ${settings.nameOf(TLS_CERT)} and ${
    settings.nameOf(TLS_KEY)
  }`;
}

/** All rules of recordings: of `record`, and of paths. */
export function recordingsOf(settings: Settings): readonly GroupValue[] {
  return [...settings.get(RECORD), ...pathRecordings(settings.get(PATHS))];
}

/** What says that a machine is one of a cluster belongs together. */
function clusterIsWhole(settings: Settings): string | undefined {
  const rows = [CLUSTER_NODE, CLUSTER_URL, CLUSTER_SECRET, CLUSTER_NATS];
  const missing = rows.find((row) => !settings.isGiven(row));
  const there = rows.find((row) => settings.isGiven(row));
  if (missing === undefined || there === undefined) return;
  return `${settings.nameOf(there)} needs ${settings.nameOf(missing)}`;
}

function objectStorageHasKey(settings: Settings): string | undefined {
  const [id, secret] = [S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY];
  const folders = recordingsOf(settings).map((rule) => rule.get("folder") as string);
  const isUsed = [...folders, settings.get(CLIPS) ?? ""].some(isS3Url);
  if (settings.isGiven(S3_CREDENTIALS_FILE)) return;
  const missing = [id, secret].find((row) => !settings.isGiven(row));
  const there = [id, secret].find((row) => settings.isGiven(row));
  if (missing === undefined || !isUsed && there === undefined) return;
  return `${settings.nameOf(there ?? RECORD)} needs ${settings.nameOf(missing)}, or ${
    settings.nameOf(S3_CREDENTIALS_FILE)
  }`;
}

function relaysOnce(settings: Settings): string | undefined {
  try {
    checkRelays(relaysOf(settings));
    return undefined;
  } catch (error) {
    return `${settings.nameOf(settings.isGiven(RELAYS_PULL) ? RELAYS_PULL : RELAYS_PUSH)}: ${
      error instanceof Error ? error.message : error
    }`;
  }
}

function isClosed(settings: Settings): boolean {
  const doors = [RTMP_PORT, RTMPS_PORT, RTSP_PORT, RTSPS_PORT, HTTP_PORT, HTTPS_PORT];
  return doors.every((row) => settings.get(row) === false);
}

function somethingToDo(settings: Settings): string | undefined {
  if (!isClosed(settings) || relaysOf(settings).length > 0) return;
  return "nothing to do: all of RTMP, RTSP and HTTP is off, and there is no relay";
}

function pushIsFed(settings: Settings): string | undefined {
  if (!isClosed(settings)) return;
  const relays = relaysOf(settings);
  const unfed = relays.find(({ mode, name }) =>
    mode === "push" && !relays.some((other) => other.mode === "pull" && feeds(other.name, name))
  );
  if (unfed === undefined) return;
  return `${
    settings.nameOf(RELAYS_PUSH)
  } ${unfed.name} has nothing to forward, as all of RTMP, RTSP and HTTP is off: open a port, or ${
    settings.nameOf(RELAYS_PULL)
  } it`;
}

/** Whether a pull of `pulled`, which may be a pattern, can bring the stream `pushed`. */
function feeds(pulled: string, pushed: string): boolean {
  return pulled === pushed || pulled.includes("*") || pushed.includes("*");
}

function accessIsRight(settings: Settings, wrong: ReadonlySet<string>): string[] {
  const { file } = settings;
  const isWhole = ([section]: readonly KeyStep[]): boolean =>
    !wrong.keys().some((key) =>
      key === `access.${section}` || key.startsWith(`access.${section}.`)
    );
  return accessFaults(settings).filter(({ path }) => isWhole(path)).map(({ path, message }) => {
    const key = keyText(["access", ...path]);
    return file === undefined
      ? `${key}: ${message}`
      : `${file.placeOf(["access", ...path])} ${key}: ${message}`;
  });
}
