import type { ApiRecord } from "./api_record.ts";
import type { ApiProgram, ApiSource } from "./api_source.ts";
import type { RecentSnapshot } from "./recent_snapshot.ts";

/** What the API's answers are made of. */
export interface ApiContext {
  /** The server. */
  readonly source: ApiSource;
  /** Its counts. */
  readonly counts: RecentSnapshot;
  /** What the program has given of its own. */
  readonly program: ApiProgram;
  /** The relays and rules of paths that were made by the API. */
  readonly record: ApiRecord;
  /** Version of weir. */
  readonly version: string;
  /** Time since the server was made, milliseconds. */
  readonly uptimeMs: () => number;
}
