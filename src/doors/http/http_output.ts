import type { Shell } from "../mod.ts";
import type { IncomingRequest } from "./incoming_request.ts";
import type { StreamVisit } from "./http_visit.ts";
import type { HttpAnswer } from "./whole_answer.ts";

/** Answers a request about a stream. */
export type StreamHandler = (visit: StreamVisit) => HttpAnswer | Promise<HttpAnswer>;

/**
 * A way by which a stream is played or published over HTTP: one row of the door's table. What stands before the
 * suffix in the path is the stream's name.
 */
export interface HttpOutput {
  /** What connections, tickets and log lines call it: `http-flv`; where it depends, made of the request. */
  readonly protocol: string | ((request: Pick<IncomingRequest, "header">) => string);
  /** The end of the path, anchored there: `/\.flv$/`. It is matched against at most 4 KiB, percent-decoded. */
  readonly suffix: RegExp;
  /** Is called once, when the door opens. */
  readonly open?: (shell: Shell) => Promise<void> | void;
  /** What answers each method; HEAD is answered by GET, without the body, where it is not named. */
  readonly methods: Readonly<Record<string, StreamHandler>>;
  /** What the answer to OPTIONS tells beside the methods: `accept-post`. Nothing by default. */
  readonly told?: Readonly<Record<string, string>>;
  /**
   * Methods that pages of other origins may use beside GET and HEAD. Others are refused them: a page that somebody
   * happens to look at must not publish here.
   */
  readonly crossOrigin?: readonly string[];
}
