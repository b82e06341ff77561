/**
 * What happens in a server, for others to hear of: typed events in the program, URLs that are told, and programs that
 * are run.
 *
 * @example Events in the program
 * ```ts
 * import { Server } from "@weir/server";
 *
 * await using server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 } });
 * server.events.addEventListener("stream-ready", ({ detail }) => console.log(detail.stream));
 * ```
 *
 * @module
 */
export {
  checkEventOptions,
  EventOutlets,
  type EventOutletsOptions,
  type ToldOptions,
} from "./event_outlets.ts";
export * from "./event_traces.ts";
export {
  type ListeningHooks,
  listeningHooks,
  type ListeningHooksOptions,
} from "./listening_hooks.ts";
export * from "./options.ts";
export * from "./server_events.ts";
