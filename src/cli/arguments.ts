import { parseArgs } from "@std/cli/parse-args";
import {
  checkRelays,
  checkServerNumber,
  type EnhancedPolicy,
  type ListenAddress,
  type LossPolicy,
  parseListenAddress,
  parseMulticastRange,
  type RelayOptions,
  RelayPatternError,
  SERVER_BOUNDS,
} from "../server/mod.ts";
import { UsageError } from "./usage_error.ts";

/** The command line asks to serve. */
export interface ServeRequest {
  readonly command: "serve";
  readonly rtmp: ListenAddress | false;
  readonly rtmps: ListenAddress | false;
  readonly rtsps: ListenAddress | false;
  /** Files of the certificate and its key; both or none. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** How long a player waits for a stream, milliseconds; `undefined` for the defaults. */
  readonly waitMs: number | undefined;
  readonly rtsp: ListenAddress | false;
  readonly rtp: ListenAddress | false;
  /** What RTMP players that announce nothing of Enhanced RTMP are sent. */
  readonly enhanced: EnhancedPolicy;
  /** What becomes of pictures after a loss of RTP packets, for RTMP players. */
  readonly onLoss: LossPolicy;
  /** Groups that RTSP players may ask for; `undefined` for no multicast. */
  readonly multicast: string | undefined;
  /** Streams that are fetched from, and forwarded to, other servers. */
  readonly relays: readonly RelayOptions[];
  readonly logLevel: LogLevelName;
  readonly logFormat: "text" | "json";
}

/** What the command line asks for. */
export type CliRequest =
  | ServeRequest
  | { readonly command: "help" }
  | { readonly command: "version" };

/** Names of log levels, from the most to the least talkative. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Name of a log level. */
export type LogLevelName = typeof LOG_LEVELS[number];

export { UsageError } from "./usage_error.ts";

/** What `--help` prints. */
export const HELP = `weir, an edge live-streaming server: encoders publish, players play.

Usage: deno run --allow-net mod.ts [serve] [options]

Options:
  --rtmp [HOST:]PORT|off   where RTMP is listened for (default :1935, IPv4; [::]:1935 is IPv6 too)
  --rtsp [HOST:]PORT|off   where RTSP is listened for (default :8554)
  --rtp PORT|off           UDP port of RTP, even; RTCP is the next port (default 8000)
  --multicast GROUP[/N]    IPv4 groups for RTSP players that ask for multicast (default none)
  --rtmps [HOST:]PORT      where RTMP over TLS is listened for
  --rtsps [HOST:]PORT      where RTSP over TLS is listened for
  --cert FILE --key FILE   certificate chain and private key of TLS, PEM; SIGHUP reads them again
  --pull NAME=URL          fetch the stream NAME from a URL of rtmp, rtmps, rtsp or rtsps
  --on-demand              fetch streams only while someone watches them
  --push NAME=URL          forward the stream NAME to such a URL; like --pull more than once
                           NAME may be a pattern: --pull 'live/*=rtmp://host/live/*' fetches any
                           stream that someone wants, --push any that is published; a * stands for
                           one segment, at the end of NAME for one or more
  --enhanced POLICY        what RTMP players are sent that announce nothing of Enhanced RTMP: what has no
                           older form (strip, the default), everything (pass), nothing (strict)
  --on-loss POLICY         what RTMP players are sent when packets of a publisher are lost: all pictures,
                           as far as they came (pass, the default), none up to the next key frame (key-frame)
  --wait SECONDS           how long a player waits for a stream (default 10, RTSP 3)
  --log-level LEVEL        debug, info, warn or error (default info)
  --log-format FORMAT      text or json (default text)
  --help                   print this
  --version                print the version

Publish:  ffmpeg -re -i in.mp4 -c copy -f flv rtmp://localhost/live/cam
          ffmpeg -re -i in.mp4 -c copy -f rtsp rtsp://localhost:8554/live/cam
Play:     ffplay rtmp://localhost/live/cam
          ffplay rtsp://localhost:8554/live/cam
`;

/**
 * Parses the arguments of the command.
 *
 * @throws {UsageError} if an option is unknown, repeated, lacks its value or has a wrong one
 */
export function parseArguments(args: readonly string[]): CliRequest {
  const parsed = parseArgs(withNegativeValues(args), {
    boolean: ["help", "version", "on-demand"],
    string: [...VALUE_OPTIONS, ...RELAY_OPTIONS],
    collect: [...VALUE_OPTIONS, ...RELAY_OPTIONS],
    alias: { h: "help", V: "version" },
    unknown: (argument, key) => {
      if (key !== undefined) throw new UsageError(`unknown option ${argument}: see --help`);
    },
  });
  if (parsed.help) return { command: "help" };
  if (parsed.version) return { command: "version" };
  for (const name of [...VALUE_OPTIONS, ...RELAY_OPTIONS]) {
    if (parsed[name].includes("")) {
      throw new UsageError(
        `--${name} lacks its value: allowed is ${ALLOWED[name] ?? "a value, see --help"}`,
      );
    }
  }
  const value = (name: typeof VALUE_OPTIONS[number]): string | undefined =>
    single(name, parsed[name]);
  const rtmp = listenAddress("rtmp", value("rtmp") ?? ":1935");
  const rtsp = listenAddress("rtsp", value("rtsp") ?? ":8554");
  const rtmps = listenAddress("rtmps", value("rtmps") ?? "off");
  const rtsps = listenAddress("rtsps", value("rtsps") ?? "off");
  const multicast = multicastRange(value("multicast"));
  if (multicast !== undefined && rtsp === false) throw new UsageError("--multicast needs --rtsp");
  const allRelays = relays(parsed, parsed["on-demand"] ? "demand" : "always");
  const isClosed = [rtmp, rtmps, rtsp, rtsps].every((address) => address === false);
  if (isClosed && allRelays.length === 0) {
    throw new UsageError("nothing to do: all of RTMP and RTSP is off, and there is no relay");
  }
  const unfed = allRelays.find(({ mode, name }) =>
    mode === "push" && !allRelays.some((other) => other.mode === "pull" && feeds(other.name, name))
  );
  if (isClosed && unfed !== undefined) {
    throw new UsageError(
      `--push ${unfed.name} has nothing to forward, as all of RTMP and RTSP is off: open a port, or --pull it`,
    );
  }
  const request: ServeRequest = {
    command: "serve",
    rtmp,
    rtmps,
    rtsp,
    rtsps,
    rtp: rtpAddress(value("rtp") ?? "8000", rtsp),
    enhanced: choice("enhanced", value("enhanced") ?? "strip", ENHANCED_POLICIES),
    onLoss: choice("on-loss", value("on-loss") ?? "pass", LOSS_POLICIES),
    multicast,
    relays: allRelays,
    tls: tlsFiles(value("cert"), value("key"), rtmps !== false || rtsps !== false),
    waitMs: waitMs(value("wait")),
    logLevel: choice("log-level", value("log-level") ?? "info", LOG_LEVELS),
    logFormat: choice("log-format", value("log-format") ?? "text", ["text", "json"]),
  };
  // After the options: an empty value (`--rtmp ""`) also leaves an empty argument behind.
  checkPositionals(parsed._);
  return request;
}

function checkPositionals([command, ...rest]: readonly (string | number)[]): void {
  if (command !== undefined && command !== "serve") {
    throw new UsageError(`unknown command "${command}": allowed is serve`);
  }
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}": see --help`);
}

const LOSS_POLICIES = ["pass", "key-frame"] as const;
const ENHANCED_POLICIES = ["strip", "pass", "strict"] as const;

/** What the values of options look like, where it can be said in a few words. */
const ALLOWED: Readonly<Record<string, string>> = {
  rtmp: "[HOST:]PORT or off",
  rtmps: "[HOST:]PORT or off",
  rtsp: "[HOST:]PORT or off",
  rtsps: "[HOST:]PORT or off",
  rtp: "an even PORT or off",
  cert: "a FILE",
  key: "a FILE",
  pull: "NAME=URL",
  push: "NAME=URL",
  wait: "a number of seconds",
};

/** Whether a pull of `pulled`, which may be a pattern, can bring the stream `pushed`. */
function feeds(pulled: string, pushed: string): boolean {
  return pulled === pushed || pulled.includes("*") || pushed.includes("*");
}

/** Joins a value that begins with a minus sign to its option: by itself it would be taken for an option. */
function withNegativeValues(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const argument of args) {
    const before = joined.at(-1);
    const isValue = /^-[\d.]/.test(argument) && before !== undefined &&
      VALUE_OPTIONS.some((name) => before === `--${name}`);
    if (isValue) joined[joined.length - 1] = `${before}=${argument}`;
    else joined.push(argument);
  }
  return joined;
}

/** Options that have a value; each may be given once. */
const VALUE_OPTIONS = [
  "rtmp",
  "rtmps",
  "rtsp",
  "rtsps",
  "rtp",
  "multicast",
  "cert",
  "key",
  "enhanced",
  "on-loss",
  "wait",
  "log-level",
  "log-format",
] as const;

/** Options that may be given more than once. */
const RELAY_OPTIONS = ["pull", "push"] as const;

/** RTP is at the address that RTSP is at. */
function rtpAddress(text: string, rtsp: ListenAddress | false): ListenAddress | false {
  if (text === "off") return false;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_534 || port % 2 !== 0) {
    throw new UsageError(`--rtp "${text}" is wrong: allowed is an even PORT up to 65534, or off`);
  }
  if (rtsp === false) return false;
  return rtsp.hostname === undefined ? { port } : { hostname: rtsp.hostname, port };
}

function multicastRange(text: string | undefined): string | undefined {
  if (text === undefined || text === "off") return undefined;
  try {
    parseMulticastRange(text);
    return text;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(
      `--multicast "${text}" is wrong: allowed is 224.0.1.0 to 239.255.255.255, with /4 to /32, or off`,
    );
  }
}

function relays(
  { pull, push }: { readonly pull: readonly string[]; readonly push: readonly string[] },
  on: "always" | "demand",
): RelayOptions[] {
  if (on === "demand" && pull.length === 0) throw new UsageError("--on-demand needs --pull");
  const all: RelayOptions[] = [
    ...pull.map((text) => {
      const relay = nameAndUrl("pull", text);
      // A pattern is on demand by nature.
      return { ...relay, on: relay.name.includes("*") ? "demand" as const : on };
    }),
    ...push.map((text) => nameAndUrl("push", text)),
  ];
  try {
    checkRelays(all);
  } catch {
    throw new UsageError("--pull names a stream twice, or --push a URL: once is allowed");
  }
  return all;
}

/** No message repeats the URL, which may have credentials. */
function nameAndUrl(mode: "pull" | "push", text: string): RelayOptions {
  const parts = /^([^=]+)=([a-z]+:\/\/.*)$/is.exec(text);
  if (parts === null) throw new UsageError(`--${mode} is wrong: allowed is NAME=URL`);
  const relay: RelayOptions = { mode, name: parts[1]!, url: parts[2]! };
  try {
    checkRelays([relay]);
    return relay;
  } catch (error) {
    if (error instanceof RelayPatternError) {
      throw new UsageError(`--${mode} is wrong: ${error.message}`);
    }
    throw new UsageError(
      `--${mode} is wrong: allowed is the name of a stream, and a URL of rtmp, rtmps, rtsp or rtsps`,
    );
  }
}

function tlsFiles(
  cert: string | undefined,
  key: string | undefined,
  isNeeded: boolean,
): { readonly cert: string; readonly key: string } | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert !== undefined || key !== undefined) {
    throw new UsageError(
      `--cert and --key belong together: --${cert === undefined ? "cert" : "key"} is missing`,
    );
  }
  if (isNeeded) throw new UsageError("--rtmps and --rtsps need --cert and --key");
  return undefined;
}

/** A time in seconds, as milliseconds; what a server takes is in its table of bounds. */
function waitMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text) * 1000;
  try {
    checkServerNumber("timing.playWaitMs", /^\d+(\.\d+)?$/.test(text) ? value : NaN);
    return value;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const { max } = SERVER_BOUNDS["timing.playWaitMs"]!;
    throw new UsageError(
      `--wait "${text}" is wrong: allowed is a number of seconds from 0 to ${
        Math.floor(max / 1000)
      }`,
    );
  }
}

function single(name: string, values: readonly string[] | undefined): string | undefined {
  if (values !== undefined && values.length > 1) {
    throw new UsageError(`--${name} is given ${values.length} times: once is allowed`);
  }
  return values?.[0];
}

function listenAddress(name: string, text: string): ListenAddress | false {
  if (text === "off") return false;
  try {
    return parseListenAddress(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--${name} "${text}" is wrong: allowed is [HOST:]PORT or off`);
  }
}

function choice<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) {
    throw new UsageError(`--${name} "${text}" is wrong: allowed is ${allowed.join(", ")}`);
  }
  return found;
}
