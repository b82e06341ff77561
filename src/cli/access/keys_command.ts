import type { ApiClient } from "../../api/mod.ts";
import type { Command } from "../command.ts";
import { parseMediaArguments } from "../media/media_arguments.ts";
import { UsageError } from "../usage_error.ts";
import { callApi } from "./api_call.ts";
import { secondsOf } from "./sign_url_command.ts";

const HELP = `List, make and revoke the publishing keys of a running server.

Usage: weir keys URL                      list them, without their secrets
       weir keys URL make NAME… [options] make one for these streams, and print its secret, this once
       weir keys URL revoke ID            revoke one: whoever publishes by it is ended

URL is where the API of the server is: http://localhost:8080

  --expires TIME    how long a new key is good: 90s, 30m, 12h, 7d (default: for ever)

The token of the API is asked for, or read from standard input up to the end of the line. Keys that are made so are gone
with the server, unless it has --keys-file; those of its configuration are listed, and cannot be revoked here.

Permissions: --allow-net=HOST.
Exit codes: 0 when that is done, 1 when the server cannot be reached or refuses, 2 when the arguments are wrong.
`;

/** `weir keys`. */
export const keysCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals: [url, action, ...words], values } = parseMediaArguments(args, {
      flags: [],
      values: ["expires"],
    });
    if (url === undefined || !/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw new UsageError(
        "the URL of the API is missing or wrong: allowed is http://HOST[:PORT] or https:",
      );
    }
    const run = actionOf({ action, words, expires: values["expires"] });
    return await callApi(url, run);
  },
};

/** What is to be done; all that is wrong with the arguments is said before a token is asked for. */
function actionOf({ action, words, expires }: {
  readonly action: string | undefined;
  readonly words: readonly string[];
  readonly expires: string | undefined;
}): (api: ApiClient) => Promise<void> {
  if (expires !== undefined && action !== "make") throw new UsageError("--expires is of make");
  if (action === undefined) return list;
  if (action === "make" && words.length > 0) {
    const ms = expires === undefined ? undefined : secondsOf(expires) * 1000;
    return async (api) => {
      const options = ms === undefined ? {} : { expiresAt: new Date(Date.now() + ms) };
      console.log((await api.makeKey(words, options)).secret);
    };
  }
  const [id, ...others] = words;
  if (action === "revoke" && id !== undefined && others.length === 0) {
    return async (api) => {
      await api.revokeKey(id);
      console.log(`${id} is revoked`);
    };
  }
  throw new UsageError("keys takes URL, URL make NAME…, or URL revoke ID");
}

async function list(api: ApiClient): Promise<void> {
  let after: string | undefined;
  do {
    const page = await api.keys({ after });
    for (const { id, streams, expiresAt } of page.items) {
      const until = expiresAt === undefined ? "" : `  until ${expiresAt}`;
      console.log(`${id}  ${streams.join(" ")}${until}`);
    }
    after = page.next;
  } while (after !== undefined);
}
