import type { HttpRoutes } from "./http_routes.ts";
import type { HttpVisit } from "./http_visit.ts";
import { faultAnswer, jsonAnswer } from "./json_answer.ts";
import type { HttpAnswer } from "./whole_answer.ts";

/**
 * `/healthz`, which answers as long as the process does, and `/readyz`, which says whether clients may be sent here:
 * 200 or 503. Both count for no bound, so that a server that is full is not taken for one that is dead.
 */
export class HealthRoutes implements HttpRoutes {
  readonly protocol = "http-health";
  readonly place = "before-outputs";
  readonly isUnbounded = true;
  readonly #whyNotReady: () => string | undefined;

  /** `whyNotReady` says in words why no clients are to be sent here, `undefined` where they are. */
  constructor({ whyNotReady }: { readonly whyNotReady: () => string | undefined }) {
    this.#whyNotReady = whyNotReady;
  }

  has(path: string): boolean {
    return path === "/healthz" || path === "/readyz";
  }

  serve({ path, method }: HttpVisit): HttpAnswer {
    if (method !== "GET" && method !== "HEAD") {
      return faultAnswer({
        status: 405,
        code: "method",
        reason: `The method ${method} is not for ${path}`,
        headers: { allow: "GET, HEAD" },
      });
    }
    const reason = path === "/readyz" ? this.#whyNotReady() : undefined;
    if (reason !== undefined) return faultAnswer({ status: 503, code: "not-ready", reason });
    return OK;
  }
}

const OK = jsonAnswer({ status: "ok" });
