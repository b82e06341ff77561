import { replicaKey, STREAM_KEYS, streamKey, textOfKey } from "./record_keys.ts";
import type { RecordStore } from "./record_store.ts";
import type { ReplicaRecord, StreamRecord } from "./shared_records.ts";

/** A stream that is published at some machine of a cluster. */
export interface ClusterStream {
  /** Its name. */
  readonly name: string;
  /** The machine that has its publisher. */
  readonly node: string;
  /** Which publisher of the name it is, counted from 1. */
  readonly epoch: number;
  /** When the name was claimed, as a time of ISO 8601. */
  readonly since: string;
}

/** A stream of a cluster, with the machines that have a copy. */
export interface ClusterStreamDetail extends ClusterStream {
  /** Those machines: what each has passed, from the publisher's machine to itself. */
  readonly copies: readonly { readonly node: string; readonly path: readonly string[] }[];
}

/** A part of the streams, by name. */
export interface ClusterStreamPage {
  /** The streams of it. */
  readonly items: readonly ClusterStream[];
  /** The last name of the part, where more follow. */
  readonly next?: string;
  /** How many streams there are in all. */
  readonly total: number;
}

/** The streams of all machines, by name: those behind `after`, as many as `limit` at most. */
export async function clusterStreams(
  store: RecordStore,
  { limit, after = "" }: { readonly limit: number; readonly after?: string | undefined },
): Promise<ClusterStreamPage> {
  const keys = await store.keys(STREAM_KEYS);
  const names = keys.map((key) => textOfKey(key.slice(STREAM_KEYS.length))).sort();
  const behind = names.filter((name) => name > after);
  const part = behind.slice(0, limit);
  const found = await Promise.all(part.map((name) => streamOf(store, name)));
  const last = part.at(-1);
  return {
    // One may have ended meanwhile.
    items: found.filter((stream) => stream !== undefined),
    ...(last !== undefined && behind.length > part.length ? { next: last } : {}),
    total: names.length,
  };
}

/** One stream, with its copies; `undefined` where nobody publishes it. */
export async function clusterStream(
  store: RecordStore,
  name: string,
): Promise<ClusterStreamDetail | undefined> {
  const stream = await streamOf(store, name);
  if (stream === undefined) return undefined;
  const records = await store.list(replicaKey(name, ""));
  const copies = Array.from(records.values(), ({ value }) => JSON.parse(value) as ReplicaRecord)
    .filter(({ epoch }) => epoch === stream.epoch)
    .map(({ node, path }) => ({ node, path }));
  return { ...stream, copies };
}

async function streamOf(store: RecordStore, name: string): Promise<ClusterStream | undefined> {
  const stored = await store.get(streamKey(name));
  if (stored === undefined) return undefined;
  const { node, epoch, claimedMs } = JSON.parse(stored.value) as StreamRecord;
  return { name, node, epoch, since: new Date(claimedMs).toISOString() };
}
