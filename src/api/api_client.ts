import type { PublishKey } from "../access/mod.ts";
import type { TicketInfo } from "../gate/mod.ts";
import type { RelayEntry, RelayOptions } from "../relay/mod.ts";
import type { ClusterStream, ClusterStreamDetail } from "../cluster/mod.ts";
import type {
  ClipOptions,
  ClipView,
  ClusterNodeView,
  ClusterRecordingsQuery,
  ClusterRecordingsView,
  ConnectionView,
  Done,
  DrainView,
  Page,
  PageQuery,
  PathRuleOptions,
  PathRuleView,
  ServerView,
  StreamDetail,
  StreamView,
} from "./api_types.ts";
import { pathRuleOfJson, pathRuleToJson } from "./path_rule_json.ts";

/** The API has refused a request. */
export class ApiError extends Error {
  /** Name of the class. */
  override readonly name = "ApiError";
  /** HTTP's status. */
  readonly status: number;
  /** A word that stays the same: `absent`, `input`, `token` … */
  readonly code: string;

  /** A refusal with its reason in words. */
  constructor(
    reason: string,
    { status, code }: { readonly status: number; readonly code: string },
  ) {
    super(reason);
    this.status = status;
    this.code = code;
  }
}

/** Options of an {@linkcode ApiClient}. */
export interface ApiClientOptions {
  /** Where the server is: `http://localhost:8080/`, with the path that it is mounted at where that is another. */
  readonly url: string | URL;
  /** What opens the API. */
  readonly token: string;
  /** What asks; `fetch` by default. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** Which publishers or players are wanted. */
export interface TicketQuery extends PageQuery {
  /** Of this stream alone. */
  readonly stream?: string;
  /** Of this user alone. */
  readonly user?: string;
  /** Of this protocol alone. */
  readonly protocol?: string;
}

/**
 * A client of the API. Every method rejects with an {@linkcode ApiError} where the API refuses, and with what `fetch`
 * rejects with where it cannot be reached.
 *
 * @example
 * ```ts ignore
 * import { ApiClient } from "@weir/server/api";
 *
 * const api = new ApiClient({ url: "http://localhost:8080/", token: "…" });
 * for await (const stream of api.allStreams()) {
 *   for (const { message } of stream.health?.advice ?? []) console.log(stream.name, message);
 * }
 * await api.endPublisher("live/cam", "The show is over");
 * ```
 */
export class ApiClient {
  readonly #base: URL;
  readonly #token: string;
  readonly #fetch: (request: Request) => Promise<Response>;

  /** Makes a client that asks when it is told to. */
  constructor({ url, token, fetch = (request) => globalThis.fetch(request) }: ApiClientOptions) {
    const base = new URL(url);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    this.#base = base;
    this.#token = token;
    this.#fetch = fetch;
  }

  /** The server as a whole. */
  server(): Promise<ServerView> {
    return this.#ask("GET", "v1");
  }

  /** A page of the streams, by name. */
  streams(query: PageQuery = {}): Promise<Page<StreamView>> {
    return this.#ask("GET", "v1/streams", { query });
  }

  /** All streams, page by page. */
  async *allStreams(): AsyncGenerator<StreamView> {
    let after: string | undefined;
    do {
      const page = await this.streams(after === undefined ? {} : { after });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  /** One stream, with its readers and players. */
  stream(name: string): Promise<StreamDetail> {
    return this.#ask("GET", `v1/streams/${encodeName(name)}`);
  }

  /** Ends the publisher of a stream, which is told why. */
  endPublisher(name: string, reason?: string): Promise<Done> {
    return this.#ask("DELETE", `v1/streams/${encodeName(name)}`, { query: { reason } });
  }

  /** Writes a part of a stream to a file of its own, where clips go: the last 30 seconds by default. */
  saveClip(name: string, { last, from, to }: ClipOptions = {}): Promise<ClipView> {
    const body = { last, from: from?.toISOString(), to: to?.toISOString() };
    return this.#ask("POST", `v1/streams/${encodeName(name)}/clips`, { body });
  }

  /** A page of the publishers, by number. */
  publishers(query: TicketQuery = {}): Promise<Page<TicketInfo>> {
    return this.#ask("GET", "v1/publishers", { query });
  }

  /** A page of the players, by number. */
  players(query: TicketQuery = {}): Promise<Page<TicketInfo>> {
    return this.#ask("GET", "v1/players", { query });
  }

  /** Ends a player by its number, and has its client told why. */
  endPlayer(id: number, reason?: string): Promise<Done> {
    return this.#ask("DELETE", `v1/players/${id}`, { query: { reason } });
  }

  /** A page of the connections, by number. */
  connections(query: PageQuery = {}): Promise<Page<ConnectionView>> {
    return this.#ask("GET", "v1/connections", { query });
  }

  /** Ends a connection by its number, and all that it does. */
  endConnection(id: number, reason?: string): Promise<Done> {
    return this.#ask("DELETE", `v1/connections/${id}`, { query: { reason } });
  }

  /** Ends all that a user publishes and plays. */
  endUser(user: string, reason?: string): Promise<Done> {
    return this.#ask("DELETE", `v1/users/${encodeName(user)}`, { query: { reason } });
  }

  /** A page of the relays, by number. */
  relays(query: PageQuery = {}): Promise<Page<RelayEntry>> {
    return this.#ask("GET", "v1/relays", { query });
  }

  /** Makes a relay; resolves to its number. */
  async addRelay(options: RelayOptions): Promise<number> {
    const { id } = await this.#ask<{ id: number }>("POST", "v1/relays", { body: options });
    return id;
  }

  /** Gives a relay other options. */
  async changeRelay(id: number, options: RelayOptions): Promise<void> {
    await this.#ask("PUT", `v1/relays/${id}`, { body: options });
  }

  /** Ends a relay. */
  async removeRelay(id: number): Promise<void> {
    await this.#ask("DELETE", `v1/relays/${id}`);
  }

  /** A page of the rules of paths, by pattern. */
  async paths(query: PageQuery = {}): Promise<Page<PathRuleView>> {
    const page = await this.#ask<Page<object>>("GET", "v1/paths", { query });
    return { ...page, items: page.items.map(pathRuleOfJson) as PathRuleView[] };
  }

  /** The rule of paths of a pattern. */
  async path(pattern: string): Promise<PathRuleView> {
    const view = await this.#ask("GET", `v1/paths/${encodeName(pattern)}`);
    return pathRuleOfJson(view) as PathRuleView;
  }

  /** Makes or changes a rule of paths; one of the configuration gives way to it. */
  async setPath({ pattern, ...rule }: PathRuleOptions): Promise<void> {
    const body = pathRuleToJson({ pattern, ...rule });
    delete body["pattern"];
    await this.#ask("PUT", `v1/paths/${encodeName(pattern)}`, { body });
  }

  /** Removes a rule of paths that was made by the API; that of the configuration holds again. */
  async removePath(pattern: string): Promise<void> {
    await this.#ask("DELETE", `v1/paths/${encodeName(pattern)}`);
  }

  /** A page of the publishing keys, without their secrets. */
  keys(query: PageQuery = {}): Promise<Page<PublishKey>> {
    return this.#ask("GET", "v1/keys", { query });
  }

  /** Makes a publishing key for streams, which ends at a time where one is given; its secret is told this once. */
  makeKey(
    streams: readonly string[],
    { expiresAt }: { readonly expiresAt?: Date } = {},
  ): Promise<PublishKey & { readonly secret: string }> {
    const body = { streams, expiresAt: expiresAt?.toISOString() };
    return this.#ask("POST", "v1/keys", { body });
  }

  /** Revokes a publishing key, and ends who publishes by it. */
  async revokeKey(id: string): Promise<void> {
    await this.#ask("DELETE", `v1/keys/${encodeName(id)}`);
  }

  /** How far the server is out of service. */
  drainState(): Promise<DrainView> {
    return this.#ask("GET", "v1/drain");
  }

  /**
   * Takes the server out of service: it lets nobody new in, and those who are there have `timeoutMs` to go, Infinity for
   * as long as they like; the server's own setting where it is left out. Resolves at once: `drainState` tells how far
   * it is.
   */
  drain({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<DrainView> {
    return this.#ask("POST", "v1/drain", { query: drainQuery(timeoutMs) });
  }

  /** Has the server let everybody in again. */
  undrain(): Promise<DrainView> {
    return this.#ask("DELETE", "v1/drain");
  }

  /** A page of the machines of the cluster, by name. */
  clusterNodes(query: PageQuery = {}): Promise<Page<ClusterNodeView>> {
    return this.#ask("GET", "v1/cluster/nodes", { query });
  }

  /** Takes another machine of the cluster out of service, as `drain` does the one that is asked. */
  async drainNode(
    node: string,
    { timeoutMs }: { readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const path = `v1/cluster/nodes/${encodeURIComponent(node)}/drain`;
    await this.#ask("POST", path, { query: drainQuery(timeoutMs) });
  }

  /** A page of the streams of all machines of the cluster, by name. */
  clusterStreams(query: PageQuery = {}): Promise<Page<ClusterStream>> {
    return this.#ask("GET", "v1/cluster/streams", { query });
  }

  /** A page of what all machines of the cluster keep of recordings, by time. */
  clusterRecordings(
    { from, to, ...query }: ClusterRecordingsQuery = {},
  ): Promise<ClusterRecordingsView> {
    const times = { from: from?.toISOString(), to: to?.toISOString() };
    return this.#ask("GET", "v1/cluster/recordings", { query: { ...query, ...times } });
  }

  /** One stream of the cluster, with the machines that have a copy. */
  clusterStream(name: string): Promise<ClusterStreamDetail> {
    return this.#ask("GET", `v1/cluster/streams/${encodeName(name)}`);
  }

  /** The configuration in force, without secrets. */
  config(): Promise<unknown> {
    return this.#ask("GET", "v1/config");
  }

  /** Has the configuration read again; resolves with what came of it. */
  reload(): Promise<unknown> {
    return this.#ask("POST", "v1/config/reload");
  }

  /** The level of the log. */
  async logLevel(): Promise<string> {
    return (await this.#ask<{ level: string }>("GET", "v1/log")).level;
  }

  /** Changes the level of the log, until the next start. */
  async setLogLevel(level: string): Promise<void> {
    await this.#ask("PUT", "v1/log", { body: { level } });
  }

  /** The description of the API (OpenAPI 3.1). */
  openApi(): Promise<unknown> {
    return this.#ask("GET", "v1/openapi.json");
  }

  async #ask<T>(
    method: string,
    path: string,
    { query = {}, body }: { readonly query?: object; readonly body?: unknown } = {},
  ): Promise<T> {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = new Headers({ authorization: `Bearer ${this.#token}` });
    if (body !== undefined) headers.set("content-type", "application/json");
    const answer = await this.#fetch(
      new Request(url, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as T;
    throw faultOf(answer.status, text);
  }
}

/** What is no answer of weir's, as of a proxy in between, has no code of its own. */
function faultOf(status: number, text: string): ApiError {
  try {
    const { code, reason } = JSON.parse(text) as Record<string, unknown>;
    if (typeof code === "string" && typeof reason === "string") {
      return new ApiError(reason, { status, code });
    }
  } catch {
    // Told below.
  }
  return new ApiError(`The server has answered ${status}`, { status, code: "http" });
}

/** A name in a path: its slashes are the path's. */
function encodeName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

function drainQuery(timeoutMs: number | undefined): { readonly timeout?: number | "unlimited" } {
  if (timeoutMs === undefined) return {};
  return { timeout: timeoutMs === Infinity ? "unlimited" : timeoutMs / 1000 };
}
