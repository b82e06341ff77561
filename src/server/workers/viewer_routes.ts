import type { HttpRoutes, HttpVisit } from "../../doors/http/mod.ts";
import { forward, type ForwardedRequest } from "./forwarded_requests.ts";

/** The path of what a player of HLS fetches, whose token begins with the place of the worker that it began at. */
const OF_VIEWER = /\/hls\/([0-9a-f]{4})[0-9a-f]{12,36}\/[\w.]+$/;

/** What the tokens of the worker at a place begin with. */
export function tokenPrefix(index: number): string {
  return index.toString(16).padStart(4, "0");
}

/**
 * Has what a player of HLS fetches answered by the worker that it began at: connections are shared out anew for each,
 * and a player has several.
 */
export class ViewerRoutes implements HttpRoutes {
  readonly protocol = "http-hls";
  readonly place = "before-outputs";
  readonly isShared = true;
  readonly #own: { readonly index: number; readonly of: number };
  readonly #post: (to: number, request: ForwardedRequest, port: MessagePort) => void;

  /** Gives requests to the worker at a place by `post`; `own` is the place of this one. */
  constructor(
    own: { readonly index: number; readonly of: number },
    post: (to: number, request: ForwardedRequest, port: MessagePort) => void,
  ) {
    this.#own = own;
    this.#post = post;
  }

  has(path: string): boolean {
    return this.#placeOf(path) !== undefined;
  }

  serve(visit: HttpVisit): Promise<Response> {
    const to = this.#placeOf(visit.path)!;
    return forward(visit, (request, port) => this.#post(to, request, port));
  }

  /** The place of another worker. */
  #placeOf(path: string): number | undefined {
    const [, digits] = OF_VIEWER.exec(path) ?? [];
    const index = digits === undefined ? NaN : Number.parseInt(digits, 16);
    return index < this.#own.of && index !== this.#own.index ? index : undefined;
  }
}
