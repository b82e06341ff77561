/**
 * Relays: streams that are fetched from other servers, or forwarded to them.
 *
 * @module
 */
export * from "./relay_options.ts";
export { Relay } from "./relay.ts";
export type { RelayContext, RelayStopReason } from "./relay_context.ts";
export { checkRelays, remoteServerOf } from "./relay_checks.ts";
export { RelayPatternError } from "./relay_pattern.ts";
export * from "./relays.ts";
