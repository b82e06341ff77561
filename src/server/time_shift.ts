import { reasonOf } from "../log/mod.ts";
import {
  AddressCounter,
  type Answer,
  FROM_PARAMETER,
  type PastStream,
  type PastStreams,
  type Refusal,
  refusalOf,
  type StreamRequest,
} from "../gate/mod.ts";
import { HubError } from "../hub/mod.ts";
import {
  PastPlayer,
  pastUnits,
  type RecordedFiles,
  type RecordersContext,
  RecordingError,
  SegmentStructures,
} from "../record/mod.ts";

/** Players of other times at once: each has a stream of its own, with the memory of one. */
const MOST_PAST_STREAMS = 1000;

/** Those of one address, of any kind. */
const MOST_OF_ADDRESS = 100;

/** What a player of HLS wants before it begins, milliseconds: a segment, and up to the key frame that ends it. */
const HLS_AHEAD_MS = 3000;

/** So much a client's clock may be ahead, milliseconds. */
const MOST_AHEAD_MS = 2000;

/** Words of the parameter `catchup` that mean yes. */
const YES = new Set(["", "1", "true", "yes"]);

/** What time shift needs of the server. */
export type TimeShiftContext = Pick<RecordersContext, "hub" | "clock" | "log">;

/** Recordings, and what is remembered of their files. */
interface Archive {
  readonly recordings: RecordedFiles;
  readonly structures: SegmentStructures;
}

/** Plays streams from another time on, out of what is kept or recorded of them. */
export class TimeShift implements PastStreams {
  readonly #context: TimeShiftContext;
  /** What is asked in turn: what is kept in memory, and then what is recorded. */
  readonly #archives: readonly Archive[];
  /** Those that are open, by the addresses of their players; the server's own have none. */
  readonly #open = new AddressCounter();

  /** Plays of these recordings. */
  constructor(context: TimeShiftContext, archives: readonly RecordedFiles[]) {
    this.#context = context;
    this.#archives = archives.map((recordings) => ({
      recordings,
      structures: new SegmentStructures(recordings),
    }));
  }

  /** See {@linkcode PastStreams.open}. */
  async open(
    request: StreamRequest,
    from?: { readonly fromUnixMs: number },
  ): Promise<Answer<PastStream>> {
    const { name, query, connection } = request;
    const nowUnixMs = Date.now();
    const fromUnixMs = from?.fromUnixMs ?? readFrom(query.get(FROM_PARAMETER) ?? "", nowUnixMs);
    if (fromUnixMs === undefined) return WRONG_FROM;
    if (this.#open.total >= MOST_PAST_STREAMS) {
      return { refused: "full", why: `${MOST_PAST_STREAMS} players are at another time already` };
    }
    const { remoteAddress } = connection;
    if (remoteAddress !== "" && this.#open.of(remoteAddress) >= MOST_OF_ADDRESS) {
      return {
        refused: "full",
        why: `${MOST_OF_ADDRESS} players of this address are at another time already`,
      };
    }
    const archive = await this.#archiveOf(name, fromUnixMs);
    if (archive === undefined) {
      return { refused: "absent", why: `Nothing is kept of ${name} from that time on` };
    }
    try {
      return await this.#play(archive, {
        name,
        fromUnixMs,
        remoteAddress,
        catchesUp: query.has("catchup") && YES.has(query.get("catchup")!),
        aheadMs: connection.protocol === "http-hls" ? HLS_AHEAD_MS : 0,
      });
    } catch (error) {
      if (error instanceof RecordingError) return { refused: "absent", why: error.message };
      if (error instanceof HubError) return refusalOf(error);
      throw error;
    }
  }

  async #play(
    { recordings, structures }: Archive,
    { name, remoteAddress, fromUnixMs, catchesUp, aheadMs }: {
      readonly name: string;
      readonly remoteAddress: string;
      readonly fromUnixMs: number;
      readonly catchesUp: boolean;
      readonly aheadMs: number;
    },
  ): Promise<Answer<PastStream>> {
    const { hub, clock, log } = this.#context;
    const abort = new AbortController();
    const stream = hub.detached(name, () => player.start());
    const player: PastPlayer = new PastPlayer({
      stream,
      events: pastUnits(recordings, {
        name,
        fromUnixMs,
        structures,
        clock,
        patienceMs: hub.settingsOf(name).lingerMs,
        signal: abort.signal,
      }),
      fromUnixMs,
      catchesUp,
      aheadMs,
      clock,
      nowUnixMs: Date.now,
      onFailed: (error) =>
        log.warn("a recording cannot be played on", {
          stream: name,
          reason: reasonOf(error),
        }),
    });
    const giveBack = this.#open.take(remoteAddress);
    const past: PastStream = {
      stream,
      get startUnixMs() {
        return Math.round(player.startUnixMs);
      },
      close: () => {
        giveBack();
        abort.abort();
        player.close();
      },
    };
    try {
      await player.open();
      return { granted: past };
    } catch (error) {
      past.close();
      throw error;
    }
  }

  /** The first that has a time, or else the one that goes back furthest. */
  async #archiveOf(name: string, fromUnixMs: number): Promise<Archive | undefined> {
    let best: { readonly archive: Archive; readonly at: number } | undefined;
    for (const archive of this.#archives) {
      const [first] = (await archive.recordings.find({ name, fromUnixMs }))
        .filter(({ path }) => path.endsWith(".mp4"));
      if (first === undefined) continue;
      const at = Math.max(first.startUnixMs, fromUnixMs);
      if (best === undefined || at < best.at) best = { archive, at };
    }
    return best?.archive;
  }
}

/** Reads when a player wants to begin; `undefined` where that is no time. */
export function readFrom(text: string, nowUnixMs: number): number | undefined {
  if (/^-\d{1,9}(\.\d{1,3})?$/.test(text)) return nowUnixMs + Number(text) * 1000;
  const isIso = /^\d{4}-\d\d-\d\dT/.test(text);
  if (!isIso && !/^\d{12,14}$/.test(text)) return undefined;
  const unixMs = isIso ? Date.parse(text) : Number(text);
  // Nobody knows what will be, and not every clock is right.
  return unixMs <= nowUnixMs + MOST_AHEAD_MS ? Math.min(unixMs, nowUnixMs) : undefined;
}

const WRONG_FROM: Refusal = {
  refused: "invalid",
  why:
    '"from" is wrong: allowed are seconds before now, such as -90, or a time that is over, such as 2026-11-27T09:30:00Z',
};
