import { reasonOf } from "../../log/mod.ts";
import {
  checkRecordingRule,
  checkS3,
  type FileChannelOptions,
  isS3Url,
  RECORDING_FORMATS,
  type RecordingRule,
  s3Endpoint,
} from "../../server/mod.ts";
import { bytes, checked, choice, FILE, text, time, TOGGLE } from "../leaf_types.ts";
import type { Permission } from "../permission.ts";
import { reaching } from "../reaching.ts";
import {
  type GroupType,
  type GroupValue,
  type Setting,
  setting,
  type SettingValues,
} from "../setting.ts";
import { SettingFault } from "../setting_fault.ts";
import { S3_ENDPOINT, S3_REGION } from "./object_storage.ts";

const NAME = text({ allowed: "the NAME of a stream, or a pattern such as live/*" });

const FOLDER = text({ allowed: "a FOLDER, or s3://BUCKET/PREFIX" });

/** Whoever asks is known when the whole configuration is. */
const ANY_KEY = { accessKeyId: "-", secretAccessKey: "-" };

const KEEP_TIME = time({ min: 0, max: Infinity, isWhole: false });

/** How and where streams are written. */
const HOW: readonly Setting[] = [
  setting({
    key: "folder",
    type: FOLDER,
    help: "where its files go: a folder, or object storage",
    change: "reload",
  }),
  setting({
    key: "format",
    type: choice(RECORDING_FORMATS),
    default: "mp4",
    help: "the format of its files; MP4 is fragmented, so that a crash loses one fragment",
    change: "reload",
  }),
  setting({
    key: "path",
    type: text({ allowed: "a path with {name}, and {unix} or {date} and {time}" }),
    default: "{name}/{date}/{time}",
    help: "the paths of its files in the folder, without their ending; times are UTC",
    change: "reload",
  }),
  setting({
    key: "segment",
    type: time({ min: 1000, max: Infinity, isWhole: false }),
    default: 600_000,
    help: "length of a file, which ends at the next key frame",
    change: "reload",
  }),
  setting({
    key: "part",
    type: time({ min: 50, max: 60_000, isWhole: false }),
    default: 1000,
    help: "length of a fragment of MP4, and of what is written at once: what a crash loses at most",
    change: "reload",
  }),
  setting({
    key: "when",
    type: choice(["always", "demand", "api"]),
    default: "always",
    help:
      "when it is written: as long as it is live, while somebody watches it, or when the API says so",
    change: "reload",
  }),
  setting({
    key: "keep",
    type: KEEP_TIME,
    defaultInWords: "for ever",
    help: "how long files are kept before they are removed",
    change: "reload",
  }),
  setting({
    key: "keepBytes",
    type: bytes({ min: 0, max: Infinity, isWhole: true }),
    defaultInWords: "unlimited",
    help: "bytes of all files of the rule together; over that the oldest are removed",
    change: "reload",
  }),
  setting({
    key: "keepFree",
    type: bytes({ min: 0, max: Infinity, isWhole: true }),
    defaultInWords: "0",
    help:
      "room on the disk; while there is less, the oldest files are removed; needs --allow-sys=statfs",
    change: "reload",
  }),
];

const RULE: GroupType = {
  kind: "group",
  settings: [
    setting({ key: "name", type: NAME, help: "the stream, or a pattern", change: "reload" }),
    ...HOW,
  ],
  required: ["name", "folder"],
  check: checkRule,
};

/** The same for the streams of a path, which has the name. */
export const PATH_RECORD: GroupType = {
  kind: "group",
  settings: HOW,
  required: ["folder"],
  check: (values) => checkRule(new Map([...values, ["name", "*"]])),
};

function checkRule(values: GroupValue): void {
  try {
    checkRecordingRule({ ...ruleOf(values), s3: ANY_KEY });
  } catch (error) {
    throw new SettingFault(`is wrong: ${reasonOf(error)}`);
  }
}

/** Streams that are written to files. */
export const RECORD = setting<readonly GroupValue[]>({
  key: "record",
  type: { kind: "list", of: RULE },
  default: [],
  defaultInWords: "none",
  help: "write the stream NAME to files in a folder, or in object storage: s3://BUCKET/PREFIX",
  doc: "NAME may be a pattern: `live/*` is any stream below `live`. Nothing is transcoded.",
  flag: {
    name: "record",
    placeholder: "NAME=FOLDER",
    allowed: "NAME=FOLDER",
    readEach: (value) => {
      const parts = /^([^=]+)=(.+)$/s.exec(value);
      if (parts === null) throw new SettingFault("is wrong: allowed is NAME=FOLDER");
      const values: GroupValue = new Map([["name", parts[1]!], ["folder", parts[2]!]]);
      RULE.check!(values);
      return values;
    },
  },
  needs: (rules, settings) => rules.flatMap((rule) => storePermissions(rule, settings)),
  change: "reload",
});

/** How much of live streams is kept for clips. */
export const KEEP = setting<number>({
  key: "keep.time",
  type: time({ min: 1000, max: Infinity, isWhole: false }),
  defaultInWords: "off",
  help: "how much of each live stream is kept in memory, for clips: /live/cam/clip.mp4?last=30",
  flag: { name: "keep", placeholder: "SECONDS", isRare: true },
  option: "keep.ms",
  change: "reload",
});

/** How many bytes are kept. */
export const KEEP_BYTES = setting<number>({
  key: "keep.bytes",
  type: bytes({ min: 0, max: Infinity, isWhole: true }),
  defaultInWords: "256MiB",
  help: "bytes that are kept so of all streams together; the oldest go first",
  option: "keep.bytes",
  change: "reload",
});

/** Where clips go. */
export const CLIPS = setting<string>({
  key: "clips.folder",
  type: checked(FOLDER, (folder) => {
    if (isS3Url(folder)) checkS3(folder, ANY_KEY);
  }),
  defaultInWords: "nowhere",
  help: "where clips are written that the API is asked for: a folder, or s3://BUCKET/PREFIX",
  flag: { name: "clips", placeholder: "FOLDER", isRare: true },
  needs: (folder, settings) => storePermissions(new Map([["folder", folder]]), settings),
  option: "clips.to",
  change: "reload",
});

const CLIPS_PATH = setting<string>({
  key: "clips.path",
  type: checked(
    text({ allowed: "a path with {name}, and {unix} or {date} and {time}" }),
    (path) => {
      checkRecordingRule({ name: "*", to: "-", path });
    },
  ),
  defaultInWords: "{name}/{date}/{time}",
  help: "the paths of clips there, without their ending; times are UTC",
  option: "clips.path",
  change: "reload",
});

const CHANNEL: GroupType = {
  kind: "group",
  settings: [
    setting({ key: "name", type: NAME, help: "the stream", change: "reload" }),
    setting({
      key: "files",
      type: { kind: "list", of: FILE },
      help: "the files, in order: FLV, MP4, Matroska, WebM, MPEG-TS and others",
      change: "reload",
    }),
    setting({
      key: "loop",
      type: TOGGLE,
      default: true,
      help: "whether it begins again when the last file has ended",
      change: "reload",
    }),
  ],
  required: ["name", "files"],
};

/** Files that are published. */
export const SOURCES = setting<readonly GroupValue[]>({
  key: "sources",
  type: { kind: "list", of: CHANNEL },
  default: [],
  defaultInWords: "none",
  help: "publish a file as the stream NAME, over and over; more of one NAME play in turn",
  flag: {
    name: "source",
    placeholder: "NAME=FILE",
    allowed: "NAME=FILE",
    isRare: true,
    readEach: (value) => {
      const parts = /^([^=]+)=(.+)$/s.exec(value);
      if (parts === null) throw new SettingFault("is wrong: allowed is NAME=FILE");
      return new Map<string, unknown>([["name", parts[1]!], ["files", [parts[2]!]]]);
    },
  },
  needs: (channels) =>
    channels.flatMap((channel) =>
      (channel.get("files") as readonly string[]).map((path) => ({ name: "read", path }) as const)
    ),
  change: "reload",
});

/** Recordings, and files that are published. */
export const RECORDING: readonly Setting[] = [RECORD, KEEP, KEEP_BYTES, CLIPS, CLIPS_PATH, SOURCES];

/** Makes a rule of what a file or the command line says of it. */
export function ruleOf(values: GroupValue): RecordingRule {
  return {
    name: values.get("name") as string,
    to: values.get("folder") as string,
    ...Object.fromEntries(
      Object.entries(OPTION_OF_KEY).flatMap(([key, option]) =>
        values.has(key) ? [[option, values.get(key)]] : []
      ),
    ),
  };
}

const OPTION_OF_KEY: Readonly<Record<string, keyof RecordingRule>> = {
  format: "format",
  path: "path",
  segment: "segmentMs",
  part: "partMs",
  when: "when",
  keep: "keepMs",
  keepBytes: "keepBytes",
  keepFree: "keepFreeBytes",
};

/** Makes channels of the settings; files of one name are one channel. */
export function channelsOf(values: readonly GroupValue[]): FileChannelOptions[] {
  const channels = new Map<string, { name: string; files: string[]; loop: boolean }>();
  for (const value of values) {
    const name = value.get("name") as string;
    const channel = channels.get(name) ?? { name, files: [], loop: true };
    channels.set(name, channel);
    channel.files.push(...value.get("files") as readonly string[]);
    channel.loop = (value.get("loop") as boolean | undefined) ?? channel.loop;
  }
  return [...channels.values()];
}

/** What it takes to write where a rule says. */
export function storePermissions(rule: GroupValue, settings: SettingValues): Permission[] {
  const path = rule.get("folder") as string;
  if (isS3Url(path)) {
    const [endpoint, region] = [settings.get(S3_ENDPOINT), settings.get(S3_REGION)];
    return reaching(s3Endpoint({
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
    }));
  }
  return [
    { name: "read", path },
    { name: "write", path },
    ...rule.has("keepFree") ? [{ name: "sys", kind: "statfs" } as const] : [],
  ];
}
