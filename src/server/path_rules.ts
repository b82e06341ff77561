import type { AccessRule } from "../access/mod.ts";
import { byParticularity, NamePattern, type StreamTerms } from "../gate/mod.ts";
import { type HubSettings, hubSettings, type StreamSettings } from "../hub/mod.ts";

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
}

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
   * @throws {TypeError} if a pattern is none, or is there twice, or a policy is none of those that there are
   * @throws {RangeError} if a number is out of its bounds
   */
  constructor(rules: readonly PathRule[]) {
    this.rules = rules;
    const seen = new Set<string>();
    for (const rule of rules) check(rule, seen);
    this.#sorted = rules
      .map((rule) => ({ rule, pattern: new NamePattern(rule.pattern) }))
      .sort((a, b) => byParticularity(a.rule.pattern, b.rule.pattern));
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

  #look(name: string): RuledStream {
    const merged: Partial<PathRule> = {};
    for (const { rule } of this.#sorted.filter(({ pattern }) => pattern.matches(name)).reverse()) {
      Object.assign(merged, given(rule));
    }
    const { maxPlayers, maxPublisherBitrateBps, maxPlayerBitrateBps, conflict } = merged;
    const { pattern: _, access: __, ...settings } = merged;
    for (const key of TERMS) delete settings[key];
    return {
      settings,
      terms: given({ maxPlayers, maxPublisherBitrateBps, maxPlayerBitrateBps, conflict }),
    };
  }
}

/** What the gate looks at; the conflict policy is of both. */
const TERMS = ["maxPlayers", "maxPublisherBitrateBps", "maxPlayerBitrateBps"] as const;

/** Plain JavaScript may name a setting and leave it undefined. */
function given<T extends object>(rule: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(rule).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function check(rule: PathRule, seen: Set<string>): void {
  const {
    pattern,
    access: _,
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
