import { faultAnswer, isAnswer, jsonAnswer, responseOf } from "../doors/http/mod.ts";
import type { ApiSnapshot } from "./api_source.ts";
import type { HonoPackage } from "./hono_package.ts";
import type { RecentSnapshot } from "./recent_snapshot.ts";

/** A piece of what requests or answers are made of, as zod checks it. */
// deno-lint-ignore no-explicit-any
export type Schema<T = any> = Parameters<HonoPackage["z"]["array"]>[0] & {
  readonly _output: T;
};

/** One route of the API: what it takes, what it gives, and how. */
export interface ApiRoute<Q, P, B> {
  /** HTTP's method. */
  readonly method: "get" | "post" | "put" | "delete";
  /** The path, with parameters in braces; `{name}{.+}` may have slashes. */
  readonly path: string;
  /** What it is for, in a line. */
  readonly summary: string;
  /** What stands in its query. */
  readonly query?: Schema<Q>;
  /** What stands in its path. */
  readonly params?: Schema<P>;
  /** What its body is. */
  readonly body?: Schema<B>;
  /** What it gives. */
  readonly gives: Schema;
  /** The status of that. Default 200. */
  readonly status?: 200 | 201;
  /** Answers: with a value, which becomes JSON, or with an answer that says why not. */
  readonly answer: (
    asked: { readonly query: Q; readonly params: P; readonly body: B },
  ) => unknown;
}

/** One route of the API that is made of the counts alone, so that its answer is written once for all who ask at once. */
export interface CountsRoute<Q, P> extends Omit<ApiRoute<Q, P, undefined>, "method" | "answer"> {
  /** What it gives: a value, which becomes JSON, or an answer that says why not. */
  readonly view: (
    snapshot: ApiSnapshot,
    asked: { readonly query: Q; readonly params: P },
  ) => unknown;
}

/** The routes of the API, with the document that describes them. */
export class RouteBook {
  readonly #app: InstanceType<HonoPackage["OpenAPIHono"]>;
  readonly #hono: HonoPackage;
  readonly #fault: Schema;
  readonly #counts: RecentSnapshot;

  /** A book without routes; `fault` describes what those get who get nothing else. */
  constructor(
    hono: HonoPackage,
    { fault, counts }: { readonly fault: Schema; readonly counts: RecentSnapshot },
  ) {
    const { OpenAPIHono } = hono;
    this.#hono = hono;
    this.#fault = fault;
    this.#counts = counts;
    this.#app = new OpenAPIHono({
      defaultHook: (result) => {
        if (result.success) return;
        // In one line, as all other reasons are.
        const reason = result.error.issues.map(({ path, message }) =>
          path.length === 0 ? message : `${path.join(".")}: ${message}`
        ).join("; ");
        return responseOf(faultAnswer({ status: 400, code: "input", reason }));
      },
    });
    this.#app.notFound(() => responseOf(faultAnswer(NO_ROUTE)));
    this.#app.onError((error) => {
      const status = "status" in error && typeof error.status === "number" ? error.status : 500;
      if (status >= 500) throw error;
      return responseOf(faultAnswer({ status, code: "input", reason: error.message }));
    });
  }

  /** Adds a route. */
  add<Q = undefined, P = undefined, B = undefined>(route: ApiRoute<Q, P, B>): void {
    this.#add(route);
  }

  /** Adds a route that is made of the counts. */
  addCounts<Q = undefined, P = undefined>({ view, ...route }: CountsRoute<Q, P>): void {
    this.#add<Q, P, undefined>({
      ...route,
      method: "get",
      answer: ({ target, ...asked }) =>
        this.#counts.answer(target, (snapshot) => {
          const value = view(snapshot, asked);
          return isAnswer(value) ? value : jsonAnswer(value);
        }),
    });
  }

  #add<Q, P, B>(
    route: Omit<ApiRoute<Q, P, B>, "answer"> & {
      readonly answer: (
        asked: Parameters<ApiRoute<Q, P, B>["answer"]>[0] & { readonly target: string },
      ) => unknown;
    },
  ): void {
    const { method, path, summary, query, params, body, gives, status = 200, answer } = route;
    const json = (schema: Schema) => ({ content: { "application/json": { schema } } });
    const created = this.#hono.createRoute({
      method,
      path,
      summary,
      request: {
        ...(query === undefined ? {} : { query: query as never }),
        ...(params === undefined ? {} : { params: params as never }),
        ...(body === undefined ? {} : { body: { ...json(body), required: true } }),
      },
      responses: {
        [status]: { description: summary, ...json(gives) },
        "4XX": { description: "Why it cannot be done", ...json(this.#fault) },
      },
    });
    this.#app.openapi(
      created,
      (async (c: { req: { url: string; valid(part: string): unknown } }) => {
        const { pathname, search } = new URL(c.req.url);
        const value = await answer({
          target: pathname + search,
          query: (query && c.req.valid("query")) as Q,
          params: (params && c.req.valid("param")) as P,
          body: (body && c.req.valid("json")) as B,
        });
        return responseOf(isAnswer(value) ? value : jsonAnswer(value, { status }));
      }) as never,
    );
  }

  /** Adds the document that describes all routes (OpenAPI 3.1). */
  addDocument(path: string, { version }: { readonly version: string }): void {
    this.#app.get(path, () => {
      const document = this.#app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: { title: "weir", version },
        security: [{ token: [] }],
      });
      // The rest of a path that has slashes is Hono's way of writing it alone.
      const paths = Object.fromEntries(
        Object.entries(document.paths ?? {}).map((
          [path, item],
        ) => [path.replace("{.+}", ""), item]),
      );
      const securitySchemes = { token: { type: "http", scheme: "bearer" } };
      const components = { ...document.components, securitySchemes };
      return responseOf(jsonAnswer({ ...document, paths, components }));
    });
  }

  /** Answers a request. */
  async fetch(request: Request): Promise<Response> {
    return await this.#app.fetch(request);
  }
}

const NO_ROUTE = {
  status: 404,
  code: "path",
  reason: "The API has nothing at this path for this method: see /v1/openapi.json",
} as const;
