import type { NamePattern } from "../gate/mod.ts";
import type { RecordedSegment, RecordingIndex } from "./recording_index.ts";
import type { RecordingStore } from "./recording_store.ts";
import { type S3Access, s3Endpoint } from "./s3_requests.ts";

/** Where the files of a rule are: two rules may write to one folder, or one below that of the other. */
export interface FilePlace {
  /** What is no part of a path: the store of a program's own, or the service. */
  readonly root: RecordingStore | string;
  /** The names of folders, from the outermost on. */
  readonly folders: readonly string[];
}

/** What of a rule says whose a file is. */
export interface FileHolder {
  readonly place: FilePlace;
  readonly pattern: NamePattern;
  readonly index: Pick<RecordingIndex, "get">;
}

/** The place that a rule names. Folders are compared by their names: one that a link leads to is another. */
export function filePlace(to: string | RecordingStore, s3: S3Access | undefined): FilePlace {
  if (typeof to !== "string") return { root: to, folders: [] };
  const [, scheme, path] = /^(s3:\/\/)?(.*)$/s.exec(to)!;
  const root = scheme === undefined ? path!.startsWith("/") ? "/" : "" : s3Endpoint(s3 ?? {});
  const folders: string[] = [];
  for (const name of path!.split("/")) {
    if (name === ".." && folders.length > 0 && folders.at(-1) !== "..") folders.pop();
    else if (name !== "" && name !== ".") folders.push(name);
  }
  return { root, folders };
}

/** Whether a file may be in both places: one is the other, or below it. */
export function overlap(a: FilePlace, b: FilePlace): boolean {
  if (a.root !== b.root) return false;
  const [outer, inner] = a.folders.length < b.folders.length ? [a, b] : [b, a];
  return outer.folders.every((name, index) => inner.folders[index] === name);
}

/** The path in `other` of what has a path in `place`; `undefined` where it is not there. */
export function pathIn(
  other: FilePlace,
  { place, path }: { readonly place: FilePlace; readonly path: string },
): string | undefined {
  if (other.root !== place.root) return undefined;
  const parts = [...place.folders, ...path.split("/")];
  if (!other.folders.every((name, index) => parts[index] === name)) return undefined;
  return parts.slice(other.folders.length).join("/");
}

/**
 * Whether a file that several rules know is this one's to show, and not another's: it is of the rule that has written it
 * since the server runs; of files from before, of one that records streams of the name that it reads from the path, of
 * those the one whose folder is the innermost, and of those the first.
 */
export function isOwner<Holder extends FileHolder>(
  holder: Holder,
  { segment, others }: {
    readonly segment: RecordedSegment;
    /** All whose place overlaps, itself too, in the order of the rules. */
    readonly others: readonly Holder[];
  },
): boolean {
  const { place } = holder;
  let best: { readonly holder: Holder; readonly claim: number } | undefined;
  for (const other of others) {
    const path = pathIn(other.place, { place, path: segment.path });
    const known = path === undefined ? undefined : other.index.get(path);
    if (known === undefined) continue;
    const claim = claimOf(other, known);
    if (best === undefined || claim > best.claim) best = { holder: other, claim };
  }
  return best?.holder === holder;
}

function claimOf({ place, pattern }: FileHolder, segment: RecordedSegment): number {
  const { isOpen, durationMs, name } = segment;
  const hasWritten = isOpen || durationMs !== undefined;
  return (hasWritten ? 2e6 : 0) + (pattern.matches(name) ? 1e6 : 0) + place.folders.length;
}
