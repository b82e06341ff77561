import type { ListedSegment } from "../record/mod.ts";

type RecordedFile =
  & Pick<
    ListedSegment,
    "rule" | "name" | "path" | "startUnixMs" | "endUnixMs" | "bytes" | "isOpen"
  >
  & Partial<Pick<ListedSegment, "durationMs">>;

/** A recorded file as the API shows it, of this machine and of others: times in words, the end of one that grows `null`. */
export function recordedFileView(
  { rule, name, path, startUnixMs, endUnixMs, durationMs, bytes, isOpen }: RecordedFile,
) {
  return {
    name,
    rule,
    path,
    start: new Date(startUnixMs).toISOString(),
    end: isOpen ? null : new Date(endUnixMs).toISOString(),
    durationMs: durationMs ?? null,
    bytes,
    isOpen,
  };
}
