/**
 * The API of a server under `/v1/`, its metrics, and a client of the API for programs, which loads no package.
 *
 * @example Who watches, and whom to send away
 * ```ts
 * import { Server } from "@weir/server";
 * import { ApiClient } from "@weir/server/api";
 *
 * await using server = new Server({ api: { tokens: ["a-secret-of-16-characters-or-more"] } });
 * const api = new ApiClient({
 *   url: "http://localhost/",
 *   token: "a-secret-of-16-characters-or-more",
 *   fetch: (request) => server.fetch(request), // a server elsewhere is asked by the network
 * });
 * for await (const { name, players } of api.allStreams()) console.log(name, players);
 * const { players } = await api.server();
 * console.log(players); // 0
 * ```
 *
 * @module
 */
export * from "./api_client.ts";
export type * from "./api_context.ts";
export * from "./api_record.ts";
export * from "./api_guard.ts";
export * from "./api_routes.ts";
export type * from "./api_source.ts";
export type * from "./api_types.ts";
export * from "./clip_routes.ts";
export * from "./metrics_routes.ts";
export * from "./recent_snapshot.ts";
export * from "./recording_routes.ts";
