import { reasonOf } from "../log/mod.ts";
import { saySame, succession } from "../rules/mod.ts";
import { type FilePlace, filePlace, isOwner, overlap, pathIn } from "./file_owner.ts";
import type { OpenedSegment, SegmentInfo } from "./recorder.ts";
import {
  type RecorderRule,
  Recorders,
  type RecordersContext,
  type RuleRecorderStatistics,
  type SegmentShelf,
} from "./recorders.ts";
import { type RecordedSegment, RecordingIndex, type SegmentQuery } from "./recording_index.ts";
import { type CheckedRule, checkRule, type RecordingRule } from "./recording_rule.ts";
import { RecordingError, type RecordingStore } from "./recording_store.ts";
import { expiredFiles } from "./retention.ts";

/** What recordings need of the server. */
export interface RecordingsContext extends RecordersContext {
  /** Is told of each file that is done. */
  readonly onSegment?: (segment: SegmentInfo) => void;
  /** Recorders in other threads; none by default. */
  readonly elsewhere?: RecordersElsewhere | undefined;
}

/** A segment of a recording, with the number of its rule. */
export interface ListedSegment extends RecordedSegment {
  /** Number of the rule, from 0 on. */
  readonly rule: number;
  /** Whether it can be read: object storage shows a file when it is whole. */
  readonly isReadable: boolean;
}

/** What was recorded, as it is found and read: by its own thread, or from another one. */
export interface RecordedFiles {
  /** See {@linkcode Recordings.find}. */
  find(query?: SegmentQuery): ListedSegment[] | Promise<ListedSegment[]>;
  /** See {@linkcode Recordings.segment}. */
  segment(
    place: Pick<ListedSegment, "rule" | "path">,
  ): ListedSegment | undefined | Promise<ListedSegment | undefined>;
  /** See {@linkcode Recordings.read}. */
  read(
    segment: Pick<ListedSegment, "rule" | "path">,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array>;
}

/** A rule, and its files. */
interface ActiveRule extends CheckedRule {
  /** What is kept may change; all else makes another rule. */
  rule: RecordingRule;
  readonly number: number;
  /** Whether it is known which files its store holds. */
  isListed: boolean;
  readonly index: RecordingIndex;
  readonly place: FilePlace;
}

/** Recorders in other threads, which put their files here. */
export interface RecordersElsewhere {
  /** The state and counts of each. */
  readonly statistics: readonly RuleRecorderStatistics[];
  /** Goes by other rules; resolves when the files of those that are gone are done. */
  follow(rules: readonly RecorderRule[]): Promise<void>;
  /** Records a stream, now or when it begins. */
  record(name: string): void;
  /** Records a stream no more; resolves when its files are done. */
  end(name: string): Promise<void>;
  /** Ends all; resolves when their files are done. */
  stop(): Promise<void>;
}

/** How often it is looked what is to be removed, milliseconds. */
const SWEEP_MS = 60_000;

/** Files of one name and time that are tried: clocks that are set back meet their own files again. */
const MOST_NAMES = 1000;

/**
 * The recordings of a server: by rules, each stream is written to files while it is live, and files that are too old or
 * too many are removed.
 *
 * @example
 * ```ts ignore
 * import { Server } from "@weir/server";
 *
 * await using server = new Server({
 *   rtmp: { port: 1935 },
 *   record: [{ name: "live/*", to: "recordings", keepMs: 7 * 86_400_000 }],
 * });
 * await server.listen();
 * ```
 */
export class Recordings implements RecordedFiles {
  /** Where recorders put their files. */
  readonly shelf: SegmentShelf;
  readonly #context: RecordingsContext;
  /** By number; those that hold no more stay until their last file is done. */
  readonly #rules = new Map<number, ActiveRule>();
  /** The numbers of those that hold, in the order in which they were given. */
  #held: readonly number[] = [];
  /** The rules whose files may be among those of a rule, itself too. */
  #besides: ReadonlyMap<ActiveRule, readonly ActiveRule[]> = new Map();
  #next = 0;
  readonly #recorders: Recorders;
  #state: "new" | "started" | "stopped" = "new";
  #timer: { cancel(): void } | undefined;
  #sweeping: Promise<void> | undefined;

  /**
   * Makes recordings that do nothing yet.
   *
   * @throws {TypeError | RangeError} if a rule is wrong, see {@linkcode RecordingRule}
   */
  constructor(context: RecordingsContext, rules: readonly RecordingRule[]) {
    this.#context = context;
    this.#hold(rules.map((rule) => this.#newRule(checkRule(rule))));
    this.shelf = {
      open: (rule, place) => this.#open(rule, place),
      written: (rule, { path, bytes }) => this.#rules.get(rule)?.index.grow(path, bytes),
      done: (rule, segment) => this.#done(rule, segment),
      lost: (rule, { path }) => this.#lost(rule, path),
    };
    this.#recorders = new Recorders(context, { rules: this.recorderRules, shelf: this.shelf });
  }

  /** The rules in force, in the order in which they were given. */
  get #active(): ActiveRule[] {
    return this.#held.map((number) => this.#rules.get(number)!);
  }

  /** What recorders go by: those of this thread, and of others. */
  get recorderRules(): readonly RecorderRule[] {
    return this.#active.map(recorderRule);
  }

  #newRule(checked: CheckedRule): ActiveRule {
    const { to, s3 } = checked.rule;
    return {
      ...checked,
      number: this.#next++,
      isListed: false,
      index: new RecordingIndex(),
      place: filePlace(to, s3),
    };
  }

  #hold(rules: readonly ActiveRule[]): void {
    for (const rule of rules) this.#rules.set(rule.number, rule);
    this.#held = rules.map(({ number }) => number);
    this.#besides = new Map(
      rules.map((rule) => [rule, rules.filter(({ place }) => overlap(place, rule.place))]),
    );
  }

  /** The state and counts of each recorder that is at work. */
  get statistics(): RuleRecorderStatistics[] {
    return [...this.#recorders.statistics, ...this.#context.elsewhere?.statistics ?? []];
  }

  /** The names that a program has told to record. */
  get wanted(): string[] {
    return this.#recorders.wanted;
  }

  /** The names of streams that have files, in alphabetical order. */
  get names(): string[] {
    const names = this.#active.flatMap((rule) =>
      this.#isAlone(rule)
        ? rule.index.names
        : rule.index.all.filter((segment) => this.#isShown(rule, segment)).map(({ name }) => name)
    );
    return [...new Set(names)].sort();
  }

  /**
   * Looks whether all stores can be used, and which files they hold. One that cannot be reached for now is looked at
   * again later.
   *
   * @throws {RecordingError} (rejects) `permission`, with the flag to add, or `store`
   */
  async open(): Promise<void> {
    for (const active of this.#active) {
      if (await this.#isReachable(active)) await this.#listRule(active);
    }
  }

  /** Looks whether the store of a rule can be used; false where it cannot be reached for now, which is logged. */
  async #isReachable({ store, rule }: Pick<CheckedRule, "store" | "rule">): Promise<boolean> {
    store.onTrouble = (reason) => this.#tellTrouble(store, reason);
    try {
      await store.check();
      if (rule.keepFreeBytes !== undefined) await store.freeBytes?.();
      return true;
    } catch (error) {
      if (!(error instanceof RecordingError && error.code === "unreachable")) throw error;
      this.#tellUnlisted({ store }, error);
      return false;
    }
  }

  /**
   * Looks whether recordings can go by other rules, and resolves with what has them do so. Rules that are as before go on in
   * their files, and so do those in which only differs what is kept; files of all others end, and what the new ones say
   * begins after it. What was written stays where it is.
   *
   * @throws {TypeError | RangeError} (rejects) if a rule is wrong; then nothing is changed, here as below
   * @throws {RecordingError} (rejects) `permission`, with the flag to add, or `store`
   */
  async prepare(rules: readonly RecordingRule[]): Promise<() => Promise<void>> {
    const { pairs, gone } = succession(this.#active, rules.map(checkRule), {
      goesOnAs: ({ rule }, { rule: next }) => writesAs(rule, next),
    });
    const reached = new Set<CheckedRule>();
    for (const { former, next } of pairs) {
      // What is written to goes on, and need not be asked again.
      const isNew = former === undefined ||
        former.rule.keepFreeBytes === undefined && next.rule.keepFreeBytes !== undefined;
      const { store } = former ?? next;
      if (isNew && await this.#isReachable({ ...next, store })) reached.add(next);
    }
    return async () => {
      const added: ActiveRule[] = [];
      const all = pairs.map(({ former, next }) => {
        if (former !== undefined) {
          former.rule = next.rule;
          return former;
        }
        const made = this.#newRule(next);
        if (reached.has(next)) added.push(made);
        return made;
      });
      await this.#follow({ all, added, gone });
    };
  }

  /** Those that are gone end first: the new ones may write to the same folder, and find there what is written. */
  async #follow(
    { all, added, gone }: {
      readonly all: readonly ActiveRule[];
      readonly added: readonly ActiveRule[];
      readonly gone: readonly ActiveRule[];
    },
  ): Promise<void> {
    const goes = new Set(gone);
    if (gone.length > 0) {
      const done = this.#recordBy(this.#active.filter((rule) => !goes.has(rule)));
      const stays = new Set(all.map(({ store }) => store));
      // Whoever changes rules does not wait for a store that fails longer than a program does that ends.
      const left = new Set(gone.map(({ store }) => store)).difference(stays);
      await Promise.all([done, ...left.values().map((store) => store.close?.(done))]);
      for (const { number } of gone) this.#rules.delete(number);
    }
    if (this.#state !== "stopped") {
      for (const rule of added) await this.#listOrTell(rule);
      await this.#recordBy(all);
    }
  }

  /** One that cannot be listed now is looked at again with the next sweep. */
  async #listOrTell(rule: ActiveRule): Promise<void> {
    try {
      await this.#listRule(rule);
    } catch (error) {
      this.#tellUnlisted(rule, error);
    }
  }

  #tellUnlisted({ store: { target } }: Pick<CheckedRule, "store">, error: unknown): void {
    this.#context.log.warn("recordings cannot be listed yet", {
      to: target,
      reason: reasonOf(error),
    });
  }

  async #recordBy(rules: readonly ActiveRule[]): Promise<void> {
    this.#hold(rules);
    const { recorderRules } = this;
    await Promise.all([
      this.#recorders.follow(recorderRules),
      this.#context.elsewhere?.follow(recorderRules),
    ]);
  }

  async #listRule(rule: ActiveRule): Promise<void> {
    const { store, index, format } = rule;
    if (!rule.isListed) {
      for await (const file of store.list()) index.found(file, rule);
      rule.isListed = true;
    }
    for await (const file of store.recover?.() ?? []) {
      // Its end was not seen; it may still be listed as what it was when it failed.
      index.delete(file.path);
      index.found(file, rule);
      this.#context.log.info("a recording that was left unfinished is finished", {
        path: file.path,
        format,
        bytes: file.bytes,
      });
    }
  }

  #tellTrouble(store: RecordingStore, reason: string | undefined): void {
    const { log } = this.#context;
    if (reason === undefined) log.info("recording store works again", { to: store.target });
    else log.warn("recording store fails, and is tried again", { to: store.target, reason });
  }

  /** Starts to record; call `open` first. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "started";
    this.#recorders.start();
    this.#sweepLater();
  }

  /**
   * Records a stream of a rule whose `when` is `api`, now or when it begins; false where there is no such rule.
   */
  record(name: string): boolean {
    if (!this.#recorders.record(name)) return false;
    this.#context.elsewhere?.record(name);
    return true;
  }

  /** Ends what {@linkcode Recordings.record} began; resolves when the files are done, to false where nothing was. */
  async end(name: string): Promise<boolean> {
    const [isEnded] = await Promise.all([
      this.#recorders.end(name),
      this.#context.elsewhere?.end(name),
    ]);
    return isEnded;
  }

  /** The files that a query is for, by name and then by time. */
  find(query: SegmentQuery = {}): ListedSegment[] {
    const found = this.#active.flatMap((rule) =>
      rule.index.find(query).filter((segment) => this.#isShown(rule, segment)).map((segment) => ({
        rule: rule.number,
        isReadable: !segment.isOpen || rule.store.showsOpenFiles !== false,
        ...segment,
      }))
    );
    return found.sort((a, b) =>
      a.name === b.name ? a.startUnixMs - b.startUnixMs : a.name < b.name ? -1 : 1
    );
  }

  /** What is known of a file by now; `undefined` where there is none any more. */
  segment({ rule, path }: Pick<ListedSegment, "rule" | "path">): ListedSegment | undefined {
    const { index, store } = this.#rules.get(rule) ?? {};
    const found = index?.get(path);
    if (found === undefined) return undefined;
    return { rule, isReadable: !found.isOpen || store?.showsOpenFiles !== false, ...found };
  }

  /**
   * Reads a part of a file.
   *
   * @throws {RecordingError} (rejects) `absent` or `store`
   */
  async read(
    segment: Pick<ListedSegment, "rule" | "path">,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const rule = this.#rules.get(segment.rule);
    if (rule?.index.get(segment.path) === undefined) {
      throw new RecordingError("absent", `There is no recording ${segment.path}`);
    }
    return await rule.store.read(segment.path, range);
  }

  /** Removes a file that is not being written; false where there is none. */
  async remove({ rule: number, path }: Pick<ListedSegment, "rule" | "path">): Promise<boolean> {
    const rule = this.#rules.get(number);
    const segment = rule?.index.get(path);
    if (rule === undefined || segment === undefined || segment.isOpen) return false;
    if (this.#isOpen(rule, path)) return false;
    await this.#removeFile(rule, path);
    return true;
  }

  /** Removes what is too old or too much; it is done each minute anyway. */
  async sweep(): Promise<void> {
    await (this.#sweeping ??= this.#sweepAll().finally(() => this.#sweeping = undefined));
  }

  /** Ends all recordings; resolves when their files are done. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#timer?.cancel();
    const done = this.#endAll();
    await Promise.all([done, ...this.#active.map(({ store }) => store.close?.(done))]);
  }

  async #endAll(): Promise<void> {
    await Promise.all([this.#recorders.stop(), this.#context.elsewhere?.stop()]);
    await this.#sweeping;
  }

  /** Makes a file that was not there before, whatever the clock says. */
  async #open(
    number: number,
    place: { readonly name: string; readonly startUnixMs: number },
  ): Promise<OpenedSegment> {
    const rule = this.#rules.get(number);
    if (rule === undefined) {
      throw new RecordingError("store", `Recordings of ${place.name} are wanted there no more`);
    }
    for (let again = 0; again < MOST_NAMES; again++) {
      const path = rule.template.pathOf(place, again) + rule.extension;
      const sink = await rule.store.create(path);
      if (sink === undefined) continue;
      rule.index.set({
        ...place,
        path,
        bytes: 0,
        endUnixMs: place.startUnixMs,
        durationMs: undefined,
        isOpen: true,
      });
      return { sink, path };
    }
    throw new RecordingError("store", `There are ${MOST_NAMES} files of ${place.name} of one time`);
  }

  #done(rule: number, segment: SegmentInfo): void {
    const { path, startUnixMs, durationMs, bytes, name } = segment;
    this.#rules.get(rule)?.index.set({
      name,
      path,
      bytes,
      startUnixMs,
      durationMs,
      endUnixMs: startUnixMs + durationMs,
      isOpen: false,
    });
    this.#context.onSegment?.(segment);
    if (this.#state === "started") void this.sweep();
  }

  /** Removes the oldest files of a store that holds them in memory, until it has half of what it had. */
  shed(): void {
    for (const { store, index } of this.#active) {
      const keepBytes = index.all.reduce((sum, { bytes }) => sum + bytes, 0) / 2;
      const nowUnixMs = this.#context.nowUnixMs();
      for (const { path } of expiredFiles(index.all, { keepBytes, nowUnixMs })) {
        index.delete(path);
        void store.remove(path);
      }
    }
  }

  #isAlone(rule: ActiveRule): boolean {
    return (this.#besides.get(rule)?.length ?? 0) < 2;
  }

  /** A file that several rules know is shown as one. */
  #isShown(rule: ActiveRule, segment: RecordedSegment): boolean {
    return this.#isAlone(rule) || isOwner(rule, { segment, others: this.#besides.get(rule)! });
  }

  /** What the rules that may know a file have of it, each with its path there. */
  *#known(rule: ActiveRule, path: string): Generator<{ index: RecordingIndex; path: string }> {
    for (const { index, place } of this.#besides.get(rule) ?? [rule]) {
      const there = pathIn(place, { place: rule.place, path });
      if (there !== undefined) yield { index, path: there };
    }
  }

  /** Whether a rule writes a file. */
  #isOpen(rule: ActiveRule, path: string): boolean {
    return this.#known(rule, path).some(({ index, path }) => index.get(path)?.isOpen === true);
  }

  async #removeFile(rule: ActiveRule, path: string): Promise<void> {
    await rule.store.remove(path);
    rule.index.delete(path);
    for (const { index, path: there } of this.#known(rule, path)) index.delete(there);
  }

  /** A file that holds nothing is no recording. */
  #lost(number: number, path: string): void {
    const rule = this.#rules.get(number);
    if (rule === undefined) return;
    const { index, store } = rule;
    index.delete(path);
    store.remove(path).catch((error) => {
      this.#context.log.debug("an empty file cannot be removed", {
        path,
        reason: reasonOf(error),
      });
    });
  }

  #sweepLater(): void {
    this.#timer = this.#context.clock.setTimer(() => {
      void this.sweep();
      this.#sweepLater();
    }, SWEEP_MS);
  }

  async #sweepAll(): Promise<void> {
    for (const rule of this.#active) {
      try {
        await this.#sweepRule(rule);
      } catch (error) {
        this.#context.log.error("old recordings cannot be removed", {
          from: rule.store.target,
          reason: reasonOf(error),
        });
      }
    }
  }

  async #sweepRule(active: ActiveRule): Promise<void> {
    await this.#listRule(active);
    const { rule, pattern, store, index } = active;
    const { keepMs, keepBytes, keepFreeBytes } = rule;
    if (keepMs === undefined && keepBytes === undefined && keepFreeBytes === undefined) return;
    const freeBytes = keepFreeBytes === undefined ? undefined : await store.freeBytes?.();
    // Its folder may have files of other rules too, or of other times: those are not for it to remove.
    const own = index.all.filter(({ name }) => pattern.matches(name))
      .map((segment) => ({ ...segment, isOpen: this.#isOpen(active, segment.path) }));
    const expired = expiredFiles(own, {
      ...rule,
      nowUnixMs: this.#context.nowUnixMs(),
      ...(freeBytes === undefined ? {} : { freeBytes }),
    });
    for (const { path } of expired) await this.#removeFile(active, path);
    if (expired.length > 0) {
      this.#context.log.info("old recordings removed", {
        from: store.target,
        files: expired.length,
      });
    }
  }
}

function recorderRule(
  { number, rule: { name }, when, format, segmentMs, partMs, store: { target } }: ActiveRule,
): RecorderRule {
  return { number, name, when, format, segmentMs, partMs, target };
}

/** What says how long files stay, and nothing about how they are written. */
const KEPT = ["keepMs", "keepBytes", "keepFreeBytes"];

/** Whether two rules write the same files; a store of the program's own is itself alone. */
function writesAs(a: RecordingRule, b: RecordingRule): boolean {
  return a.to === b.to && saySame(a, b, { besides: [...KEPT, "to"] });
}
