import type { RefusalKind } from "./answer.ts";
import type { AccessAction } from "./authentication.ts";
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
