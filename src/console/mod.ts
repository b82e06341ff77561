/**
 * The console: pages that show what is live, play it, and tell how it does.
 *
 * @module
 */
export * from "./console_routes.ts";
