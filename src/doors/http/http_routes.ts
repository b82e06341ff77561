import type { HttpVisit } from "./http_visit.ts";
import type { HttpAnswer } from "./whole_answer.ts";

/** A group of paths that are no streams: the API, the console, recordings. The server hands it to the door. */
export interface HttpRoutes {
  /** What its connections are called: `http-api`. */
  readonly protocol: string;
  /** Whether it is asked before the outputs have the path, or for what none of them has. */
  readonly place: "before-outputs" | "after-outputs";
  /** Whether a path, percent-decoded and without the prefix that the server is mounted at, is one of its own. */
  has(path: string): boolean;
  /** Answers a request for one of its paths, whatever the method. */
  serve(visit: HttpVisit): HttpAnswer | Promise<HttpAnswer>;
  /** Whether pages of other origins may read its answers, as they may read media. Off by default. */
  readonly isShared?: boolean;
  /** Methods beside GET and HEAD that pages of other origins may use, where they may read its answers. None by default. */
  readonly crossOrigin?: readonly string[];
  /**
   * Whether its requests are answered even where the bounds of connections are reached: for the few that tell
   * whether the server lives. Off by default.
   */
  readonly isUnbounded?: boolean;
}
