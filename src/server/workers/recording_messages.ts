import type {
  ListedSegment,
  RecorderRule,
  RecordingErrorCode,
  SegmentInfo,
  SegmentPlace,
  SegmentQuery,
} from "../../record/mod.ts";
import type { ArchiveName } from "../server_part.ts";

/** What recorders of a worker go by. */
export interface RecordingStart {
  readonly rules: readonly RecorderRule[];
  /** Names that a program has told to record. */
  readonly wanted: readonly string[];
}

/** Why something failed in the other thread. */
export interface RecordingFailure {
  readonly code: RecordingErrorCode | undefined;
  readonly message: string;
}

type Place = Pick<ListedSegment, "rule" | "path">;

/** What a worker has the main thread do, which has the files. */
export interface RecordingCalls {
  open(
    archive: ArchiveName,
    rule: number,
    place: SegmentPlace,
  ): Promise<
    { readonly file: number; readonly path: string; readonly mostBytes: number | undefined }
  >;
  write(file: number, bytes: Uint8Array): Promise<void>;
  close(file: number): Promise<
    { readonly failure: RecordingFailure | undefined; readonly storedBytes: number | undefined }
  >;
  written(
    archive: ArchiveName,
    rule: number,
    file: { readonly path: string; readonly bytes: number },
  ): void;
  done(archive: ArchiveName, rule: number, segment: SegmentInfo): void;
  lost(archive: ArchiveName, rule: number, file: { readonly path: string }): void;
  find(archive: ArchiveName, query: SegmentQuery): ListedSegment[];
  segment(archive: ArchiveName, place: Place): ListedSegment | undefined;
  read(
    archive: ArchiveName,
    place: Place,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array>;
}

/** Asks for one of these; with `ask` 0 nobody waits for the answer. */
export interface RecordingAsk {
  readonly ask: number;
  readonly method: keyof RecordingCalls;
  readonly args: readonly unknown[];
}

/** What became of it. */
export type RecordingReply =
  | { readonly ask: number; readonly value: unknown }
  | { readonly ask: number; readonly failure: RecordingFailure };
