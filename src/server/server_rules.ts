import type { Access } from "../access/mod.ts";
import { type Hub, hubSettings } from "../hub/mod.ts";
import { readingTurn, systemClock } from "../transport/mod.ts";
import { accessOptionsOf } from "./access_hooks.ts";
import { checkServerNumbers } from "./bounds.ts";
import type { ServerDoors } from "./built_in_doors.ts";
import type { EventDesk } from "./event_desk.ts";
import type { FileChannels } from "./file_channels.ts";
import { checkFallbackFiles } from "./fallbacks.ts";
import { hubRules, shellRules } from "./live_rules.ts";
import { workerOptions } from "./membership.ts";
import type { Recordings } from "../record/mod.ts";
import { checkRelays } from "../relay/mod.ts";
import type { LiveOptions } from "./options.ts";
import { type PathRule, PathRules } from "./path_rules.ts";
import type { ServerClips } from "./server_clips.ts";
import { type KeptStreams, recordingRulesOf } from "./server_recordings.ts";
import { relaysOf, type ServerRelays } from "./server_relays.ts";
import type { ServerShell } from "./shell.ts";
import type { WorkerPool } from "./workers/worker_pool.ts";

/** What goes by the rules. */
export interface RuledParts {
  readonly access: Access | undefined;
  readonly hub: Hub;
  readonly shell: ServerShell;
  readonly pool: WorkerPool | undefined;
  readonly relays: ServerRelays;
  readonly recordings: Recordings;
  readonly clips: ServerClips;
  readonly keep: KeptStreams;
  readonly channels: FileChannels;
  readonly told: EventDesk;
  readonly doors: ServerDoors;
}

/** The options that can be changed while the server runs, the rules of paths that were set beside, and their changes. */
export class ServerRules {
  readonly #parts: () => RuledParts;
  /** The options as they were given last. */
  #live: LiveOptions;
  /** The rules that were set beside, by their patterns. */
  #ownPaths: ReadonlyMap<string, PathRule> = new Map();
  #paths: PathRules;
  /** Changes come one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  /** `parts` are asked for when something changes: they are made with these rules. */
  constructor(options: LiveOptions, parts: () => RuledParts) {
    this.#live = options;
    this.#paths = new PathRules(options.paths ?? []);
    this.#parts = parts;
  }

  /** The options of now, of those that can be changed. */
  get live(): LiveOptions {
    return this.#live;
  }

  /** The rules of paths that hold now. */
  get paths(): PathRules {
    return this.#paths;
  }

  /** Takes the place of all options; rules that were set beside stay. */
  configure(options: LiveOptions): Promise<void> {
    return this.#change(() => this.#apply(options, this.#ownPaths));
  }

  /** Sets a rule of paths beside those of the options. */
  setPath(rule: PathRule): Promise<void> {
    return this.#change(() =>
      this.#apply(this.#live, new Map(this.#ownPaths).set(rule.pattern, rule))
    );
  }

  /** Removes a rule that was set; resolves to whether there was one. */
  removePath(pattern: string): Promise<boolean> {
    return this.#change(async () => {
      const own = new Map(this.#ownPaths);
      if (!own.delete(pattern)) return false;
      await this.#apply(this.#live, own);
      return true;
    });
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    // Who changes something again and again must not keep connections and timers from their turns: a publisher that is
    // not read would seem to be silent.
    const changed = this.#changing.then(async () => {
      const startMs = performance.now();
      try {
        return await change();
      } finally {
        await readingTurn.spend(performance.now() - startMs);
      }
    });
    this.#changing = changed.catch(() => {});
    return changed;
  }

  /** All is checked before anything is changed. */
  async #apply(given: LiveOptions, own: ReadonlyMap<string, PathRule>): Promise<void> {
    const parts = this.#parts();
    const ofOptions = (given.paths ?? []).filter(({ pattern }) => !own.has(pattern));
    const options: LiveOptions = { ...given, paths: [...ofOptions, ...own.values()] };
    checkServerNumbers(options);
    const paths = new PathRules(options.paths ?? []);
    const pathsOfNow = (): PathRules => this.#paths;
    const rules = shellRules(options, pathsOfNow);
    hubSettings({ ...options.hub, clock: systemClock });
    const access = accessOptionsOf(options.access, paths);
    if (access !== undefined && parts.access === undefined) {
      throw new TypeError("Cannot change 'access' as the server was made without it");
    }
    checkRelays(relaysOf(options));
    await checkFallbackFiles(paths.rules);
    const record = await parts.recordings.prepare(recordingRulesOf(options));
    const clips = await parts.clips.prepare(options);
    const keep = await parts.keep.prepare(options);
    const channels = await parts.channels.prepare(options);
    const told = parts.told.prepare(options);
    const doors = parts.doors.prepare(options);
    await parts.access?.change(access ?? {});
    this.#live = given;
    this.#ownPaths = own;
    this.#paths = paths;
    parts.hub.configure(hubRules(options, pathsOfNow));
    parts.shell.configure(rules);
    doors();
    parts.pool?.configure(workerOptions(options));
    // Whether clients are asked at connect may be another.
    parts.pool?.tellAccess();
    await parts.relays.follow(options);
    await record();
    clips();
    await keep();
    await channels();
    told();
    await parts.shell.gate.review();
  }
}
