import type { Stream } from "../hub/mod.ts";
import type { Answer } from "./answer.ts";
import type { StreamRequest } from "./stream_request.ts";

/** The parameter of a query by which players ask for a stream as it was: seconds ago, or a time. */
export const FROM_PARAMETER = "from";

/** What one player sees of a stream from another time on. */
export interface PastStream {
  /** A stream of its own, which nobody else finds. */
  readonly stream: Stream;
  /** When what it begins with was, milliseconds since 1970. */
  readonly startUnixMs: number;
  /** Ends it; harmless when repeated. */
  close(): void;
}

/** Who has what streams were some time ago. */
export interface PastStreams {
  /**
   * Opens what a player asks for by the query of its request, or from `fromUnixMs` on, milliseconds since 1970. A time
   * before what is kept means the oldest that there is.
   */
  open(
    request: StreamRequest,
    from?: { readonly fromUnixMs: number },
  ): Promise<Answer<PastStream>>;
}
