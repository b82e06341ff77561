import { FILE, TOGGLE } from "../leaf_types.ts";
import { filesReplaced } from "../permission.ts";
import { type Setting, setting } from "../setting.ts";

/** Whether there is an API. */
export const API_ENABLED = setting({
  key: "api.enabled",
  type: TOGGLE,
  default: true,
  help: "whether the HTTP door has the API under /v1/, and the metrics",
  doc: "Its packages are loaded when it is asked for the first time.",
  change: "restart",
});

/** Whether anybody may read the metrics. */
export const API_OPEN_METRICS = setting({
  key: "api.openMetrics",
  type: TOGGLE,
  default: false,
  help: "whether anybody may read /metrics, without what opens the API",
  change: "reload",
});

/** Where what is changed by the API is kept. */
export const API_STATE_FILE = setting({
  key: "api.stateFile",
  type: FILE,
  defaultInWords: "none",
  help:
    "file that keeps the relays and rules of paths made by the API, so that they survive a restart",
  flag: { name: "state-file", placeholder: "FILE", isRare: true },
  needs: (path) => filesReplaced(path),
  change: "restart",
});

/** Whether there are pages for people. */
export const CONSOLE = setting({
  key: "console",
  type: TOGGLE,
  default: true,
  help: "whether the HTTP door has pages for people, at / and at the names of streams",
  option: "console",
  change: "reload",
});

/** The API, and the pages that read it. */
export const API: readonly Setting[] = [API_ENABLED, API_OPEN_METRICS, API_STATE_FILE, CONSOLE];
