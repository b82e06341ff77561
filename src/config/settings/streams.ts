import { HUB_DEFAULTS } from "../../server/mod.ts";
import { bytes, choice, number, time } from "../leaf_types.ts";
import { serverNumber } from "../server_number.ts";
import { SettingFault } from "../setting_fault.ts";
import { type LeafType, type Setting, setting } from "../setting.ts";

const FLUSH_TIME = time({ min: 0, max: 60_000, isWhole: false });

const FLUSH: LeafType<"frame" | "unit" | number> = {
  kind: "leaf",
  allowed: "frame, unit, or a time such as 20ms",
  json: { anyOf: [{ enum: ["frame", "unit"] }, FLUSH_TIME.json] },
  read(value) {
    if (value === "frame" || value === "unit") return value;
    try {
      return FLUSH_TIME.read(value);
    } catch (error) {
      if (!(error instanceof SettingFault)) throw error;
      throw new SettingFault(
        error.message.replace(/allowed is .*/s, `allowed is ${FLUSH.allowed}`),
      );
    }
  },
  show: (value) => typeof value === "number" ? FLUSH_TIME.show(value) : value,
};

/** Settings of streams that path rules may set for some. */
export const STREAM_RULES: readonly Setting[] = [
  setting({
    key: "streams.conflict",
    type: choice(["reject", "takeover", "same-identity"]),
    default: HUB_DEFAULTS.conflict,
    help: "what happens when a second publisher asks for a name",
    doc:
      "`reject` refuses it, `takeover` lets it replace the first, `same-identity` lets it where it is the same " +
      "user, or the first has been silent for `streams.silent`.",
    option: "hub.conflict",
    flag: { name: "conflict", placeholder: "POLICY", isRare: true },
    change: "reload",
  }),
  serverNumber({
    key: "streams.silent",
    as: time,
    default: HUB_DEFAULTS.silentMs,
    help: "silence of a publisher after which anyone may take its name over",
    option: "hub.silentMs",
    change: "reload",
  }),
  serverNumber({
    key: "streams.linger",
    as: time,
    default: HUB_DEFAULTS.lingerMs,
    help: "how long players stay when their publisher has gone",
    option: "hub.lingerMs",
    flag: { name: "linger", placeholder: "SECONDS", isRare: true },
    change: "reload",
  }),
  setting({
    key: "streams.flush",
    type: FLUSH,
    default: HUB_DEFAULTS.flush,
    help: "when players are written to: for each frame, each unit, or what came in a time",
    option: "hub.flush",
    flag: { name: "flush", placeholder: "frame|unit|TIME", isRare: true },
    change: "reload",
  }),
  setting({
    key: "streams.start",
    type: choice(["gop", "key-frame", "none"]),
    default: HUB_DEFAULTS.start,
    help: "where a player that joins starts",
    doc:
      "`gop` starts at the newest key frame with all that came since, `key-frame` with that frame as a still " +
      "picture and then at the next, `none` at the next key frame.",
    option: "hub.start",
    change: "reload",
  }),
  serverNumber({
    key: "streams.maxPlayers",
    as: number,
    default: HUB_DEFAULTS.maxReaders,
    help: "readers of one stream at one time: players, recordings and relays",
    option: "hub.maxReaders",
    change: "reload",
  }),
  serverNumber({
    key: "streams.maxLagBytes",
    as: bytes,
    default: HUB_DEFAULTS.maxLagBytes,
    help: "bytes that a player may lag before it skips to a key frame",
    option: "hub.maxLagBytes",
    change: "reload",
  }),
  serverNumber({
    key: "streams.maxLag",
    as: time,
    default: HUB_DEFAULTS.maxLagMs,
    help: "time that a player may lag before it skips to a key frame",
    option: "hub.maxLagMs",
    change: "reload",
  }),
  serverNumber({
    key: "streams.maxGopBytes",
    as: bytes,
    default: HUB_DEFAULTS.maxGopBytes,
    help: "bytes of the newest group of pictures that are kept for players that join",
    option: "hub.maxGopBytes",
    change: "reload",
  }),
];

/** Settings of streams, and of all together. */
export const STREAMS: readonly Setting[] = [
  ...STREAM_RULES,
  serverNumber({
    key: "streams.maxStreams",
    as: number,
    default: HUB_DEFAULTS.maxStreams,
    help: "streams that are published at one time",
    option: "hub.maxStreams",
    flag: { name: "max-streams", placeholder: "N", isRare: true },
    change: "reload",
  }),
  serverNumber({
    key: "streams.maxWaitedNames",
    as: number,
    default: HUB_DEFAULTS.maxWaitedNames,
    help: "names that players wait for and nobody publishes",
    option: "hub.maxWaitedNames",
    change: "reload",
  }),
  serverNumber({
    key: "streams.maxHeldBytes",
    as: bytes,
    default: HUB_DEFAULTS.maxHeldBytes,
    help: "memory that the media of all streams may hold together, about",
    option: "hub.maxHeldBytes",
    change: "reload",
  }),
];
