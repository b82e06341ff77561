import { type Gate, NamePattern, type PlayTicket } from "../gate/mod.ts";
import { type Clock, type Hub, HubError, type Stream } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { SegmentPlace } from "./path_template.ts";
import {
  type OpenedSegment,
  Recorder,
  type RecorderStatistics,
  type SegmentInfo,
} from "./recorder.ts";
import type { RecordingFormat } from "./segment_writer.ts";

/** What recorders need of the server. */
export interface RecordersContext {
  /** The streams. */
  readonly hub: Hub;
  /** The desk, which sees recorders as the server's own players; asked for when one begins. */
  readonly gate: () => Gate;
  /** Where lines go. */
  readonly log: ServerLog;
  /** Time. */
  readonly clock: Clock;
  /** The time of the day, milliseconds since 1970. */
  readonly nowUnixMs: () => number;
}

/** What of a rule recorders go by: plain values, for recorders in other threads too. */
export interface RecorderRule {
  /** What it is told apart by, as long as it is there; never given again. */
  readonly number: number;
  /** Name of the stream, or a pattern. */
  readonly name: string;
  /** When they are recorded, see {@linkcode RecordingRule.when}. */
  readonly when: "always" | "demand" | "api";
  /** The format of the files. */
  readonly format: RecordingFormat;
  /** Length of a file, milliseconds. */
  readonly segmentMs: number;
  /** Length of a fragment of MP4, milliseconds. */
  readonly partMs: number;
  /** What log lines call the place that files go to. */
  readonly target: string;
}

/** Where recorders put their files; rules are told apart by number. */
export interface SegmentShelf {
  /**
   * Makes a file that was not there before.
   *
   * @throws {RecordingError} (rejects) `store`
   */
  open(rule: number, place: SegmentPlace): Promise<OpenedSegment>;
  /** A file is so long by now. */
  written(rule: number, file: { readonly path: string; readonly bytes: number }): void;
  /** A file is done. */
  done(rule: number, segment: SegmentInfo): void;
  /** Of a file that was made nothing is there. */
  lost(rule: number, file: { readonly path: string }): void;
}

/** The state and counts of a recorder, and the number of its rule. */
export type RuleRecorderStatistics = RecorderStatistics & { readonly rule: number };

/** A rule at work. */
interface ActiveRule extends RecorderRule {
  readonly pattern: NamePattern;
  readonly recorders: Map<Stream, ActiveRecorder>;
  /** Streams whose recorder was sent away: it stays away until they begin anew. */
  readonly kicked: WeakSet<Stream>;
  /** Whether it holds no more. */
  isGone: boolean;
}

function activeRule(rule: RecorderRule): ActiveRule {
  return {
    ...rule,
    pattern: new NamePattern(rule.name),
    recorders: new Map(),
    kicked: new WeakSet(),
    isGone: false,
  };
}

interface ActiveRecorder {
  readonly recorder: Recorder;
  ticket: PlayTicket | undefined;
}

/** Writes the streams of one hub to a shelf, by rules, while they are live. */
export class Recorders {
  readonly #context: RecordersContext;
  #rules: readonly ActiveRule[];
  /** Names that a program has told to record, whatever becomes of the rules. */
  readonly #wanted = new Set<string>();
  readonly #shelf: SegmentShelf;
  #state: "new" | "started" | "stopped" = "new";
  #unobserve: (() => void) | undefined;

  /** Records nothing yet. */
  constructor(
    context: RecordersContext,
    { rules, shelf, wanted = [] }: {
      readonly rules: readonly RecorderRule[];
      readonly shelf: SegmentShelf;
      /** Names that a program has told to record before. */
      readonly wanted?: Iterable<string>;
    },
  ) {
    this.#context = context;
    this.#shelf = shelf;
    this.#rules = rules.map(activeRule);
    for (const name of wanted) this.record(name);
  }

  /** The state and counts of each recorder that is at work. */
  get statistics(): RuleRecorderStatistics[] {
    return this.#rules.flatMap(({ recorders, number }) =>
      Array.from(recorders.values(), ({ recorder }) => ({ rule: number, ...recorder.statistics }))
    );
  }

  /** The names that a program has told to record. */
  get wanted(): string[] {
    return [...this.#wanted];
  }

  /** Starts to record. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "started";
    this.#observe();
  }

  /**
   * Goes by other rules from now on: those whose number was there before go on as they are, and files of those that are
   * gone end. Resolves when these are done.
   */
  async follow(rules: readonly RecorderRule[]): Promise<void> {
    const before = new Map(this.#rules.map((rule) => [rule.number, rule]));
    this.#rules = rules.map((rule) => before.get(rule.number) ?? activeRule(rule));
    const stays = new Set(this.#rules);
    if (this.#state === "started") this.#observe();
    await Promise.all(
      before.values().filter((rule) => !stays.has(rule)).map(async (rule) => {
        rule.isGone = true;
        const recorders = [...rule.recorders.values()];
        await Promise.all(recorders.map(({ recorder }) => recorder.stop()));
      }),
    );
  }

  /** Looks at all streams, now and when something becomes of them; without a rule nobody looks. */
  #observe(): void {
    const { hub } = this.#context;
    if (this.#rules.length === 0) {
      this.#unobserve?.();
      this.#unobserve = undefined;
      return;
    }
    const look = (stream: Stream): void => this.#look(stream);
    this.#unobserve ??= hub.observe({
      onStreamStart: look,
      onStreamWanted: look,
      onStreamLeft: look,
    });
    for (const stream of hub.streams) this.#look(stream);
  }

  /** Records a stream of a rule whose `when` is `api`, now or when it begins; false where there is no such rule. */
  record(name: string): boolean {
    if (this.#toldRule(name) === undefined) return false;
    this.#wanted.add(name);
    const stream = this.#context.hub.get(name);
    if (stream !== undefined && this.#state === "started") this.#look(stream);
    return true;
  }

  /** Ends what `record` began; resolves when the files are done, to false where nothing was. */
  async end(name: string): Promise<boolean> {
    if (!this.#wanted.delete(name)) return false;
    for (const [stream, { recorder }] of this.#toldRule(name)?.recorders ?? []) {
      if (stream.name === name) await recorder.stop();
    }
    return true;
  }

  /** The rule by which a stream is recorded when a program says so: the first that is about it. */
  #toldRule(name: string): ActiveRule | undefined {
    return this.#rules.find(({ when, pattern }) => when === "api" && pattern.matches(name));
  }

  /** Ends all; resolves when their files are done. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#unobserve?.();
    const all = this.#rules.flatMap(({ recorders }) => [...recorders.values()]);
    await Promise.all(all.map(({ recorder }) => recorder.stop()));
  }

  #look(stream: Stream): void {
    for (const rule of this.#rules) {
      if (!rule.pattern.matches(stream.name)) continue;
      const active = rule.recorders.get(stream);
      if (this.#isDue(rule, stream)) {
        if (active === undefined && stream.isLive) this.#begin(rule, stream);
      } else if (active !== undefined) void active.recorder.stop();
    }
  }

  #isDue(rule: ActiveRule, stream: Stream): boolean {
    const { when, kicked, isGone } = rule;
    // What another worker or machine has is recorded there.
    if (isGone || kicked.has(stream) || stream.publication?.via !== undefined) return false;
    switch (when) {
      case "always":
        return true;
      case "demand":
        return stream.isWanted;
      case "api":
        return this.#wanted.has(stream.name) && this.#toldRule(stream.name) === rule;
    }
  }

  #begin(rule: ActiveRule, stream: Stream): void {
    const { log, gate, clock, nowUnixMs } = this.#context;
    const { number, target, format, segmentMs, partMs } = rule;
    const shelf = this.#shelf;
    let recorder: Recorder;
    try {
      recorder = new Recorder(stream, {
        format,
        segmentMs,
        partMs,
        open: (startUnixMs) => shelf.open(number, { name: stream.name, startUnixMs }),
        onWritten: ({ path, bytes }) => shelf.written(number, { path, bytes }),
        onSegment: (segment) => shelf.done(number, segment),
        onLost: ({ path }) => shelf.lost(number, { path }),
      }, { clock, log, nowUnixMs });
    } catch (error) {
      if (error instanceof HubError) return;
      throw error;
    }
    const active: ActiveRecorder = { recorder, ticket: undefined };
    rule.recorders.set(stream, active);
    log.info("recording started", { stream: stream.name, to: target });
    const guest = gate().own("record");
    void guest.play({ name: stream.name }).then((answer) => {
      if (!("granted" in answer) || recorder.statistics.state === "ended") return;
      active.ticket = answer.granted;
      const onEnded = (): void => {
        rule.kicked.add(stream);
        void recorder.stop();
      };
      if (!answer.granted.start({ onEnded })) void recorder.stop();
    });
    void recorder.done.then(() => {
      rule.recorders.delete(stream);
      active.ticket?.end();
      const { segments, bytes, gaps } = recorder.statistics;
      log.info("recording ended", { stream: stream.name, segments, bytes, gaps });
      // Somebody may have begun to watch meanwhile.
      if (this.#state === "started" && this.#isDue(rule, stream) && stream.isLive) {
        this.#look(stream);
      }
    });
  }
}
