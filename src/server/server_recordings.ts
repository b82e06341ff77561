import { ClipRoutes } from "../api/mod.ts";
import type { HttpRoutes } from "../doors/http/mod.ts";
import type { Hub } from "../hub/mod.ts";
import type { ServerEvents } from "../events/mod.ts";
import {
  MemoryStore,
  type RecordersContext,
  type RecordersElsewhere,
  type RecordingRule,
  Recordings,
} from "../record/mod.ts";
import type { KeepOptions, LiveOptions } from "./options.ts";
import { recordingsOfRule } from "./path_rules.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";

/** Files of what is kept are so long, milliseconds: what is too old goes a file at a time. */
const KEPT_FILE_MS = 5000;

/** What a clip can begin at, milliseconds. */
const KEPT_PART_MS = 500;

/** The recordings by the rules of the options; workers write to these too. */
export function recordingsOf(
  core: ServerCore,
  { events, elsewhere }: {
    readonly events: ServerEvents;
    readonly elsewhere: RecordersElsewhere | undefined;
  },
): Recordings {
  return new Recordings({
    ...recordersContext(core),
    elsewhere,
    onSegment: ({ name, path, startUnixMs, durationMs, bytes }) =>
      events.emit("recording-segment", {
        stream: name,
        path,
        start: new Date(startUnixMs).toISOString(),
        durationMs,
        bytes,
      }),
  }, recordingRulesOf(core.options));
}

/** The rules of recordings that options have, those of paths too. */
export function recordingRulesOf({ record = [], paths = [], s3 }: LiveOptions): RecordingRule[] {
  return [...record, ...paths.flatMap(recordingsOfRule)]
    .map((rule) => s3 === undefined ? rule : { s3, ...rule });
}

/** Keeps the last of each stream, as a recording in memory, and answers with clips of it. */
export class KeptStreams implements ServerAgent {
  /** The clips. */
  readonly routes: readonly HttpRoutes[];
  /** What is kept. */
  readonly recordings: Recordings;
  readonly #hub: Hub;
  /** What holds it; `undefined` where nothing is to be kept. */
  #store: MemoryStore | undefined;
  #letGo: (() => void) | undefined;

  /** Keeps nothing yet. */
  constructor(core: ServerCore, elsewhere: RecordersElsewhere | undefined) {
    const { keep } = core.options;
    this.#hub = core.shell.hub;
    this.#store = keep && newStore();
    const context = { ...recordersContext(core), elsewhere };
    this.recordings = new Recordings(context, rulesOf(keep, this.#store));
    this.routes = [
      new ClipRoutes({
        keep: this.recordings,
        isOn: () => this.#store !== undefined,
        nowUnixMs: Date.now,
      }),
    ];
  }

  /**
   * Resolves with what has it keep as other options say. What is kept stays where that differs in time and size alone.
   *
   * @throws {TypeError | RangeError} (rejects) if the options are wrong
   */
  async prepare({ keep }: LiveOptions): Promise<() => Promise<void>> {
    const store = keep && (this.#store ?? newStore());
    const follow = await this.recordings.prepare(rulesOf(keep, store));
    return async () => {
      this.#store = store;
      await follow();
    };
  }

  /** Keeps from now on; what it holds counts with what streams hold, and is let go with it. */
  start(): void {
    const store = (): MemoryStore | undefined => this.#store;
    const { recordings } = this;
    this.#letGo = this.#hub.hold({
      get heldBytes() {
        return store()?.bytes ?? 0;
      },
      shed: () => recordings.shed(),
    });
    recordings.start();
  }

  /** Keeps nothing more. */
  async stop(): Promise<void> {
    this.#letGo?.();
    await this.recordings.stop();
  }
}

function newStore(): MemoryStore {
  return new MemoryStore({ nowUnixMs: Date.now });
}

function rulesOf(keep: KeepOptions | undefined, store: MemoryStore | undefined): RecordingRule[] {
  if (keep === undefined || store === undefined) return [];
  const { name = "*", ms, bytes = 256 * 1024 * 1024 } = keep;
  return [{
    name,
    to: store,
    segmentMs: KEPT_FILE_MS,
    partMs: KEPT_PART_MS,
    keepMs: ms,
    keepBytes: bytes,
  }];
}

/** What recorders of a server go by. */
export function recordersContext({ shell }: ServerCore): RecordersContext {
  const { hub, gate, log, clock } = shell;
  return { hub, gate: () => gate, log, clock, nowUnixMs: Date.now };
}
