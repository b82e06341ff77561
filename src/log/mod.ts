/**
 * Where a server's lines go, and how many of them a peer may cause.
 *
 * @example Write to the console, as much as peers of one address may cause
 * ```ts
 * import { PeerLog } from "@weir/server/log";
 *
 * const peers = new PeerLog(console, { now: () => performance.now() });
 * peers.of("192.0.2.7").info("A publisher came", { stream: "live/cam" });
 * ```
 *
 * @module
 */
export * from "./at_most_each_second.ts";
export * from "./peer_log.ts";
export * from "./reason_of.ts";
export * from "./safe_log.ts";
export * from "./server_log.ts";
