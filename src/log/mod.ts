/**
 * Where a server's lines go, and how many of them a peer may cause.
 *
 * @module
 */
export * from "./at_most_each_second.ts";
export * from "./peer_log.ts";
export * from "./server_log.ts";
