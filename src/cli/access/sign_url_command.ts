import { signPermission } from "../../access/mod.ts";
import type { Command } from "../command.ts";
import { ExitCode } from "../exit_code.ts";
import { parseMediaArguments } from "../media/media_arguments.ts";
import { UsageError } from "../usage_error.ts";
import { readSecret } from "./read_secret.ts";

const HELP = `Sign the URL of a stream, so that whoever has it may play or publish until it expires.

Usage: weir sign-url URL [options]

  --action ACTION    play or publish (default play)
  --expires TIME     how long it is good: 90s, 30m, 12h, 7d (default 1h)
  --name NAME        the stream (default: what the URL names; of HTTP without what stands for the way to play it, as
                     .flv and /index.m3u8 do)

The secret, one of access.signingSecrets, is asked for, or read from standard input up to the end of the line: it is no
argument, as everybody on the machine sees those.

Permissions: none.
`;

/** What the path of a URL of HTTP has behind the name of the stream. */
const WAY_OF_HTTP = /(?:\/(?:index\.m3u8|clip\.mp4|whep|whip)|\.(?:flv|ts|mp4))$/;

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `weir sign-url`. */
export const signUrlCommand: Command = {
  help: HELP,
  async run(args) {
    const { positionals, values } = parseMediaArguments(args, {
      flags: [],
      values: ["action", "expires", "name"],
    });
    const [url, ...rest] = positionals;
    if (url === undefined || rest.length > 0) throw new UsageError("sign-url needs one URL");
    const { action = "play", expires = "1h", name = nameOf(url) } = values;
    if (action !== "play" && action !== "publish") {
      throw new UsageError(`--action "${action}" is wrong: allowed is play or publish`);
    }
    const expiresAtS = Math.floor(Date.now() / 1000) + secondsOf(expires);
    const secret = await readSecret("Secret");
    console.log(withQuery(url, signed(secret, { action, name, expiresAtS })));
    return ExitCode.Stopped;
  },
};

function signed(...permission: Parameters<typeof signPermission>): URLSearchParams {
  try {
    return signPermission(...permission);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(error.message);
  }
}

/**
 * The seconds of a time that something is good for.
 *
 * @throws {UsageError} if it is none
 */
export function secondsOf(text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit ?? ""] ?? NaN);
  if (seconds > 0) return seconds;
  throw new UsageError(
    `--expires "${text}" is wrong: allowed is a time such as 90s, 30m, 12h or 7d`,
  );
}

/** The stream that the path of a URL names. */
function nameOf(url: string): string {
  const path = /^[a-z]+:\/\/[^/?#]+\/+([^?#]+)/i.exec(url)?.[1];
  if (path === undefined) throw new UsageError("the URL names no stream");
  try {
    const name = decodeURIComponent(path);
    return /^https?:/i.test(url) ? name.replace(WAY_OF_HTTP, "") : name;
  } catch {
    throw new UsageError("the URL has malformed percent-encoding");
  }
}

function withQuery(url: string, query: URLSearchParams): string {
  return `${url}${url.includes("?") ? "&" : "?"}${query}`;
}
