import type { RecordStore } from "./record_store.ts";

/** A file of a recording, as machines tell each other of it. */
export interface KeptRecording {
  /** The stream. */
  readonly name: string;
  /** Number of the rule by which it was recorded. */
  readonly rule: number;
  /** Its path in the store of its machine. */
  readonly path: string;
  /** When it begins, milliseconds since 1970. */
  readonly startUnixMs: number;
  /** When it ends, milliseconds since 1970; of an open one, when its newest media came. */
  readonly endUnixMs: number;
  /** How long its media is, milliseconds, where that is known. */
  readonly durationMs?: number | undefined;
  /** Its length. */
  readonly bytes: number;
  /** Whether it is being written. */
  readonly isOpen: boolean;
}

/** Which recordings are asked for. */
export interface RecordingsQuery {
  /** Of this stream alone. */
  readonly name?: string | undefined;
  /** Files that end after this, milliseconds since 1970. */
  readonly fromUnixMs?: number | undefined;
  /** Files that begin before this, milliseconds since 1970. */
  readonly toUnixMs?: number | undefined;
}

/** Which part of a list of recordings is wanted. */
export interface RecordingsPageQuery extends RecordingsQuery {
  /** The most that are wanted. */
  readonly limit: number;
  /** The `next` of the part before. */
  readonly after?: string | undefined;
}

/** A file of a recording of a cluster. */
export interface ClusterRecording extends KeptRecording {
  /** The machine that keeps it. */
  readonly node: string;
}

/** A part of what the machines of a cluster keep, by time. */
export interface ClusterRecordingsPage {
  /** The files of it. */
  readonly items: readonly ClusterRecording[];
  /** Where the next part begins, where more follow. */
  readonly next?: string;
  /** How many there are in all, of the machines that have answered. */
  readonly total: number;
  /** The machines that have not answered in time: what they keep is left out. */
  readonly silent: readonly string[];
}

/** What one machine answers. */
export interface KeptPart {
  /** The files that it tells of, in order. */
  readonly items: readonly KeptRecording[];
  /** How many it has in all. */
  readonly total: number;
  /** Whether it has more behind these. */
  readonly hasMore: boolean;
}

/** How the recordings of this machine are found. */
export type FindRecordings = (
  query: {
    readonly name?: string;
    readonly fromUnixMs: number;
    readonly toUnixMs: number;
  },
) => readonly KeptRecording[];

/** What machines are asked begins so. */
export const RECORDINGS_WORD = "recordings";

/** Letters of an answer at most: a NATS server carries messages of 1 MiB. */
const MOST_LETTERS = 500_000;

/** Where a file stands in the list of all: by its time, and those of one time by machine and path. */
type Place = readonly [startUnixMs: number, node: string, path: string];

/** A part of what is kept here, as it is told to other machines. */
export function keptPart(
  find: FindRecordings,
  options: RecordingsPageQuery & { readonly node: string },
): KeptPart {
  const { node, name, fromUnixMs = -Infinity, toUnixMs = Infinity, limit, after } = options;
  const found = find({ ...(name === undefined ? {} : { name }), fromUnixMs, toUnixMs });
  const behind = after === undefined ? undefined : placeOfText(after);
  const rest = found.filter((file) =>
    behind === undefined || compared(placeOf(file, node), behind) > 0
  ).sort((a, b) => compared(placeOf(a, node), placeOf(b, node)));
  const items: KeptRecording[] = [];
  let letters = 0;
  for (const { name, rule, path, startUnixMs, endUnixMs, durationMs, bytes, isOpen } of rest) {
    const item = { name, rule, path, startUnixMs, endUnixMs, durationMs, bytes, isOpen };
    letters += JSON.stringify(item).length;
    if (items.length === limit || (letters > MOST_LETTERS && items.length > 0)) break;
    items.push(item);
  }
  return { items, total: found.length, hasMore: items.length < rest.length };
}

/** The same of what another machine has asked; `undefined` where that is not understood. */
export function answerRecordings(
  find: FindRecordings,
  { node, text }: { readonly node: string; readonly text: string },
): string | undefined {
  const query = parsed<RecordingsPageQuery>(text);
  return query && JSON.stringify(keptPart(find, { ...query, node }));
}

/** What one machine keeps; `undefined` where it does not answer in time. */
export async function askRecordings(
  store: Pick<RecordStore, "ask">,
  node: string,
  query: RecordingsPageQuery,
): Promise<KeptPart | undefined> {
  const answer = await store.ask(node, `${RECORDINGS_WORD} ${JSON.stringify(query)}`);
  return answer === undefined ? undefined : parsed<KeptPart>(answer);
}

/** Puts together what machines have answered. */
export function recordingsPage(
  parts: ReadonlyMap<string, KeptPart | undefined>,
  limit: number,
): ClusterRecordingsPage {
  const silent: string[] = [];
  const all: ClusterRecording[] = [];
  let total = 0;
  /** What is behind the last that a machine has told of may have others of it before. */
  let end: Place | undefined;
  for (const [node, part] of parts) {
    if (part === undefined) {
      silent.push(node);
      continue;
    }
    total += part.total;
    all.push(...part.items.map((item) => ({ node, ...item })));
    const last = part.items.at(-1);
    if (!part.hasMore || last === undefined) continue;
    const place = placeOf(last, node);
    if (end === undefined || compared(place, end) < 0) end = place;
  }
  all.sort((a, b) => compared(placeOf(a, a.node), placeOf(b, b.node)));
  const known = end === undefined
    ? all
    : all.filter((item) => compared(placeOf(item, item.node), end) <= 0);
  const items = known.slice(0, limit);
  const last = items.at(-1);
  const hasMore = last !== undefined && (items.length < all.length || end !== undefined);
  return {
    items,
    ...(hasMore ? { next: placeOf(last, last.node).join(" ") } : {}),
    total,
    silent: silent.sort(),
  };
}

/**
 * Whether a text is one that `next` of a list of recordings can be.
 *
 * @example
 * ```ts
 * import { isRecordingsPlace } from "@weir/server/cluster";
 *
 * console.log(isRecordingsPlace("1764280000000 edge-1 live/cam/2025-11-27/22-00-00-000.mp4")); // true
 * ```
 */
export function isRecordingsPlace(text: string): boolean {
  return /^\d{1,15} [\w.-]+ ./.test(text);
}

function placeOf({ startUnixMs, path }: KeptRecording, node: string): Place {
  return [startUnixMs, node, path];
}

function placeOfText(text: string): Place {
  const [start = "", node = "", ...path] = text.split(" ");
  return [Number(start), node, path.join(" ")];
}

function compared([startA, ...a]: Place, [startB, ...b]: Place): number {
  if (startA !== startB) return startA - startB;
  for (const [index, part] of a.entries()) {
    if (part !== b[index]) return part < b[index]! ? -1 : 1;
  }
  return 0;
}

/** What another machine of the cluster has said; one of another version may say something else. */
function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
