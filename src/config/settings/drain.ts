import { time } from "../leaf_types.ts";
import { serverNumber } from "../server_number.ts";
import type { Setting } from "../setting.ts";

/** How long clients may take to leave a server that goes out of service. */
export const DRAIN_TIMEOUT: Setting<number> = serverNumber({
  key: "drain.timeout",
  as: time,
  default: 10_000,
  help: "how long clients may take to leave when the server is drained; unlimited for no bound",
  doc:
    "`weir drain`, the API and SIGTERM drain a server: nobody new is let in, clients are sent to other machines of the " +
    "cluster in the words of their protocols, and those that are left then are ended. A server that is of no cluster " +
    "stops at once on SIGTERM, unless this setting is given. A second signal, and SIGINT, ends the wait.",
  flag: { name: "drain-timeout", placeholder: "TIME" },
  option: "drainTimeoutMs",
  change: "reload",
});
