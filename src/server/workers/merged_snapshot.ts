import type { StreamStatistics } from "../../hub/mod.ts";
import type { ServerSnapshot } from "../statistics.ts";

/** The protocol by which tickets say that a stream is fetched. */
const FETCHED = "cluster";

/**
 * Puts the counts of the parts of a server together, whose names are `members`: a stream is one, wherever its publisher
 * and its players are, and what one part fetches from another is neither a second publisher nor a player.
 */
export function mergedSnapshot(
  all: readonly ServerSnapshot[],
  members: ReadonlySet<string>,
): ServerSnapshot {
  const parts = all.map((part) => withoutCopies(part, members));
  const [first, ...others] = parts;
  if (first === undefined) throw new TypeError("Cannot merge the snapshots of nothing");
  const merged = others.reduce<unknown>(merge, { ...first, streams: [] }) as ServerSnapshot;
  return {
    ...merged,
    streams: mergedStreams(all.flatMap(({ streams }) => streams), members),
  };
}

/** The counts of a part without the publishers that stand for those of another. */
function withoutCopies(part: ServerSnapshot, members: ReadonlySet<string>): ServerSnapshot {
  const copied = new Set(
    part.streams.flatMap(({ name, publisher }) => isCopy(publisher, members) ? [name] : []),
  );
  const copies = new Set(
    part.tickets.flatMap(({ id, protocol, state, stream }) =>
      protocol === FETCHED && (state !== "live" || copied.has(stream)) ? [id] : []
    ),
  );
  return {
    ...part,
    tickets: part.tickets.filter(({ id }) => !copies.has(id)),
    health: part.health.filter(({ ticket }) => !copies.has(ticket)),
  };
}

function isCopy(publisher: StreamStatistics["publisher"], members: ReadonlySet<string>): boolean {
  return publisher?.via !== undefined && members.has(publisher.via);
}

function mergedStreams(
  streams: readonly StreamStatistics[],
  members: ReadonlySet<string>,
): StreamStatistics[] {
  const byName = new Map<string, StreamStatistics>();
  for (const stream of streams) {
    const before = byName.get(stream.name);
    byName.set(stream.name, before === undefined ? stream : mergedStream(before, stream, members));
  }
  return [...byName.values()];
}

function mergedStream(
  a: StreamStatistics,
  b: StreamStatistics,
  members: ReadonlySet<string>,
): StreamStatistics {
  const publisher = a.publisher === undefined || isCopy(a.publisher, members)
    ? b.publisher ?? a.publisher
    : a.publisher;
  const [fallback, held] = [a.fallback ?? b.fallback, a.held ?? b.held];
  return {
    ...a,
    publisher,
    isLive: a.isLive || b.isLive,
    ...(fallback === undefined ? {} : { fallback }),
    ...(held === undefined ? {} : { held }),
    readers: [...a.readers, ...b.readers],
    bytesSent: a.bytesSent + b.bytesSent,
    messagesSent: a.messagesSent + b.messagesSent,
    dropped: a.dropped + b.dropped,
  };
}

/** Adds numbers, joins lists, and goes into objects; of texts the first stays. */
function merge(a: unknown, b: unknown): unknown {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (isRecord(a) && isRecord(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return Object.fromEntries(
      Array.from(keys, (key) => [
        key,
        key in a && key in b ? merge(a[key], b[key]) : key in a ? a[key] : b[key],
      ]),
    );
  }
  return a ?? b;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
