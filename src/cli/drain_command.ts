import type { ApiClient } from "../api/mod.ts";
import { DRAIN_TIMEOUT, SettingFault } from "../config/mod.ts";
import { pause } from "../hub/mod.ts";
import { systemClock } from "../transport/mod.ts";
import { callApi } from "./access/api_call.ts";
import type { Command } from "./command.ts";
import { parseMediaArguments } from "./media/media_arguments.ts";
import { UsageError } from "./usage_error.ts";

const HELP =
  `Take a running server out of service: it lets nobody new in, its clients go to other machines of the cluster
in the words of their protocols, and those that are left in the end are ended.

Usage: weir drain URL [options]

URL is where the API of the server is: http://localhost:8080

  --timeout TIME    how long clients may take: 30s, 5m, unlimited (default: the server's drain.timeout)
  --node NAME       drain this machine of the server's cluster instead, and do not wait
  --undo            let everybody in again
  --no-wait         do not wait until all have left

The token of the API is asked for, or read from standard input up to the end of the line: it is no argument, as everybody
on the machine sees those.

Permissions: --allow-net=HOST.
Exit codes: 0 when that is done, 1 when the server cannot be reached or refuses, 2 when the arguments are wrong.
`;

/** It is looked so often how many are left, milliseconds. */
const LOOK_MS = 500;

/** `weir drain`. */
export const drainCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, flags, values } = parseMediaArguments(args, {
      flags: ["undo", "no-wait"],
      values: ["timeout", "node"],
    });
    const url = urlOf(positionals);
    const { node } = values;
    if (flags["undo"] && node !== undefined) throw new UsageError("--undo has no --node");
    const timeout = values["timeout"] === undefined ? {} : { timeoutMs: timeOf(values["timeout"]) };
    return await callApi(url, async (api) => {
      if (flags["undo"]) {
        await api.undrain();
        console.log("the server lets everybody in again");
      } else if (node !== undefined) {
        await api.drainNode(node, timeout);
        console.log(`${node} is drained`);
      } else {
        await api.drain(timeout);
        if (!flags["no-wait"]) await untilEmpty(api);
      }
    });
  },
};

/** Says how many are left, each time that this changes. */
async function untilEmpty(api: ApiClient): Promise<void> {
  let said: number | undefined;
  for (;;) {
    const { isDraining, isOver, left } = await api.drainState();
    if (!isDraining) return console.log("the drain was undone");
    if (isOver) return console.log("all have left");
    if (left !== said) console.log(left === 1 ? "1 is left" : `${left} are left`);
    said = left;
    await pause(LOOK_MS, { clock: systemClock });
  }
}

function urlOf([url, ...rest]: readonly string[]): string {
  if (url === undefined || rest.length > 0) throw new UsageError("drain needs one URL");
  if (/^https?:\/\/[^/]/.test(url) && URL.canParse(url)) return url;
  throw new UsageError("the URL of the API is wrong: allowed is http://HOST[:PORT] or https:");
}

function timeOf(text: string): number {
  const { type } = DRAIN_TIMEOUT;
  if (type.kind !== "leaf") throw new TypeError("a time is one value");
  try {
    return type.read(text);
  } catch (error) {
    if (error instanceof SettingFault) throw new UsageError(`--timeout ${error.message}`);
    throw error;
  }
}
