import { NamePattern } from "../../gate/mod.ts";
import { fallbackPlace, HUB_DEFAULTS, type RelayOptions } from "../../server/mod.ts";
import { bitrate, bytes, number, text, time } from "../leaf_types.ts";
import { type ServerNumber, serverNumber } from "../server_number.ts";
import { type GroupValue, type Setting, setting } from "../setting.ts";
import { SettingFault } from "../setting_fault.ts";
import { RULE_SETTINGS } from "./access.ts";
import { PATH_RECORD, storePermissions } from "./recording.ts";
import { checkRelay, PATH_PULL, PATH_PUSH, relayOf } from "./relays.ts";
import { STREAM_RULES } from "./streams.ts";

/**
 * What a rule may say of its streams. A row's `option` is where it goes in a `PathRule` of the server; a row
 * without one is read in `server_options.ts`.
 */
export const PATH_RULE: readonly Setting[] = [
  // The settings of all streams, by the names that they have there.
  ...STREAM_RULES.filter(({ key }) => key !== "streams.maxPlayers").map((row): Setting => {
    const { flag: _, default: _none, ...rest } = row;
    return {
      ...rest,
      key: row.key.replace("streams.", ""),
      defaultInWords: `as \`${row.key}\``,
      option: String(row.option).replace("hub.", ""),
    };
  }),
  setting({
    key: "maxPlayers",
    type: number({ min: 0, max: Infinity, isWhole: true }),
    defaultInWords: "as `limits.maxPlayersPerStream`",
    help: "players of one stream",
    option: "maxPlayers",
    change: "reload",
  }),
  setting({
    key: "maxPublisherBitrate",
    type: bitrate({ min: 0, max: Infinity, isWhole: false }),
    defaultInWords: "as `limits.maxPublisherBitrate`",
    help: "bits a second of a publisher, in the mean of 10 s; one that is over it is closed",
    option: "maxPublisherBitrateBps",
    change: "reload",
  }),
  setting({
    key: "maxPlayerBitrate",
    type: bitrate({ min: 0, max: Infinity, isWhole: false }),
    defaultInWords: "as `limits.maxPlayerBitrate`",
    help: "the same of what one player is sent",
    option: "maxPlayerBitrateBps",
    change: "reload",
  }),
  setting({
    key: "fallback",
    type: text({ allowed: "the NAME of a stream, or a FILE" }),
    defaultInWords: "none",
    help: "what players see while nobody publishes: another stream, or a media file, over and over",
    doc:
      "It is a file where it begins with `/`, `./` or `../`, or ends as media files do (`.mp4`, `.flv`, `.mkv` …); all " +
      "else is the name of a stream.",
    option: "fallback",
    change: "reload",
  }),
  streamNumber({
    key: "fallbackAfter",
    as: time,
    default: HUB_DEFAULTS.fallbackAfterMs,
    help: "silence of a publisher after which players see the fallback",
    option: "hub.fallbackAfterMs",
    change: "reload",
  }),
  streamNumber({
    key: "delay",
    as: time,
    default: HUB_DEFAULTS.delayMs,
    help: "how long what is published is held back before anybody sees it",
    doc:
      "Who is sent away meanwhile is never seen: what is held of a publisher is dropped with it. What is held of one that " +
      "ends by itself plays out.",
    option: "hub.delayMs",
    change: "reload",
  }),
  streamNumber({
    key: "maxDelayBytes",
    as: bytes,
    default: HUB_DEFAULTS.maxDelayBytes,
    help: "bytes of a stream that are held back at most; over it the oldest go out early",
    option: "hub.maxDelayBytes",
    change: "reload",
  }),
  setting({
    key: "access",
    type: { kind: "list", of: { kind: "group", settings: RULE_SETTINGS } },
    help: "who may publish or play its streams; what it has rules about, nobody else may do",
    change: "reload",
  }),
  setting({
    key: "record",
    type: PATH_RECORD,
    help: "where its streams are written to files",
    doc:
      "As an entry of `record`, and beside them: a stream is written by each rule that is about it.",
    change: "reload",
  }),
  setting({
    key: "pull",
    type: PATH_PULL,
    help: "where its streams are fetched from; by a pattern, when someone wants them",
    change: "reload",
  }),
  setting({
    key: "push",
    type: { kind: "list", of: PATH_PUSH },
    help: "where its streams are forwarded to",
    change: "reload",
  }),
];

/** The rules of recordings that rules of paths have. */
export function pathRecordings(paths: ReadonlyMap<string, GroupValue>): GroupValue[] {
  return Array.from(paths).flatMap(([name, rule]) => {
    const record = rule.get("record") as GroupValue | undefined;
    return record === undefined ? [] : [new Map([...record, ["name", name]])];
  });
}

/** Rules for the streams of a name or pattern. */
export const PATHS = setting<ReadonlyMap<string, GroupValue>>({
  key: "paths",
  type: {
    kind: "map",
    placeholder: "NAME",
    of: { kind: "group", settings: PATH_RULE },
    checkName,
    checkEntry: (name, rule) => {
      for (const relay of pathRelays(name, rule as GroupValue)) checkRelay(relay);
    },
  },
  default: new Map(),
  defaultInWords: "none",
  help: "what differs for the streams of a name, or of a pattern such as live/*",
  doc:
    "A `*` stands for one segment, at the end for one or more. Where several rules are about a stream, each " +
    "setting comes from the most particular one that has it: a name goes before patterns, and of patterns the " +
    "one whose segments are names for longer.",
  needs: (rules, settings) => [
    ...Array.from(rules.values()).flatMap((rule) => {
      const place = fallbackPlace(rule.get("fallback") as string | undefined ?? "");
      return place.kind === "file" ? [{ name: "read", path: place.path } as const] : [];
    }),
    ...pathRecordings(rules).flatMap((rule) => storePermissions(rule, settings)),
  ],
  change: "reload",
});

/** The relays that a rule asks for. */
export function pathRelays(name: string, rule: GroupValue): RelayOptions[] {
  const pull = rule.get("pull") as GroupValue | undefined;
  const pushes = rule.get("push") as readonly GroupValue[] | undefined ?? [];
  return [
    ...pull === undefined ? [] : [relayOf("pull", new Map([...pull, ["name", name]]))],
    ...pushes.map((push) => relayOf("push", new Map([...push, ["name", name]]))),
  ];
}

/** A number that a hub has bounds for, and a rule its own name. */
function streamNumber(row: ServerNumber): Setting {
  return { ...serverNumber(row), option: row.option.replace("hub.", "") } as Setting;
}

function checkName(name: string): void {
  try {
    if (name.includes("{user}")) throw new TypeError("A rule of paths knows no users");
    new NamePattern(name);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new SettingFault("is no name of a stream, and no pattern such as live/*");
  }
}
