import {
  checkEventOptions,
  type EventCommandOptions,
  EventOptionsError,
  SERVER_EVENT_NAMES,
  type WebhookOptions,
} from "../../events/mod.ts";
import { number, text, time, words } from "../leaf_types.ts";
import { RANGE_OR_RANGES } from "./addresses.ts";
import { reaching } from "../reaching.ts";
import { type GroupType, type GroupValue, type Setting, setting } from "../setting.ts";
import { SettingFault } from "../setting_fault.ts";

const EVENTS = SERVER_EVENT_NAMES.join(", ");

const PATTERNS = words({ allowed: "a pattern of names such as live/*, or a list of them" });

const WEBHOOK: GroupType = {
  kind: "group",
  settings: [
    setting({
      key: "url",
      type: text({
        allowed: "a URL of http or https",
        pattern: /^https?:\/\/./,
        isSecret: true,
      }),
      help: "where events are posted to, as JSON of type, timestamp and data",
      change: "reload",
    }),
    setting({
      key: "secret",
      type: text({ allowed: "a secret of at least 16 characters", isSecret: true }),
      defaultInWords: "nothing is signed",
      help: "signs what is posted, as Standard Webhooks have it; whsec_ and base64, or a text",
      change: "reload",
    }),
    setting({
      key: "events",
      type: words({ values: SERVER_EVENT_NAMES, allowed: EVENTS }),
      defaultInWords: "all",
      help: "the events that are posted",
      change: "reload",
    }),
    setting({
      key: "timeout",
      type: time({ min: 1, max: 600_000, isWhole: true }),
      defaultInWords: "5s",
      help: "how long the answer may take",
      change: "reload",
    }),
    setting({
      key: "retries",
      type: number({ min: 0, max: 100, isWhole: true }),
      defaultInWords: "5",
      help: "how often an event that was not taken is posted again, after 1, 2, 4, 8 … s",
      change: "reload",
    }),
    setting({
      key: "maxQueue",
      type: number({ min: 1, max: 1_000_000, isWhole: true }),
      defaultInWords: "1000",
      help: "events that may wait to be posted; further ones are left out, and counted",
      change: "reload",
    }),
  ],
  required: ["url"],
  check: (values) => check({ webhooks: [webhookOf(values)] }),
};

/** URLs that are told of what happens. */
export const WEBHOOKS = setting<readonly GroupValue[]>({
  key: "webhooks",
  type: { kind: "list", of: WEBHOOK },
  default: [],
  defaultInWords: "none",
  help: "URLs that are told of what happens",
  needs: (webhooks) => webhooks.flatMap((one) => reaching(one.get("url") as string)),
  change: "reload",
});

const COMMAND: GroupType = {
  kind: "group",
  settings: [
    setting({
      key: "on",
      type: text({
        allowed: EVENTS,
        pattern: new RegExp(`^(${SERVER_EVENT_NAMES.join("|")})$`),
      }),
      help: "at what it is run: at stream-ready as long as the stream lives, at all others once",
      change: "reload",
    }),
    setting({
      key: "run",
      type: words({ allowed: "a list of a program and its arguments" }),
      help:
        "the program and its arguments, without a shell; {stream}, {app}, {name}, {user}, {address}, {protocol}, {connection}, {rtmp} and {rtsp} stand for values",
      change: "reload",
    }),
    setting({
      key: "paths",
      type: PATTERNS,
      defaultInWords: "all",
      help: "the streams that it is run for",
      change: "reload",
    }),
  ],
  required: ["on", "run"],
  check: (values) => check({ commands: [commandOf(values)] }),
};

/** Programs that are run at what happens. */
export const COMMANDS = setting<readonly GroupValue[]>({
  key: "commands",
  type: { kind: "list", of: COMMAND },
  default: [],
  defaultInWords: "none",
  help: "programs that are run at what happens",
  doc:
    "One that is run at `stream-ready` runs as long as the stream lives, and is begun again when it ends before: " +
    '`[ffmpeg, -i, "{rtmp}/{stream}", …, -f, flv, "{rtmp}/small/{name}"]` transcodes. A stream whose name would make an ' +
    "option of an argument, as `-y` would, has it not run. The output goes into the log. Programs have all rights of the user that runs weir: `--allow-run` names those that may be run.",
  needs: (commands) =>
    commands.map((one) => ({ name: "run", command: (one.get("run") as readonly string[])[0]! })),
  change: "reload",
});

/** The balancers in front of the server. */
export const PROXIES: readonly Setting[] = [
  setting({
    key: "proxies.proxyProtocol",
    type: RANGE_OR_RANGES,
    defaultInWords: "none",
    help: "balancers whose connections begin with a header of the PROXY protocol",
    doc:
      "Version 1 or 2, to every port of RTMP, RTSP and HTTP, before TLS where there is any; a connection of theirs " +
      "without it is closed.",
    option: "proxies.proxyProtocol",
    change: "reload",
  }),
  setting({
    key: "proxies.forwardedFor",
    type: RANGE_OR_RANGES,
    defaultInWords: "none",
    help: "balancers whose X-Forwarded-For says whose a request of HTTP is",
    option: "proxies.forwardedFor",
    change: "reload",
  }),
];

/** What others hear of, and whom the server is behind. */
export const EVENTS_AND_PROXIES: readonly Setting[] = [WEBHOOKS, COMMANDS, ...PROXIES];

/** Makes the options of a webhook. */
export function webhookOf(value: GroupValue): WebhookOptions {
  const { timeout, ...rest } = Object.fromEntries(value) as Record<string, unknown>;
  return {
    ...rest,
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
  } as unknown as WebhookOptions;
}

/** Makes the options of a command. */
export function commandOf(value: GroupValue): EventCommandOptions {
  return Object.fromEntries(value) as unknown as EventCommandOptions;
}

function check(options: Parameters<typeof checkEventOptions>[0]): void {
  try {
    checkEventOptions(options);
  } catch (error) {
    if (!(error instanceof EventOptionsError)) throw error;
    const [, key, fault] = /^\w+\[0\]\.(\w+): (.*)$/s.exec(error.message) ?? [, "", error.message];
    throw new SettingFault(fault!, key === "" ? [] : [key!.replace("timeoutMs", "timeout")]);
  }
}
