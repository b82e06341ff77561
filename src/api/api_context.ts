import type { ApiProgram, ApiSource } from "./api_source.ts";
import type { RecentSnapshot } from "./recent_snapshot.ts";
import type { RelayRecord } from "./relay_record.ts";

/** What the API's answers are made of. */
export interface ApiContext {
  /** The server. */
  readonly source: ApiSource;
  /** Its counts. */
  readonly counts: RecentSnapshot;
  /** What the program has given of its own. */
  readonly program: ApiProgram;
  /** The relays that were made by the API. */
  readonly relays: RelayRecord;
  /** Version of weir. */
  readonly version: string;
  /** Time since the server was made, milliseconds. */
  readonly uptimeMs: () => number;
}
