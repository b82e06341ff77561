import type { HttpAnswer, HttpRoutes, HttpVisit } from "../../doors/http/mod.ts";
import { forward, type ForwardedRequest } from "./forwarded_requests.ts";

/** What the tokens of the worker at a place begin with. */
export function tokenPrefix(index: number): string {
  return index.toString(16).padStart(4, "0");
}

/** Paths of those who come again, each with the beginning of the token that tells whose they are. */
const HLS = /\/hls\/([0-9a-f]{4})[0-9a-f]{12,36}\/[\w.]+$/;
const WHEP = /\/whep\/([0-9a-f]{4})[0-9a-f]{32}$/;
const WHIP = /\/whip\/([0-9a-f]{4})[0-9a-f]{32}$/;

/** Gives a request to the worker at a place. */
export type PostRequest = (to: number, request: ForwardedRequest, port: MessagePort) => void;

/** The place of a worker among all. */
interface Place {
  readonly index: number;
  readonly of: number;
}

/**
 * What is asked of others than the worker at `own`: pages of other origins may do with it what they may do with streams
 * themselves.
 */
export function viewerRoutes(own: Place, post: PostRequest): HttpRoutes[] {
  return [
    new ViewerRoutes(own, { post, protocol: "http-hls", pattern: HLS }),
    new ViewerRoutes(own, {
      ...{ post, protocol: "whep", pattern: WHEP },
      crossOrigin: ["PATCH", "DELETE"],
    }),
    new ViewerRoutes(own, { post, protocol: "whip", pattern: WHIP }),
  ];
}

/**
 * Has what a player of HLS fetches, or what is asked of a session of WebRTC, answered by the worker that it began at:
 * connections are shared out anew for each, and a player has several.
 */
class ViewerRoutes implements HttpRoutes {
  readonly protocol: string;
  readonly place = "before-outputs";
  readonly isShared = true;
  readonly crossOrigin: readonly string[];
  readonly #own: Place;
  readonly #post: PostRequest;
  readonly #pattern: RegExp;

  constructor(
    own: Place,
    { protocol, pattern, post, crossOrigin = [] }: {
      readonly protocol: string;
      readonly pattern: RegExp;
      readonly post: PostRequest;
      readonly crossOrigin?: readonly string[];
    },
  ) {
    this.#own = own;
    this.protocol = protocol;
    this.#pattern = pattern;
    this.#post = post;
    this.crossOrigin = crossOrigin;
  }

  has(path: string): boolean {
    return this.#placeOf(path) !== undefined;
  }

  serve(visit: HttpVisit): Promise<HttpAnswer> {
    const to = this.#placeOf(visit.path)!;
    return forward(visit, (request, port) => this.#post(to, request, port));
  }

  /** The place of another worker. Tokens of another machine, whose player goes on here, each have one place too. */
  #placeOf(path: string): number | undefined {
    const [, digits] = this.#pattern.exec(path) ?? [];
    if (digits === undefined) return undefined;
    const { index, of } = this.#own;
    const to = Number.parseInt(digits, 16) % of;
    return to === index ? undefined : to;
  }
}
