import type { MediaUnit } from "../media/mod.ts";
import { type Clock, LATE, repeat, within } from "../time/mod.ts";
import { freshStart } from "./fresh_start.ts";
import type { RelayEnd } from "./relay_context.ts";
import { RelayFailure } from "./relay_driver.ts";
import { DEFAULT_IDLE_MS, isOnDemand, LOOK_MS, type RelayWay } from "./relay_way.ts";

/** Publishes here what the remote server plays. */
export const pull: RelayWay = async (parts, connection, options) => {
  const { context: { clock, hub, log }, driver, account, stop, fields } = parts;
  const { signal, left, before, onBegun } = options;
  const { units, tracks, backChannel } = await connection.play(signal, {
    onNoBackChannel: (reason) =>
      log.warn("relay source has no back channel", { ...fields(), reason }),
  });
  const first = before === undefined
    ? await firstUnit(units, { clock, silentMs: parts.options().silentMs })
    : await freshStart(units, { now: () => clock.now(), hurry: before });
  if (first === undefined) {
    signal.throwIfAborted();
    throw new RelayFailure("The source has ended before its first media");
  }
  // Who has come meanwhile publishes here, and this waits until the name is free again.
  const { name } = parts.options();
  if (before === undefined && hub.get(name)?.publisher !== undefined) return "replaced";
  const end = new AbortController();
  let reason: RelayEnd = "unwatched";
  left.addEventListener("abort", () => {
    reason = "moved";
    end.abort();
  });
  const visit = await parts.enter();
  const ticket = await visit.publish({
    identity: `relay from ${driver.target}`,
    tracks,
    backChannel,
    onEnded: (ended) => {
      reason = ended.reason === "kicked" ? "kicked" : "replaced";
      end.abort();
    },
  });
  onBegun();
  const publication = ticket.publication!;
  let wantedAt = clock.now();
  let failure: RelayFailure | undefined;
  const look = (): boolean => {
    const now = clock.now();
    const { idleMs = DEFAULT_IDLE_MS, silentMs = DEFAULT_SILENT_MS } = parts.options();
    if (!isOnDemand(parts.options()) || publication.stream.isWanted) wantedAt = now;
    if (publication.silentMs >= silentMs) {
      failure = silent(silentMs);
    }
    if (failure === undefined && now - wantedAt < idleMs) return true;
    end.abort();
    return false;
  };
  const looking = repeat(look, { clock, ms: LOOK_MS });
  account.started();
  const take = (unit: MediaUnit): void => {
    account.relayed(unit);
    ticket.write(unit);
    ticket.commit();
  };
  try {
    for (const unit of first) take(unit);
    const sink = new WritableStream<MediaUnit>({ write: take });
    await units.pipeTo(sink, { signal: AbortSignal.any([end.signal, stop]) });
    reason = "remote-ended";
    return reason;
  } catch (error) {
    if (!end.signal.aborted) throw error;
    if (failure !== undefined) throw failure;
    return reason;
  } finally {
    looking.cancel();
    visit.leave(parts.whyOver(reason));
  }
};

/** A source that sends nothing for so long has gone, milliseconds, unless the relay's options say otherwise. */
const DEFAULT_SILENT_MS = 10_000;

/**
 * Waits for the first unit of a source: there are servers that let a stream be played which nobody publishes, and that
 * is nothing to take a name for. `undefined` when there is none; the stream is not locked then.
 */
async function firstUnit(
  units: ReadableStream<MediaUnit>,
  { clock, silentMs = DEFAULT_SILENT_MS }: {
    readonly clock: Clock;
    readonly silentMs: number | undefined;
  },
): Promise<readonly MediaUnit[] | undefined> {
  const reader = units.getReader();
  try {
    const read = await within(reader.read(), { clock, ms: silentMs });
    if (read === LATE) throw silent(silentMs);
    return read.done ? undefined : [read.value];
  } finally {
    reader.releaseLock();
  }
}

function silent(ms: number): RelayFailure {
  return new RelayFailure(`Nothing has come for ${ms} ms`);
}
