import { ClipRoutes } from "../api/mod.ts";
import type { HttpRoutes } from "../doors/http/mod.ts";
import type { ServerEvents } from "../events/mod.ts";
import { MemoryStore, Recordings, type RecordingsContext } from "../record/mod.ts";
import type { KeepOptions } from "./options.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";

/** Files of what is kept are so long, milliseconds: what is too old goes a file at a time. */
const KEPT_FILE_MS = 5000;

/** What a clip can begin at, milliseconds. */
const KEPT_PART_MS = 500;

/** The recordings by the rules of the options. Of several workers each records what is published to it. */
export function recordingsOf(core: ServerCore, events: ServerEvents): Recordings {
  const { record = [], s3 } = core.options;
  const rules = core.workers === 1
    ? record.map((rule) => s3 === undefined ? rule : { s3, ...rule })
    : [];
  return new Recordings({
    ...recordingsContext(core),
    onSegment: ({ name, path, startUnixMs, durationMs, bytes }) =>
      events.emit("recording-segment", {
        stream: name,
        path,
        start: new Date(startUnixMs).toISOString(),
        durationMs,
        bytes,
      }),
  }, rules);
}

/** Keeps the last of each stream, as a recording in memory, and answers with clips of it. */
export class KeptStreams implements ServerAgent {
  /** The clips. */
  readonly routes: readonly HttpRoutes[];
  /** What is kept. */
  readonly recordings: Recordings;

  /** Keeps nothing yet. */
  constructor(core: ServerCore, { name = "*", ms, bytes = 256 * 1024 * 1024 }: KeepOptions) {
    this.recordings = new Recordings(recordingsContext(core), [{
      name,
      to: new MemoryStore({ nowUnixMs: Date.now }),
      segmentMs: KEPT_FILE_MS,
      partMs: KEPT_PART_MS,
      keepMs: ms,
      keepBytes: bytes,
    }]);
    this.routes = [new ClipRoutes({ keep: this.recordings, nowUnixMs: Date.now })];
  }

  /** Keeps from now on. */
  start(): void {
    this.recordings.start();
  }

  /** Keeps nothing more. */
  async stop(): Promise<void> {
    await this.recordings.stop();
  }
}

function recordingsContext({ shell }: ServerCore): RecordingsContext {
  const { hub, gate, log, clock } = shell;
  return { hub, gate: () => gate, log, clock, nowUnixMs: Date.now };
}
