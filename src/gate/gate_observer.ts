import type { ServerHooks } from "./hooks.ts";

/**
 * What {@linkcode Gate.observe} calls: all that happens at the gate, to listen to alone. What an observer throws or
 * rejects with is logged.
 */
export type GateObserver = Pick<
  ServerHooks,
  | "onEntered"
  | "onRefused"
  | "onPublishStart"
  | "onPublishEnd"
  | "onPlayStart"
  | "onPlayEnd"
  | "onDisconnect"
>;
