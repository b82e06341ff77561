import type { MediaUnit } from "../media/mod.ts";
import { repeat } from "../time/mod.ts";
import { freshStart } from "./fresh_start.ts";
import type { RelayEnd } from "./relay_context.ts";
import { RelayFailure } from "./relay_driver.ts";
import { DEFAULT_IDLE_MS, isOnDemand, LOOK_MS, type RelayWay } from "./relay_way.ts";

/** Publishes here what the remote server plays. */
export const pull: RelayWay = async (parts, connection, options) => {
  const { context: { clock, log }, driver, account, stop, fields } = parts;
  const { signal, left, before, onBegun } = options;
  const { units, tracks, backChannel } = await connection.play(signal, {
    onNoBackChannel: (reason) =>
      log.warn("relay source has no back channel", { ...fields(), reason }),
  });
  const first = before === undefined
    ? []
    : await freshStart(units, { now: () => clock.now(), hurry: before });
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
    const { idleMs = DEFAULT_IDLE_MS, silentMs = 10_000 } = parts.options();
    if (!isOnDemand(parts.options()) || publication.stream.isWanted) wantedAt = now;
    if (publication.silentMs >= silentMs) {
      failure = new RelayFailure(`Nothing has come for ${silentMs} ms`);
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
