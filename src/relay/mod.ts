/**
 * Relays: streams that are fetched from other servers, or forwarded to them.
 *
 * @module
 */
export * from "./relay_options.ts";
export * from "./relays.ts";
