import type { RefusalKind } from "./answer.ts";
import type { AccessAction } from "./authentication.ts";
import type { ServerHooks } from "./hooks.ts";
import type { ConnectionInfo } from "./stream_request.ts";

/** A client that was turned away. */
export interface RefusedInfo {
  /** Its connection; of one that was closed at once, the number is 0. */
  readonly connection: ConnectionInfo;
  /** The thing that it wanted. */
  readonly action: AccessAction | "connect";
  /** The stream that it wanted; empty where there is none, or the name may be a secret. */
  readonly name: string;
  /** Why, as a code. */
  readonly refused: RefusalKind | "wrong-credentials";
  /** Why, in words. */
  readonly why: string;
}

/**
 * What {@linkcode Gate.observe} calls: all that happens at the gate, to listen to alone. What an observer throws or
 * rejects with is logged.
 */
export interface GateObserver extends
  Pick<
    ServerHooks,
    "onPublishStart" | "onPublishEnd" | "onPlayStart" | "onPlayEnd" | "onDisconnect"
  > {
  /** A client has introduced itself, and was let in. */
  readonly onEntered?: (connection: ConnectionInfo) => void | Promise<void>;
  /** A client was turned away. To ask one for credentials that has shown none is not to refuse it. */
  readonly onRefused?: (refused: RefusedInfo) => void | Promise<void>;
}
