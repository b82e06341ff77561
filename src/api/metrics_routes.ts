import {
  faultAnswer,
  type HttpAnswer,
  type HttpRoutes,
  type HttpVisit,
  WholeAnswer,
} from "../doors/http/mod.ts";
import type { ApiSnapshot } from "./api_source.ts";
import type { StreamTotals } from "../hub/mod.ts";
import type { ApiGuard } from "./api_guard.ts";
import { EventLoopDelay } from "./event_loop_delay.ts";
import type { RecentSnapshot } from "./recent_snapshot.ts";
import { serverMetrics } from "./server_metrics.ts";

/** What the metrics are about. */
export interface MetricsContext {
  /** Counts of the server. */
  readonly counts: RecentSnapshot;
  /** What has come and left of all streams. */
  readonly totals: () => StreamTotals;
  /** Version of weir. */
  readonly version: string;
  /** Time since the server was made, milliseconds. */
  readonly uptimeMs: () => number;
}

/** `/metrics` in Prometheus' text format, for those who may use the API, or for everybody. */
export class MetricsRoutes implements HttpRoutes {
  /** What its connections are called. */
  readonly protocol = "http-metrics";
  /** Before the outputs. */
  readonly place = "before-outputs";
  readonly #context: MetricsContext;
  readonly #guard: () => ApiGuard | undefined;
  readonly #delay = new EventLoopDelay();

  /** Metrics of what `context` has; where there is no guard, anybody may read them. It is asked for with each request. */
  constructor(context: MetricsContext, { guard }: { readonly guard: () => ApiGuard | undefined }) {
    this.#context = context;
    this.#guard = guard;
  }

  /** Whether the path is its own. */
  has(path: string): boolean {
    return path === "/metrics";
  }

  /** Answers with the metrics of now. What measures between two requests begins with the first. */
  async serve(visit: HttpVisit): Promise<HttpAnswer> {
    const { method } = visit;
    if (method !== "GET" && method !== "HEAD") {
      return faultAnswer({
        status: 405,
        code: "method",
        reason: `The method ${method} is not for metrics`,
        headers: { allow: "GET, HEAD" },
      });
    }
    const refusal = await this.#guard()?.refusal(visit);
    if (refusal !== undefined) return refusal;
    this.#delay.start();
    return await this.#context.counts.answer("metrics", this.#write);
  }

  readonly #write = (snapshot: ApiSnapshot): HttpAnswer => {
    const { totals, version, uptimeMs } = this.#context;
    const parts = { totals: totals(), version, uptimeMs: uptimeMs(), delay: this.#delay };
    return new WholeAnswer(serverMetrics({ snapshot, ...parts }), { headers: HEADERS });
  };

  /** Measures no longer. */
  close(): void {
    this.#delay.stop();
  }
}

const HEADERS = {
  "content-type": "text/plain; version=0.0.4; charset=utf-8",
  "cache-control": "no-store",
};
