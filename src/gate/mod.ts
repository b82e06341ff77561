/**
 * Admission: one desk for all doors, that says who may do what, as whom, and tells who wants to hear of it.
 *
 * @example Users with passwords, and who is in
 * ```ts
 * import { fixedUsers, Gate } from "@weir/server/gate";
 * import { Hub } from "@weir/server/hub";
 * import { PeerLog } from "@weir/server/log";
 *
 * const clock = { now: () => 0, setTimer: () => ({ cancel: () => {} }) };
 * const gate = new Gate({
 *   hub: new Hub({ clock }),
 *   log: console,
 *   peers: new PeerLog(console, clock),
 *   clock,
 *   hooks: { authenticate: fixedUsers({ alice: "wonderland" }) },
 * });
 * const program = gate.own("program");
 * await program.play({ name: "live/cam" });
 * for (const { info } of gate.tickets.values()) console.log(info.action, info.stream); // play live/cam
 * ```
 *
 * @module
 */
export * from "./address_bounds.ts";
export * from "./address_ranges.ts";
export * from "./answer.ts";
export * from "./authentication.ts";
export type { GateCounts } from "./desk.ts";
export * from "./forwarded_address.ts";
export * from "./gate.ts";
export { type Guesses, GuessGuard, type TurnOptions } from "./guess_guard.ts";
export type { Leavers } from "./hook_caller.ts";
export type { GateObserver } from "./gate_observer.ts";
export type * from "./ask.ts";
export * from "./guest.ts";
export * from "./hooks.ts";
export * from "./ip_address.ts";
export { type AddressLimit, GATE_LIMITS, type GateLimits, type StreamTerms } from "./limits.ts";
export type * from "./leaving.ts";
export type * from "./name_claims.ts";
export * from "./name_pattern.ts";
export * from "./past_streams.ts";
export * from "./peers.ts";
export * from "./publisher_place.ts";
export * from "./play_ticket.ts";
export { type PublishStart, PublishTicket, type TicketWiring } from "./publish_ticket.ts";
export type * from "./refused_info.ts";
export * from "./shared_tallies.ts";
export * from "./stream_request.ts";
export type { Tallies } from "./tallies.ts";
export { kickedEnd, type Ticket, type TicketInfo, type TicketState } from "./ticket.ts";
