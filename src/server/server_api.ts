import {
  ApiGuard,
  ApiRecord,
  ApiRoutes,
  type ApiSource,
  MetricsRoutes,
  RecentSnapshot,
  RecordingRoutes,
} from "../api/mod.ts";
import denoConfig from "../../deno.json" with { type: "json" };
import type { HttpRoutes } from "../doors/http/mod.ts";
import type { ServerHooks } from "../gate/mod.ts";
import type { Recordings } from "../record/mod.ts";
import type { ApiOptions } from "./options.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";

/** A server, as its API shows and changes it. */
export interface ServerApiSource extends ApiSource {
  readonly access: (NonNullable<ApiSource["access"]> & { readonly isOpen: boolean }) | undefined;
}

/** What the API is made of. */
export interface ServerApiParts {
  /** The server. */
  readonly source: ServerApiSource;
  /** Its recordings. */
  readonly recordings: Recordings;
  /** Who decides, where the program has a function that does. */
  readonly hooks: ServerHooks;
  /** Whether anybody may read the metrics now. */
  readonly hasOpenMetrics: () => boolean;
}

/** A shorter one can be found by trying, and others do not fit into a header. */
const TOKEN = /^[\x21-\x7e]{16,}$/;

/** The API and the metrics of a server, and what was made by the API. */
export class ServerApi implements ServerAgent {
  /** See `Server.apiToken`. */
  readonly token: string | undefined;
  /** Metrics, recordings, and all else. */
  readonly routes: readonly HttpRoutes[];
  readonly #metrics: MetricsRoutes;
  readonly #record: ApiRecord;

  /**
   * Makes an API of the server that `core` is of.
   *
   * @throws {RangeError} if a token is too short or not ASCII
   */
  constructor(
    { shell }: ServerCore,
    { source, recordings, hooks, hasOpenMetrics, ...options }:
      & ServerApiParts
      & Omit<ApiOptions, "openMetrics">,
  ) {
    const { tokens = [], program = {}, state } = options;
    checkTokens(tokens);
    const asksUsers = hooks.authenticate !== undefined;
    const isOpen = source.access?.isOpen ?? !asksUsers;
    this.token = isOpen && tokens.length === 0 ? randomToken() : undefined;
    const guard = new ApiGuard({
      tokens: this.token === undefined ? tokens : [this.token],
      asksUsers,
    });
    const { hub, log } = shell;
    const { version } = denoConfig;
    const madeAtMs = performance.now();
    const uptimeMs = (): number => performance.now() - madeAtMs;
    const counts = new RecentSnapshot(source);
    this.#record = new ApiRecord(source, { state, log });
    this.#metrics = new MetricsRoutes(
      { counts, totals: () => hub.totals, version, uptimeMs },
      { guard: () => hasOpenMetrics() ? undefined : guard },
    );
    this.routes = [
      this.#metrics,
      new RecordingRoutes({ recordings: () => recordings, guard, cluster: () => source.cluster }),
      new ApiRoutes(
        { source, counts, program, record: this.#record, version, uptimeMs },
        { guard, log },
      ),
    ];
  }

  /**
   * Sets the rules of paths again that were made by the API before.
   *
   * @throws {ServerError} `state` (rejects) if what was kept cannot be read
   */
  async open(): Promise<void> {
    await this.#record.open();
  }

  /** Makes the relays again that were made by the API before. */
  async start(): Promise<void> {
    await this.#record.start();
  }

  /** Measures nothing any more. */
  stop(): void {
    this.#metrics.close();
  }
}

function checkTokens(tokens: readonly string[]): void {
  const wrong = tokens.find((token) => !TOKEN.test(token));
  if (wrong === undefined) return;
  throw new RangeError(
    "Cannot make a server as 'api.tokens' must have 16 characters or more each, of ASCII and without spaces: " +
      `current value has ${wrong.length}`,
  );
}

function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return bytes.toBase64({ alphabet: "base64url" });
}
