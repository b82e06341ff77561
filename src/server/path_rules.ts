import type { AccessRule } from "../access/mod.ts";
import { byParticularity, NamePattern, type StreamTerms } from "../gate/mod.ts";
import {
  checkStreamName,
  HubError,
  type HubSettings,
  hubSettings,
  type StreamSettings,
} from "../hub/mod.ts";
import { checkRecordingRule, type RecordingRule, type S3Access } from "../record/mod.ts";
import { checkRelays, type PathRelayOptions, type RelayOptions } from "../relay/mod.ts";
import { fallbackPlace } from "./fallback_source.ts";

/**
 * A rule for the streams of a name or pattern; what is left out is as for all streams. Where several rules are about
 * a stream, each setting comes from the most particular one that has it: a name goes before patterns, and of patterns
 * the one whose segments are names for longer.
 */
export interface PathRule extends Omit<StreamSettings, "maxReaders">, StreamTerms {
  /** Names of streams: `live/cam`, or `live/*`, where a `*` is a segment, at the end one or more. */
  readonly pattern: string;
  /**
   * Who may publish or play them, before all other rules of access. What the pattern has rules about, nobody else may do
   * there.
   */
  readonly access?: readonly AccessRule[];
  /** Where they are fetched from; by a pattern, when someone wants them. */
  readonly pull?: PathRelayOptions;
  /** Where they are forwarded to. */
  readonly push?: readonly PathRelayOptions[];
  /** Where they are recorded, beside what the option `record` says. */
  readonly record?: PathRecordingOptions;
}

/** How the streams of a rule of paths are recorded: the rule has their names, and the server the access to S3. */
export type PathRecordingOptions = Omit<RecordingRule, "name" | "s3">;

/** The settings of a stream by its rules. */
export interface RuledStream {
  /** What the hub does differently. */
  readonly settings: StreamSettings;
  /** What the gate does differently. */
  readonly terms: StreamTerms;
}

/** So many names are remembered with what the rules say of them. */
const MOST_REMEMBERED = 20_000;

/** The rules for streams by name. */
export class PathRules {
  /** The rules, as they were given. */
  readonly rules: readonly PathRule[];
  /** The most particular first. */
  readonly #sorted: readonly { readonly pattern: NamePattern; readonly rule: PathRule }[];
  readonly #remembered = new Map<string, RuledStream>();

  /**
   * Reads rules.
   *
   * @throws {TypeError} if a pattern is none, or is there twice, a policy is none of those that there are, or
   * fallbacks go in a circle, or over too many streams
   * @throws {RangeError} if a number is out of its bounds
   * @throws as {@linkcode checkRelays} if a relay is wrong
   */
  constructor(rules: readonly PathRule[]) {
    this.rules = rules;
    const seen = new Set<string>();
    for (const rule of rules) check(rule, seen);
    this.#sorted = rules
      .map((rule) => ({ rule, pattern: new NamePattern(rule.pattern) }))
      .sort((a, b) => byParticularity(a.rule.pattern, b.rule.pattern));
    for (const { fallback } of rules) this.#checkChain(fallback);
  }

  /** Who may do what, by pattern. */
  get access(): Readonly<Record<string, readonly AccessRule[]>> {
    return Object.fromEntries(
      this.rules.flatMap(({ pattern, access }) => access === undefined ? [] : [[pattern, access]]),
    );
  }

  /** What the rules say of the stream of a name. */
  of(name: string): RuledStream {
    let ruled = this.#remembered.get(name);
    if (ruled === undefined) {
      ruled = this.#look(name);
      if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(name, ruled);
    }
    return ruled;
  }

  /** Follows a fallback to the one that it has itself, and so on. */
  #checkChain(first = ""): void {
    const names: string[] = [];
    for (let text = first; text !== "";) {
      const place = fallbackPlace(text);
      if (place.kind === "file") return;
      const isCircle = names.includes(place.name);
      names.push(place.name);
      const chain = names.join(" → ");
      if (isCircle) {
        throw new TypeError(`Cannot rule streams as fallbacks go in a circle: ${chain}`);
      }
      if (names.length > MOST_FALLBACKS) {
        throw new TypeError(
          `Cannot rule streams as fallbacks go over more than ${MOST_FALLBACKS} streams: ${chain}`,
        );
      }
      text = this.#look(place.name).settings.fallback ?? "";
    }
  }

  #look(name: string): RuledStream {
    const merged: Partial<PathRule> = {};
    for (const { rule } of this.#sorted.filter(({ pattern }) => pattern.matches(name)).reverse()) {
      Object.assign(merged, given(rule));
    }
    const { maxPlayers, maxPublisherBitrateBps, maxPlayerBitrateBps, conflict } = merged;
    const {
      pattern: _,
      access: _access,
      pull: _pull,
      push: _push,
      record: _record,
      ...settings
    } = merged;
    // A pattern may be about its own fallback.
    if (settings.fallback === name) delete settings.fallback;
    for (const key of TERMS) delete settings[key];
    return {
      settings,
      terms: given({ maxPlayers, maxPublisherBitrateBps, maxPlayerBitrateBps, conflict }),
    };
  }
}

/**
 * Looks whether rules can be together.
 *
 * @throws {TypeError | RangeError} as a server does that is made with them
 */
export function checkPathRules(rules: readonly PathRule[]): void {
  new PathRules(rules);
}

/** A fallback may have one of its own, and so on, over so many streams. */
const MOST_FALLBACKS = 4;

/** What it takes to look at a rule whose files go to object storage. */
const ANY_S3: S3Access = { accessKeyId: "-", secretAccessKey: "-" };

/** What the gate looks at; the conflict policy is of both. */
const TERMS = ["maxPlayers", "maxPublisherBitrateBps", "maxPlayerBitrateBps"] as const;

/** The relays that a rule asks for. */
export function relaysOfRule({ pattern: name, pull, push = [] }: PathRule): RelayOptions[] {
  return [
    ...pull === undefined ? [] : [{ ...pull, mode: "pull", name } as const],
    ...push.map((options) => ({ ...options, mode: "push", name } as const)),
  ];
}

/** The recordings that a rule asks for. */
export function recordingsOfRule({ pattern: name, record }: PathRule): RecordingRule[] {
  return record === undefined ? [] : [{ ...record, name }];
}

/** Plain JavaScript may name a setting and leave it undefined. */
function given<T extends object>(rule: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(rule).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function check(rule: PathRule, seen: Set<string>): void {
  const {
    pattern,
    access: _access,
    pull: _pull,
    push: _push,
    record,
    maxPlayers,
    maxPublisherBitrateBps,
    maxPlayerBitrateBps,
    ...settings
  } = rule;
  if (seen.has(pattern)) {
    throw new TypeError(`Cannot rule streams as the pattern ${pattern} is there twice`);
  }
  seen.add(pattern);
  const clock: HubSettings["clock"] = { now: () => 0, setTimer: () => ({ cancel: () => {} }) };
  hubSettings({ ...settings, clock });
  checkFallback(rule);
  checkRelays(relaysOfRule(rule));
  // Where the buckets are, the server knows.
  if (record !== undefined) checkRecordingRule({ ...record, name: pattern, s3: ANY_S3 });
  for (const [key, value] of Object.entries({ maxPublisherBitrateBps, maxPlayerBitrateBps })) {
    if (value === undefined || value >= 0) continue;
    throw new RangeError(
      `Cannot rule streams as '${key}' must be at least 0: current value is ${value}`,
    );
  }
  if (maxPlayers === undefined || maxPlayers === Infinity) return;
  if (Number.isInteger(maxPlayers) && maxPlayers >= 0) return;
  throw new RangeError(
    `Cannot rule streams as 'maxPlayers' must be a whole number from 0 on, or Infinity: current value is ${maxPlayers}`,
  );
}

function checkFallback({ pattern, fallback = "" }: PathRule): void {
  if (fallback === "") return;
  const place = fallbackPlace(fallback);
  if (place.kind === "file") return;
  try {
    checkStreamName(place.name);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    throw new TypeError(
      `Cannot rule ${pattern} as 'fallback' must be a stream's name or a file: current value is ${fallback}`,
    );
  }
}
