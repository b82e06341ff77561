import { NODE_KEYS, replicaKey, STREAM_KEYS, streamKey, textOfKey } from "./record_keys.ts";
import type { RecordStore, StoredRecord } from "./record_store.ts";
import type { NodeRecord, ReplicaRecord, StreamRecord } from "./shared_records.ts";

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
  /** How many streams there are in all; those of a machine that has just died may be counted still. */
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
  const isAlive = await aliveMachines(store);
  const found = await Promise.all(part.map((name) => streamOf(store, name, isAlive)));
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
  const isAlive = await aliveMachines(store);
  const stream = await streamOf(store, name, isAlive);
  if (stream === undefined) return undefined;
  const records = await store.list(replicaKey(name, ""));
  const copies = Array.from(
    records,
    ([key, stored]) => ofAlive<ReplicaRecord>({ store, key, stored, isAlive }),
  )
    .flatMap((copy) => copy ?? [])
    .filter(({ epoch }) => epoch === stream.epoch)
    .map(({ node, path }) => ({ node, path }));
  return { ...stream, copies };
}

/** Whether what a machine has told is of one that tells of itself. */
type IsAlive = (told: { readonly node: string; readonly run: string }) => boolean;

async function aliveMachines(store: RecordStore): Promise<IsAlive> {
  const records = await store.list(NODE_KEYS);
  const runs = new Map(Array.from(records.values(), ({ value }) => {
    const { node, run } = JSON.parse(value) as NodeRecord;
    return [node, run];
  }));
  return ({ node, run }) => runs.get(node) === run;
}

async function streamOf(
  store: RecordStore,
  name: string,
  isAlive: IsAlive,
): Promise<ClusterStream | undefined> {
  const key = streamKey(name);
  const stored = await store.get(key);
  const record = stored && ofAlive<StreamRecord>({ store, key, stored, isAlive });
  if (record === undefined) return undefined;
  const { node, epoch, claimedMs } = record;
  return { name, node, epoch, since: new Date(claimedMs).toISOString() };
}

/** What a record says that is of a machine that is there; one of a machine that has died is removed. */
function ofAlive<T extends Parameters<IsAlive>[0]>({ store, key, stored, isAlive }: {
  readonly store: RecordStore;
  readonly key: string;
  readonly stored: StoredRecord;
  readonly isAlive: IsAlive;
}): T | undefined {
  const record = JSON.parse(stored.value) as T;
  if (isAlive(record)) return record;
  // Where the machine is cut off and comes back, it makes it anew. What fails is tried by whoever looks next.
  store.remove(key, stored.revision).catch(() => {});
  return undefined;
}
