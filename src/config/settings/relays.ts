import { checkRelays, type RelayOptions, RelayPatternError } from "../../server/mod.ts";
import { choice, FILE, number, text, time, TOGGLE } from "../leaf_types.ts";
import { SettingFault } from "../setting_fault.ts";
import { type GroupType, type GroupValue, type Setting, setting } from "../setting.ts";

/** A time of a relay, which is more than nothing. */
const RELAY_TIME = time({ min: 1, max: 2 ** 31 - 1, isWhole: false });

/** The name of a stream, or a pattern of names. */
const NAME = text({ allowed: "the NAME of a stream, or a pattern such as live/*" });

/** Where a relay fetches from, or forwards to: it may have a password or a key. */
const URL_OF_RELAY = text({
  allowed: "a URL of rtmp, rtmps, rtsp or rtsps",
  pattern: /^(rtmps?|rtsps?):\/\/./i,
  isSecret: true,
});

const ABOUT_PATTERNS =
  "There may be several. NAME may be a pattern: `live/*` is any stream that someone wants, or that is published. A `*` stands " +
  "for one segment, at the end of NAME for one or more; the URL has as many, in its path or query.";

/** What a relay has beside its name and URL. */
function timesOf(mode: "pull" | "push"): readonly Setting[] {
  return [
    setting({
      key: "transport",
      type: choice(["auto", "udp", "tcp"]),
      defaultInWords: mode === "pull" ? "auto, UDP and then TCP" : "auto, TCP and then UDP",
      help: "what carries the media of RTSP",
      change: "reload",
    }),
    setting({
      key: "retry",
      type: RELAY_TIME,
      defaultInWords: "500ms",
      help: "wait after the first failure; it doubles with each",
      change: "reload",
    }),
    setting({
      key: "maxRetry",
      type: RELAY_TIME,
      defaultInWords: mode === "pull" ? "5s" : "30s",
      help: "longest wait after a failure",
      change: "reload",
    }),
    setting({
      key: "maxStreams",
      type: number({ min: 1, max: Infinity, isWhole: true }),
      defaultInWords: "100",
      help: "streams that a pattern relays at one time; further ones wait for room",
      change: "reload",
    }),
  ];
}

/** What a pull has beside its name and URL. */
const PULL_TIMES: readonly Setting[] = [
  setting({
    key: "onDemand",
    type: TOGGLE,
    defaultInWords: "as `relays.onDemand`",
    help: "whether it runs only while someone watches; a pattern always does",
    change: "reload",
  }),
  setting({
    key: "idle",
    type: RELAY_TIME,
    defaultInWords: "5s",
    help: "how long a pull on demand goes on without anyone who watches",
    change: "reload",
  }),
  setting({
    key: "backchannel",
    type: TOGGLE,
    defaultInWords: "false",
    help: "whether players who may talk are heard by a camera of RTSP that has a loudspeaker",
    change: "reload",
  }),
  setting({
    key: "silent",
    type: RELAY_TIME,
    defaultInWords: "10s",
    help: "how long it may get nothing before it is tried anew",
    change: "reload",
  }),
];

const NAME_AND_URL: readonly Setting[] = [
  setting({ key: "name", type: NAME, help: "the stream here, or a pattern", change: "reload" }),
  setting({
    key: "url",
    type: URL_OF_RELAY,
    help: "the stream at the other server; where the name is a pattern, with as many *",
    change: "reload",
  }),
];

/** What is fetched for the streams of a path: as above, without the name. */
export const PATH_PULL: GroupType = {
  kind: "group",
  settings: [NAME_AND_URL[1]!, ...PULL_TIMES, ...timesOf("pull")],
  required: ["url"],
};

/** Where the streams of a path are forwarded to. */
export const PATH_PUSH: GroupType = {
  kind: "group",
  settings: [NAME_AND_URL[1]!, ...timesOf("push")],
  required: ["url"],
};

const PULL: GroupType = {
  kind: "group",
  settings: [...NAME_AND_URL, ...PULL_TIMES, ...timesOf("pull")],
  required: ["name", "url"],
  check: (values) => checkRelay(relayOf("pull", values)),
};

const PUSH: GroupType = {
  kind: "group",
  settings: [...NAME_AND_URL, ...timesOf("push")],
  required: ["name", "url"],
  check: (values) => checkRelay(relayOf("push", values)),
};

/** Streams that are fetched. */
export const RELAYS_PULL = setting<readonly GroupValue[]>({
  key: "relays.pull",
  type: { kind: "list", of: PULL },
  default: [],
  defaultInWords: "none",
  help: "fetch the stream NAME from a URL of rtmp, rtmps, rtsp or rtsps",
  doc: ABOUT_PATTERNS,
  flag: {
    name: "pull",
    placeholder: "NAME=URL",
    allowed: "NAME=URL",
    readEach: (value) => nameAndUrl("pull", value),
  },
  change: "reload",
});

/** Whether streams are fetched only while someone watches. */
export const RELAYS_ON_DEMAND = setting({
  key: "relays.onDemand",
  type: TOGGLE,
  default: false,
  help: "fetch streams only while someone watches them",
  flag: { name: "on-demand" },
  change: "reload",
});

/** Streams that are forwarded. */
export const RELAYS_PUSH = setting<readonly GroupValue[]>({
  key: "relays.push",
  type: { kind: "list", of: PUSH },
  default: [],
  defaultInWords: "none",
  help: "forward the stream NAME to a URL of rtmp, rtmps, rtsp or rtsps",
  doc: ABOUT_PATTERNS,
  flag: {
    name: "push",
    placeholder: "NAME=URL",
    allowed: "NAME=URL",
    readEach: (value) => nameAndUrl("push", value),
  },
  change: "reload",
});

/** Files of such streams. */
export const RELAYS_PULL_FILES = setting<readonly string[]>({
  key: "relays.pullFiles",
  type: { kind: "list", of: FILE },
  default: [],
  defaultInWords: "none",
  help:
    "fetch the streams that a file has, as NAME=URL, one a line: so that no password is an argument",
  flag: { name: "pull-file", placeholder: "FILE", readEach: String },
  needs: (paths) => paths.map((path) => ({ name: "read", path })),
  change: "reload",
});

/** Files of streams that are forwarded. */
export const RELAYS_PUSH_FILES = setting<readonly string[]>({
  key: "relays.pushFiles",
  type: { kind: "list", of: FILE },
  default: [],
  defaultInWords: "none",
  help: "forward the streams that a file has, as NAME=URL, one a line",
  flag: { name: "push-file", placeholder: "FILE", readEach: String },
  needs: (paths) => paths.map((path) => ({ name: "read", path })),
  change: "reload",
});

/** Streams that are fetched from, or forwarded to, other servers. */
export const RELAYS: readonly Setting[] = [
  RELAYS_PULL,
  RELAYS_ON_DEMAND,
  RELAYS_PUSH,
  RELAYS_PULL_FILES,
  RELAYS_PUSH_FILES,
];

/** Makes the options of a relay of what a file or the command line says of it. */
export function relayOf(
  mode: "pull" | "push",
  values: GroupValue,
  options: { readonly onDemand?: boolean } = {},
): RelayOptions {
  const name = values.get("name") as string;
  const onDemand = (values.get("onDemand") as boolean | undefined) ?? options.onDemand ?? false;
  // A pattern is on demand by nature.
  const on = name.includes("*") || onDemand ? "demand" : "always";
  return {
    mode,
    name,
    url: values.get("url") as string,
    ...(mode === "pull" ? { on } : {}),
    ...Object.fromEntries(
      Object.entries(OPTION_OF_KEY).flatMap(([key, option]) =>
        values.has(key) ? [[option, values.get(key)]] : []
      ),
    ),
  };
}

/** The options of relays by key, where they are taken over as they are. */
const OPTION_OF_KEY: Readonly<Record<string, keyof RelayOptions>> = {
  transport: "transport",
  retry: "retryMs",
  maxRetry: "maxRetryMs",
  maxStreams: "maxStreams",
  idle: "idleMs",
  silent: "silentMs",
  backchannel: "backchannel",
};

/**
 * Reads `NAME=URL`.
 *
 * @throws {SettingFault} if it is wrong; the URL, which may have credentials, is not repeated
 */
export function nameAndUrl(mode: "pull" | "push", value: string): GroupValue {
  const parts = /^([^=]+)=([a-z]+:\/\/.*)$/is.exec(value);
  if (parts === null) throw new SettingFault("is wrong: allowed is NAME=URL");
  const values = new Map([["name", parts[1]!], ["url", parts[2]!]]);
  checkRelay(relayOf(mode, values));
  return values;
}

/**
 * Checks a relay.
 *
 * @throws {SettingFault} if it is wrong
 */
export function checkRelay(relay: RelayOptions): void {
  try {
    checkRelays([relay]);
  } catch (error) {
    const why = error instanceof RelayPatternError
      ? error.message
      : "allowed is the name of a stream, and a URL of rtmp, rtmps, rtsp or rtsps";
    throw new SettingFault(`is wrong: ${why}`);
  }
}
