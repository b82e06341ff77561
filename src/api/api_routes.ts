import {
  faultAnswer,
  type HttpAnswer,
  type HttpRoutes,
  type HttpVisit,
  isAnswer,
} from "../doors/http/mod.ts";
import { reasonOf, type ServerLog } from "../log/mod.ts";
import type { ApiGuard } from "./api_guard.ts";
import type { ApiContext } from "./api_context.ts";

/** Answers a request whose path is that of the API. */
type ApiApp = (request: Request) => Promise<HttpAnswer>;

/** The largest body that is read, bytes: a relay's certificates are the most that anybody has to say. */
const MOST_BODY_BYTES = 256 * 1024;

/** The API under `/v1/`. Its packages are loaded with the first request that is let in. */
export class ApiRoutes implements HttpRoutes {
  readonly protocol = "http-api";
  readonly place = "before-outputs";
  readonly #context: ApiContext;
  readonly #guard: ApiGuard;
  readonly #log: ServerLog;
  #app: Promise<ApiApp> | undefined;

  /** An API of what `context` has, for those whom `guard` lets in. */
  constructor(
    context: ApiContext,
    { guard, log }: { readonly guard: ApiGuard; readonly log: ServerLog },
  ) {
    this.#context = context;
    this.#guard = guard;
    this.#log = log;
  }

  has(path: string): boolean {
    return path === "/v1" || path.startsWith("/v1/");
  }

  async serve(visit: HttpVisit): Promise<HttpAnswer> {
    const refusal = await this.#guard.refusal(visit);
    if (refusal !== undefined) return refusal;
    const again = visit.method === "GET" ? this.#context.counts.again(visit.target) : undefined;
    if (again !== undefined) return await again;
    const request = await readRequest(visit);
    if (isAnswer(request)) return request;
    const app = await this.#loadedApp();
    if (app === undefined) return faultAnswer(NO_PACKAGES);
    try {
      return await app(request);
    } finally {
      if (request.method !== "GET") this.#context.counts.forget();
    }
  }

  /** What cannot be had is tried again with the next request. */
  async #loadedApp(): Promise<ApiApp | undefined> {
    this.#app ??= loadApp(this.#context);
    try {
      return await this.#app;
    } catch (error) {
      this.#app = undefined;
      const reason = reasonOf(error).split("\n", 1)[0];
      this.#log.warn("the API cannot be had, as its packages cannot be loaded", { reason });
      return undefined;
    }
  }
}

async function loadApp(context: ApiContext): Promise<ApiApp> {
  const { apiApp } = await import("./api_app.ts");
  return await apiApp(context);
}

/** The request as the API is to see it: without the prefix, its body read within bounds; or why that cannot be. */
async function readRequest(visit: HttpVisit): Promise<Request | HttpAnswer> {
  const { request, url, target, prefix } = visit;
  if (visit.body === null && prefix === "") return request;
  const { method, headers } = request;
  const seen = new URL(target, url);
  if (visit.body === null) return new Request(seen, { method, headers });
  const body = await visit.wholeBody({ maxBytes: MOST_BODY_BYTES });
  return isAnswer(body) ? body : new Request(seen, { method, headers, body });
}

const NO_PACKAGES = {
  status: 503,
  code: "packages",
  reason: "The packages of the API cannot be loaded: the server reaches no npm registry",
} as const;
