import type { ServerEvents } from "../events/mod.ts";
import { MediaFileError } from "../files/mod.ts";
import type { ServerHooks } from "../gate/mod.ts";
import { RecordingError, type Recordings } from "../record/mod.ts";
import { ServerError } from "../transport/mod.ts";
import { Fallbacks } from "./fallbacks.ts";
import { FileChannels } from "./file_channels.ts";
import { HealthWatch } from "./health_watch.ts";
import { ServerApi, type ServerApiSource } from "./server_api.ts";
import { ServerClips } from "./server_clips.ts";
import type { LiveOptions } from "./options.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";
import type { ArchiveName } from "./server_part.ts";
import { KeptStreams, recordersContext, recordingsOf } from "./server_recordings.ts";
import { ServerRelays } from "./server_relays.ts";
import { TimeShift } from "./time_shift.ts";
import type { WorkerPool } from "./workers/worker_pool.ts";

/** What agents need beside the core. */
export interface ServerAgentsParts {
  /** The server, as its API shows it. */
  readonly source: ServerApiSource;
  /** Who hears of what happens. */
  readonly events: ServerEvents;
  /** The hooks that decide. */
  readonly hooks: ServerHooks;
  /** The workers, where they serve. */
  readonly pool: WorkerPool | undefined;
  /** The options of now, of those that can be changed. */
  readonly live: () => LiveOptions;
}

/** The agents of a server. */
export interface ServerAgents {
  /** Those that the server itself offers to programs. */
  readonly relays: ServerRelays;
  readonly recordings: Recordings;
  /** What is kept, and what is recorded. */
  readonly archives: Readonly<Record<ArchiveName, Recordings>>;
  readonly clips: ServerClips;
  /** What is kept of live streams. */
  readonly keep: KeptStreams;
  /** Files that are published. */
  readonly channels: FileChannels;
  readonly api: ServerApi | undefined;
  /** All of them, in the order in which they begin. */
  readonly all: readonly ServerAgent[];
}

/**
 * Makes the agents that the options of a server ask for; a new one is a row of the list.
 *
 * @throws as {@linkcode checkRelays} if a relay is wrong
 * @throws {RangeError} if a token of the API is too short
 */
export function makeAgents(
  core: ServerCore,
  { source, events, hooks, pool, live }: ServerAgentsParts,
): ServerAgents {
  const { options, part, shell } = core;
  const relays = new ServerRelays(core, pool);
  const recordings = recordingsOf(core, { events, elsewhere: pool?.recorders("recorded") });
  // Parts of a server know a part of it alone.
  const api = part === undefined && options.api !== false
    ? new ServerApi(core, {
      ...options.api,
      source,
      recordings,
      hooks,
      hasOpenMetrics: () => {
        const { api } = live();
        return api !== undefined && api !== false && api.openMetrics === true;
      },
    })
    : undefined;
  const keep = new KeptStreams(core, pool?.recorders("kept"));
  const archives = { kept: keep.recordings, recorded: recordings };
  const ofPart = part?.recorders?.(recordersContext(core));
  shell.gate.past = ofPart?.past ?? new TimeShift(shell, Object.values(archives));
  const clips = new ServerClips(core, [keep.recordings, recordings]);
  const channels = new FileChannels(core);
  const all: readonly ServerAgent[] = [
    relays,
    ...api === undefined ? [] : [api],
    recordings,
    keep,
    ...ofPart === undefined ? [] : [ofPart],
    clips,
    channels,
    new Fallbacks(core),
    new HealthWatch({ tickets: () => shell.gate.tickets.values(), log: shell.log }),
  ];
  return { relays, recordings, archives, clips, keep, channels, api, all };
}

/**
 * Has agents say what they miss, before anything listens.
 *
 * @throws {ServerError} `permission`, with the flag to add, or `state`
 */
export async function openAgents({ all }: ServerAgents): Promise<void> {
  try {
    for (const agent of all) await agent.open?.();
  } catch (error) {
    if (!(error instanceof RecordingError || error instanceof MediaFileError)) throw error;
    const isPermission = error.message.includes("without permission");
    throw new ServerError(isPermission ? "permission" : "state", error.message, { cause: error });
  }
}

/** Ends agents, those that began last first. */
export async function stopAgents({ all }: ServerAgents): Promise<void> {
  await Promise.all(all.toReversed().map((agent) => agent.stop?.()));
}
