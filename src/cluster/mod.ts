/**
 * One mechanism for the workers of a machine and for many machines: a directory says where a stream is, a carrier brings
 * it once, and the hub that is here gives it to all who play it, as if it were published here.
 *
 * @example Two hubs of one process that share their names
 * ```ts
 * import { MemoryDirectory } from "@weir/server/cluster";
 *
 * const directory = new MemoryDirectory();
 * const claimant = { member: "worker 1", onLost: () => {}, silentMs: () => 0 };
 * const policy = { identity: "user ann", conflict: "reject", silentMs: 2000 } as const;
 * await directory.claim("live/cam", claimant, policy);
 * const { signal } = new AbortController();
 * const [holder] = await directory.find("live/cam", { member: "worker 2", signal });
 * console.log(holder?.member); // worker 1
 * ```
 *
 * @module
 */
export type * from "./carrier.ts";
export * from "./cluster_agent.ts";
export type { Claimant, ClaimPolicy, Directory, Holder, Lease, Seek } from "./directory.ts";
export * from "./directory_port.ts";
export * from "./memory_directory.ts";
export * from "./port_carrier.ts";
export * from "./unit_batch.ts";
export * from "./cluster_node.ts";
export * from "./cluster_view.ts";
export * from "./combined_carrier.ts";
export * from "./deferred_store.ts";
export * from "./elsewhere.ts";
export * from "./holder_rank.ts";
export * from "./kept_recordings.ts";
export * from "./lease_directory.ts";
export { BEAT_MS } from "./self_record.ts";
export * from "./nats_store.ts";
export * from "./peer_desk.ts";
export * from "./peer_token.ts";
export * from "./record_store.ts";
export * from "./rtmp_carrier.ts";
export type { NodeRecord } from "./shared_records.ts";
