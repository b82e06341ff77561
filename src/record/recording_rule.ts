import { NamePattern } from "../gate/mod.ts";
import { FolderStore } from "./folder_store.ts";
import { PathTemplate } from "./path_template.ts";
import type { RecordingStore } from "./recording_store.ts";
import type { RetentionOptions } from "./retention.ts";
import type { S3Access } from "./s3_requests.ts";
import { isS3Url, S3Store } from "./s3_store.ts";
import { RECORDING_FORMATS, type RecordingFormat } from "./segment_writer.ts";

/** Which streams are recorded, where, how, and how long that is kept. */
export interface RecordingRule extends RetentionOptions {
  /** Name of the stream, or a pattern with `*` for whole segments, as the last one for one or more. */
  readonly name: string;
  /** The folder that files go to, `s3://BUCKET/PREFIX` for object storage, or a store of one's own. */
  readonly to: string | RecordingStore;
  /** Where the bucket of `s3://…` is, and who asks. */
  readonly s3?: S3Access;
  /** Format of the files. Default `mp4`: fragmented, so that a crash loses no more than a fragment. */
  readonly format?: RecordingFormat;
  /** The paths of files in the folder, see {@linkcode PathTemplate}. Default `{name}/{date}/{time}`. */
  readonly path?: string;
  /** Length of a file, milliseconds; it ends at the next key frame. Default 600 000. */
  readonly segmentMs?: number;
  /** Length of a fragment of MP4, milliseconds. Default 1000. */
  readonly partMs?: number;
  /**
   * Whether the stream is recorded as long as it is live (`always`, the default), while somebody watches it
   * (`demand`), or when a program says so (`api`).
   */
  readonly when?: "always" | "demand" | "api";
}

/** A rule that was checked, with all that is by default. */
export interface CheckedRule {
  readonly rule: RecordingRule;
  readonly pattern: NamePattern;
  readonly template: PathTemplate;
  readonly store: RecordingStore;
  readonly format: RecordingFormat;
  /** The ending of its files, with the dot. */
  readonly extension: string;
  readonly segmentMs: number;
  readonly partMs: number;
  readonly when: "always" | "demand" | "api";
}

/**
 * Checks a rule, as {@linkcode Recordings} does.
 *
 * @throws {TypeError} if its name, path, format or `when` is wrong
 * @throws {RangeError} if a number is
 */
export function checkRecordingRule(rule: RecordingRule): void {
  checkRule(rule);
}

const WHEN = ["always", "demand", "api"] as const;

/**
 * Checks a rule.
 *
 * @throws {TypeError} if its name, path, format or `when` is wrong
 * @throws {RangeError} if a number is
 */
export function checkRule(rule: RecordingRule): CheckedRule {
  const { format = "mp4", path = "{name}/{date}/{time}", to, when = "always" } = rule;
  const { segmentMs = 600_000, partMs = 1000 } = rule;
  checkWord("format", format, RECORDING_FORMATS);
  checkWord("when", when, WHEN);
  checkNumber("segmentMs", segmentMs, 1000, Infinity);
  checkNumber("partMs", partMs, 50, 60_000);
  for (const name of ["keepMs", "keepBytes", "keepFreeBytes"] as const) {
    if (rule[name] !== undefined) checkNumber(name, rule[name], 0, Infinity);
  }
  const store = storeOf(to, rule.s3);
  if (rule.keepFreeBytes !== undefined && store.freeBytes === undefined) {
    throw new TypeError(
      `Cannot record as 'keepFreeBytes' needs a store that knows its free room: current value is ${rule.keepFreeBytes}`,
    );
  }
  return {
    rule,
    pattern: new NamePattern(rule.name),
    template: new PathTemplate(path),
    store,
    format,
    extension: `.${format}`,
    segmentMs,
    partMs,
    when,
  };
}

/**
 * The store that a rule names: a folder or `s3://BUCKET/PREFIX`.
 *
 * @throws {TypeError} if it names none
 */
export function storeOf(to: string | RecordingStore, s3: S3Access | undefined): RecordingStore {
  if (typeof to !== "string") return to;
  if (to === "") {
    throw new TypeError("Cannot record as 'to' must be a folder: current value is \"\"");
  }
  return isS3Url(to) ? new S3Store(to, s3) : new FolderStore(to);
}

function checkWord(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new TypeError(
    `Cannot record as '${name}' must be ${allowed.join(", ")}: current value is ${
      JSON.stringify(value)
    }`,
  );
}

function checkNumber(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new RangeError(
    `Cannot record as '${name}' must be from ${min} to ${max}: current value is ${value}`,
  );
}
