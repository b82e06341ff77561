import { ACCESS } from "./settings/access.ts";
import { ADDRESSES } from "./settings/addresses.ts";
import { CLUSTER } from "./settings/cluster.ts";
import { API } from "./settings/api.ts";
import { EVENTS_AND_PROXIES } from "./settings/events.ts";
import { HLS } from "./settings/hls.ts";
import { HTTP } from "./settings/http.ts";
import { LIMITS } from "./settings/limits.ts";
import { LISTENING } from "./settings/listening.ts";
import { LOG } from "./settings/log.ts";
import { OBJECT_STORAGE } from "./settings/object_storage.ts";
import { DRAIN_TIMEOUT } from "./settings/drain.ts";
import { PATHS } from "./settings/paths.ts";
import { PROTOCOLS } from "./settings/protocols.ts";
import { RECORDING } from "./settings/recording.ts";
import { RELAYS } from "./settings/relays.ts";
import { STREAMS } from "./settings/streams.ts";
import { WORKERS } from "./settings/workers.ts";
import type { Setting } from "./setting.ts";

/**
 * All settings, in the order in which the help and the documentation have them. A new one is a row in a file of
 * `settings/`; see "How a setting is added" in CONTRIBUTING.md.
 */
export const SETTINGS: readonly Setting[] = [
  ...LISTENING,
  ...HTTP,
  ...HLS,
  ...API,
  ...ACCESS,
  ...RELAYS,
  ...RECORDING,
  ...OBJECT_STORAGE,
  ...PROTOCOLS,
  ...STREAMS,
  PATHS,
  ...LIMITS,
  WORKERS,
  ...CLUSTER,
  DRAIN_TIMEOUT,
  ...ADDRESSES,
  ...EVENTS_AND_PROXIES,
  ...LOG,
];
