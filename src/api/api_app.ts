import { faultAnswer, type HttpAnswer } from "../doors/http/mod.ts";
import type { Ticket } from "../gate/mod.ts";
import { type PathRelayOptions, type RelayOptions, remoteServerOf } from "../relay/mod.ts";
import { RecordingError } from "../record/mod.ts";
import { recordingFault } from "./recording_fault.ts";
import type { ApiContext } from "./api_context.ts";
import { type ApiSchemas, apiSchemas } from "./api_schemas.ts";
import { addCluster, addDrain } from "./cluster_routes.ts";
import { loadHono } from "./hono_package.ts";
import type { PathRuleOptions } from "./api_types.ts";
import { pathRuleOfJson, pathRuleToJson } from "./path_rule_json.ts";
import { RouteBook } from "./route_book.ts";
import { pageOf, serverView, streamDetail, streamViews } from "./views.ts";

/** What a client is told that is sent away without another word. */
const KICKED = "The operator has ended this";

/** Makes the API: its routes, with what they take and give, and the document that describes them. */
export async function apiApp(
  context: ApiContext,
): Promise<(request: Request) => Promise<HttpAnswer>> {
  const hono = await loadHono();
  const schemas = apiSchemas(hono.z);
  const book = new RouteBook(hono, { fault: schemas.fault, counts: context.counts });
  addServer(book, { schemas, context });
  addClips(book, { schemas, context });
  addHeld(book, { schemas, context });
  addStreams(book, { schemas, context });
  for (const kind of ["publishers", "players"] as const) {
    addTickets(book, { schemas, context, kind });
  }
  addConnections(book, { schemas, context });
  addRelays(book, { schemas, context });
  addPaths(book, { schemas, context });
  addKeys(book, { schemas, context });
  addDrain(book, { schemas, context });
  addCluster(book, { schemas, context });
  addProgram(book, { schemas, context });
  book.addDocument("/v1/openapi.json", context);
  return (request) => book.fetch(request);
}

/** What the routes are made of. */
interface Parts {
  readonly schemas: ApiSchemas;
  readonly context: ApiContext;
}

function addServer(book: RouteBook, { schemas, context }: Parts): void {
  const { source, version, uptimeMs } = context;
  book.addCounts({
    path: "/v1",
    summary: "The server as a whole: its version, addresses and counts",
    gives: schemas.server,
    view: (snapshot) => serverView(snapshot, { source, version, uptimeMs: uptimeMs() }),
  });
}

function addStreams(book: RouteBook, { schemas, context: { source } }: Parts): void {
  book.addCounts({
    path: "/v1/streams",
    summary: "The streams, by name",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.stream),
    view: (snapshot, { query }) => pageOf(streamViews(snapshot), query, ({ name }) => name),
  });
  book.addCounts({
    path: "/v1/streams/{name}{.+}",
    summary: "A stream, with its tracks, health, readers and players",
    params: schemas.nameParams,
    gives: schemas.streamDetail,
    view: (snapshot, { params: { name } }) =>
      streamDetail(snapshot, name) ?? nothing(`stream ${name}`),
  });
  book.add({
    method: "delete",
    path: "/v1/streams/{name}{.+}",
    summary: "Ends the publisher of a stream, which is told why",
    params: schemas.nameParams,
    query: schemas.reasonQuery,
    gives: schemas.done,
    answer: ({ params: { name }, query: { reason = KICKED } }) => {
      const all = [...source.tickets.values()].filter(({ info }) =>
        info.action === "publish" && info.stream === name
      );
      // The fallback is ended where there is nobody else.
      const publishers = all.filter(({ info }) => info.protocol !== "fallback");
      const theirs = publishers.length > 0 ? publishers : all;
      return theirs.length === 0 ? nothing(`publisher of ${name}`) : ended(theirs, reason);
    },
  });
}

function addClips(book: RouteBook, { schemas, context: { source } }: Parts): void {
  book.add({
    method: "post",
    path: "/v1/streams/{name}{.+}/clips",
    summary: "Writes a part of a stream to a file of its own, where clips go",
    params: schemas.nameParams,
    body: schemas.clipOptions,
    gives: schemas.clip,
    status: 201,
    answer: async ({ params: { name }, body: { last, from, to } }) => {
      try {
        const { startUnixMs, ...clip } = await source.saveClip(name, {
          ...(last === undefined ? {} : { lastMs: last * 1000 }),
          ...(from === undefined ? {} : { fromUnixMs: Date.parse(from) }),
          ...(to === undefined ? {} : { toUnixMs: Date.parse(to) }),
        });
        return { ...clip, start: new Date(startUnixMs).toISOString() };
      } catch (error) {
        if (!(error instanceof RecordingError)) throw error;
        const place = error.code === "absent" ? await source.cluster?.placeOf(name) : undefined;
        if (place === undefined) return recordingFault(error);
        const why = `${error.message} here; its publisher is at ${place.node}`;
        return recordingFault(new RecordingError(error.code, why));
      }
    },
  });
}

function addHeld(book: RouteBook, { schemas, context: { source } }: Parts): void {
  book.add({
    method: "delete",
    path: "/v1/held/{name}{.+}",
    summary: "Drops what is held back of a stream by a rule's delay; its publisher goes on",
    params: schemas.nameParams,
    gives: schemas.done,
    answer: ({ params: { name } }) =>
      source.dropHeld(name) ? { ended: 1 } : nothing(`media held back of ${name}`),
  });
}

function addTickets(
  book: RouteBook,
  { schemas, context: { source }, kind }: Parts & {
    readonly kind: "publishers" | "players";
  },
): void {
  const action = kind === "publishers" ? "publish" : "play";
  book.addCounts({
    path: `/v1/${kind}`,
    summary: `The ${kind} of every protocol, by number`,
    query: schemas.ticketQuery,
    gives: schemas.pageOf(schemas.ticket),
    view: ({ tickets }, { query }) => {
      const wanted = tickets.filter((ticket) =>
        ticket.action === action &&
        (query.stream === undefined || ticket.stream === query.stream) &&
        (query.user === undefined || ticket.user === query.user) &&
        (query.protocol === undefined || ticket.protocol === query.protocol)
      );
      return pageOf(wanted.toSorted(byId), query, ({ id }) => id);
    },
  });
  book.add({
    method: "delete",
    path: `/v1/${kind}/{id}`,
    summary: `Ends one of the ${kind}, and has its client told why`,
    params: schemas.idParams,
    query: schemas.reasonQuery,
    gives: schemas.done,
    answer: ({ params: { id }, query: { reason = KICKED } }) => {
      const ticket = source.tickets.get(id);
      if (ticket?.info.action !== action) return nothing(`${kind.slice(0, -1)} ${id}`);
      return ended([ticket], reason);
    },
  });
}

function addConnections(book: RouteBook, { schemas, context: { source } }: Parts): void {
  book.addCounts({
    path: "/v1/connections",
    summary: "The connections of every protocol, by number",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.connection),
    view: ({ connections }, { query }) => pageOf(connections.toSorted(byId), query, ({ id }) => id),
  });
  book.add({
    method: "delete",
    path: "/v1/connections/{id}",
    summary: "Ends a connection, and all that it does",
    params: schemas.idParams,
    query: schemas.reasonQuery,
    gives: schemas.done,
    answer: ({ params: { id }, query: { reason = KICKED } }) =>
      source.kickConnection(id, reason) ? { ended: 1 } : nothing(`connection ${id}`),
  });
  book.add({
    method: "delete",
    path: "/v1/users/{name}{.+}",
    summary: "Ends all that a user publishes and plays",
    params: schemas.nameParams,
    query: schemas.reasonQuery,
    gives: schemas.done,
    answer: ({ params: { name }, query: { reason = KICKED } }) => ({
      ended: source.kickUser(name, reason),
    }),
  });
}

function addRelays(book: RouteBook, { schemas, context: { record } }: Parts): void {
  book.addCounts({
    path: "/v1/relays",
    summary: "The relays, with their state and counts",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.relay),
    view: ({ relays }, { query }) => pageOf(relays.toSorted(byId), query, ({ id }) => id),
  });
  book.add({
    method: "post",
    path: "/v1/relays",
    summary: "Makes a relay, and gives its number",
    body: schemas.relayOptions,
    gives: schemas.made,
    status: 201,
    answer: ({ body }) => orFault(async () => ({ id: await record.addRelay(asOptions(body)) })),
  });
  book.add({
    method: "put",
    path: "/v1/relays/{id}",
    summary: "Gives a relay other options",
    params: schemas.idParams,
    body: schemas.relayOptions,
    gives: schemas.made,
    answer: ({ params: { id }, body }) =>
      orFault(async () =>
        await record.changeRelay(id, asOptions(body)) ? { id } : nothing(`relay ${id}`)
      ),
  });
  book.add({
    method: "delete",
    path: "/v1/relays/{id}",
    summary: "Ends a relay",
    params: schemas.idParams,
    gives: schemas.done,
    answer: async ({ params: { id } }) =>
      await record.removeRelay(id) ? { ended: 1 } : nothing(`relay ${id}`),
  });
}

function addPaths(book: RouteBook, { schemas, context: { source, record } }: Parts): void {
  const views = (): Record<string, unknown>[] =>
    source.paths.map((rule) => ({
      ...pathRuleToJson(shownRule(rule)),
      origin: record.hasPath(rule.pattern) ? "api" : "options",
    }));
  const find = (pattern: string): unknown =>
    views().find((view) => view["pattern"] === pattern) ?? nothing(`rule for ${pattern}`);
  book.add({
    method: "get",
    path: "/v1/paths",
    summary: "The rules of paths, those of the configuration and those that were made here",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.pathRule),
    answer: ({ query }) => {
      const sorted = views().toSorted((a, b) =>
        String(a["pattern"]) < String(b["pattern"]) ? -1 : 1
      );
      return pageOf(sorted, query, (view) => String(view["pattern"]));
    },
  });
  book.add({
    method: "get",
    path: "/v1/paths/{pattern}{.+}",
    summary: "The rule of paths of a pattern",
    params: schemas.patternParams,
    gives: schemas.pathRule,
    answer: ({ params: { pattern } }) => find(pattern),
  });
  book.add({
    method: "put",
    path: "/v1/paths/{pattern}{.+}",
    summary: "Makes or changes a rule of paths; one of the configuration gives way to it",
    params: schemas.patternParams,
    body: schemas.pathRuleOptions,
    gives: schemas.pathRule,
    answer: ({ params: { pattern }, body }) =>
      orFault(async () => {
        await record.setPath(pathRuleOfJson({ ...body, pattern }));
        return find(pattern);
      }),
  });
  book.add({
    method: "delete",
    path: "/v1/paths/{pattern}{.+}",
    summary: "Removes a rule of paths that was made here; that of the configuration holds again",
    params: schemas.patternParams,
    gives: schemas.removed,
    answer: ({ params: { pattern } }) =>
      orFault(async () => {
        if (await record.removePath(pattern)) return { removed: 1 };
        if (source.paths.some((rule) => rule.pattern === pattern)) {
          throw new TypeError(
            `Cannot remove the rule for ${pattern} as it stands in the configuration`,
          );
        }
        return nothing(`rule for ${pattern}`);
      }),
  });
}

/** A rule as JSON can have it, without what may be a secret in the URLs of its relays. */
function shownRule({ pull, push, record, ...rule }: PathRuleOptions): PathRuleOptions {
  const shown = (mode: RelayOptions["mode"], relay: PathRelayOptions): PathRelayOptions => ({
    ...relay,
    url: remoteServerOf({ ...relay, mode, name: rule.pattern }),
  });
  return {
    ...rule,
    ...(pull && { pull: shown("pull", pull) }),
    ...(push && { push: push.map((relay) => shown("push", relay)) }),
    ...(record && {
      record: { ...record, to: typeof record.to === "string" ? record.to : record.to.target },
    }),
  };
}

function addKeys(book: RouteBook, { schemas, context: { source } }: Parts): void {
  const { access } = source;
  book.add({
    method: "get",
    path: "/v1/keys",
    summary: "The publishing keys, without their secrets",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.key),
    answer: ({ query }) => {
      const all = access?.keys.list() ?? [];
      return pageOf(all.toSorted((a, b) => a.id < b.id ? -1 : 1), query, ({ id }) => id);
    },
  });
  book.add({
    method: "post",
    path: "/v1/keys",
    summary: "Makes a publishing key for streams; its secret is told this once",
    body: schemas.keyOptions,
    gives: schemas.madeKey,
    status: 201,
    answer: ({ body: { streams, expiresAt } }) =>
      orFault(async () => {
        if (access === undefined) return nothing("access by data that could have keys");
        return await access.keys.make(
          streams,
          expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) },
        );
      }),
  });
  book.add({
    method: "delete",
    path: "/v1/keys/{id}",
    summary: "Revokes a publishing key, and ends who publishes by it",
    params: schemas.keyParams,
    gives: schemas.done,
    answer: ({ params: { id } }) =>
      orFault(async () => await access?.keys.revoke(id) ? { ended: 1 } : nothing(`key ${id}`)),
  });
}

function addProgram(book: RouteBook, { schemas, context: { program } }: Parts): void {
  const { config, reload, logLevel } = program;
  book.add({
    method: "get",
    path: "/v1/config",
    summary: "The configuration in force, without secrets",
    gives: schemas.anything,
    answer: () => config === undefined ? nothing("configuration") : config(),
  });
  book.add({
    method: "post",
    path: "/v1/config/reload",
    summary: "Reads the configuration again, as SIGHUP does; one that is wrong changes nothing",
    gives: schemas.anything,
    answer: () =>
      orFault(async () =>
        reload === undefined ? nothing("configuration to read again") : await reload() ?? {}
      ),
  });
  book.add({
    method: "get",
    path: "/v1/log",
    summary: "The level of the log",
    gives: schemas.logLevel,
    answer: () => logLevel === undefined ? nothing("log level") : { level: logLevel.get() },
  });
  book.add({
    method: "put",
    path: "/v1/log",
    summary: "Changes the level of the log, until the next start",
    body: schemas.logLevel,
    gives: schemas.logLevel,
    answer: ({ body: { level } }) => {
      if (logLevel === undefined) return nothing("log level");
      if (!logLevel.levels.includes(level)) {
        const reason = `There is no level ${level}: allowed is ${logLevel.levels.join(", ")}`;
        return faultAnswer({ status: 400, code: "input", reason });
      }
      logLevel.set(level);
      return { level: logLevel.get() };
    },
  });
}

/** What is left out of JSON is not there: it is none of those that are `undefined`. */
function asOptions(body: ApiSchemas["relayOptions"]["_output"]): RelayOptions {
  return body as RelayOptions;
}

function nothing(what: string): HttpAnswer {
  return faultAnswer({ status: 404, code: "absent", reason: `There is no ${what}` });
}

function ended(tickets: readonly Ticket[], why: string): { readonly ended: number } {
  for (const ticket of tickets) ticket.kick(why);
  return { ended: tickets.length };
}

/** What was asked for wrongly is said to who has asked: the errors of the program's own classes, and of its arguments. */
async function orFault(answer: () => Promise<unknown>): Promise<unknown> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof Error) || error.constructor === Error) throw error;
    return faultAnswer({ status: 400, code: "input", reason: error.message });
  }
}

function byId(a: { readonly id: number }, b: { readonly id: number }): number {
  return a.id - b.id;
}
