import type { BackChannelStatistics } from "../hub/mod.ts";
import type { TicketInfo } from "../gate/mod.ts";
import type { ApiSnapshot, ApiSource } from "./api_source.ts";
import type { Page, PageQuery, ServerView, StreamDetail, StreamView } from "./api_types.ts";

/** The server as a whole. */
export function serverView(
  snapshot: ApiSnapshot,
  { source, version, uptimeMs }: {
    readonly source: ApiSource;
    readonly version: string;
    readonly uptimeMs: number;
  },
): ServerView {
  const { connections, refused, heldBytes, tickets } = snapshot;
  const live = tickets.filter(({ state }) => state === "live");
  const players = live.filter(({ action }) => action === "play");
  return {
    version,
    uptimeMs: Math.round(uptimeMs),
    addresses: source.addresses,
    connections: connections.length,
    streams: snapshot.streams.filter(({ isLive }) => isLive).length,
    publishers: live.length - players.length,
    players: players.length,
    playersByProtocol: byProtocol(players),
    refused: { ...refused },
    heldBytes,
    drain: source.drainState,
    cluster: snapshot.cluster,
  };
}

/** What was made of a snapshot, which many may ask for. */
const VIEWS = new WeakMap<ApiSnapshot, readonly StreamView[]>();

/** All streams, by name. */
export function streamViews(snapshot: ApiSnapshot): readonly StreamView[] {
  let views = VIEWS.get(snapshot);
  if (views === undefined) VIEWS.set(snapshot, views = makeStreamViews(snapshot));
  return views;
}

function makeStreamViews(snapshot: ApiSnapshot): StreamView[] {
  const tickets = Map.groupBy(snapshot.tickets, ({ stream }) => stream);
  const health = new Map(snapshot.health.map((entry) => [entry.stream, entry]));
  return snapshot.streams.map((stream) => {
    const { name, isLive, publisher, fallback, held, bytesSent, dropped } = stream;
    const own = tickets.get(name) ?? [];
    const players = own.filter(({ action, state }) => action === "play" && state === "live");
    const known = health.get(name);
    return {
      name,
      isLive,
      isFallback: fallback !== undefined,
      ...(held === undefined ? {} : { held }),
      publisher: publisher === undefined ? undefined : own.find(isPublisher),
      via: publisher?.via,
      tracks: known?.tracks ?? [],
      health: known?.report,
      keyIntervalMs: publisher?.keyIntervalMs,
      ...(publisher?.backChannel === undefined
        ? {}
        : { backChannel: shownBackChannel(publisher.backChannel) }),
      players: players.length,
      playersByProtocol: byProtocol(players),
      bytesReceived: publisher?.bytes ?? 0,
      bytesSent,
      dropped,
    };
  }).sort(byName);
}

/** One stream with what its readers do; `undefined` where there is none of the name. */
export function streamDetail(snapshot: ApiSnapshot, name: string): StreamDetail | undefined {
  const streams = snapshot.streams.filter((stream) => stream.name === name);
  const [view] = streamViews({ ...snapshot, streams });
  if (view === undefined) return undefined;
  return {
    ...view,
    readers: streams[0]!.readers,
    tickets: snapshot.tickets.filter(({ stream, action }) => stream === name && action === "play"),
  };
}

/** A part of a list whose entries have a key that grows: a number, or a name. */
export function pageOf<T>(
  items: readonly T[],
  { limit = 100, after }: PageQuery,
  keyOf: (item: T) => string | number,
): Page<T> {
  const from = after === undefined ? 0 : items.findIndex((item) => isBehind(keyOf(item), after));
  const part = from < 0 ? [] : items.slice(from, from + limit);
  const last = part.at(-1);
  const hasMore = last !== undefined && from + part.length < items.length;
  return {
    items: part,
    ...(hasMore ? { next: String(keyOf(last)) } : {}),
    total: items.length,
  };
}

function isBehind(key: string | number, after: string): boolean {
  return typeof key === "number" ? key > Number(after) : key > after;
}

function isPublisher({ action, state, protocol }: TicketInfo): boolean {
  return action === "publish" && state === "live" && protocol !== "fallback";
}

function byProtocol(tickets: readonly TicketInfo[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { protocol } of tickets) counts[protocol] = (counts[protocol] ?? 0) + 1;
  return counts;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function shownBackChannel(
  { codecs, isTaken }: BackChannelStatistics,
): Pick<BackChannelStatistics, "codecs" | "isTaken"> {
  return { codecs, isTaken };
}
