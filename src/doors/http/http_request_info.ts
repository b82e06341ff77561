import type { IncomingRequest } from "./incoming_request.ts";
import type { HttpAnswer } from "./whole_answer.ts";
import type { PlayerSocket } from "./player_socket.ts";

/** What is known of a request beside itself: what `Deno.serve` tells its handlers, and where the server is mounted. */
export interface HttpRequestInfo {
  /** Address of the client. */
  readonly remoteAddr?: { readonly hostname?: string } | undefined;
  /** The path that the server is mounted at: `/weir`. At the root by default. */
  readonly prefix?: string;
  /** Makes a WebSocket of the request, where it has not come by `Deno.serve`. */
  readonly upgradeWebSocket?: () => {
    readonly socket: PlayerSocket;
    readonly response: HttpAnswer;
  };
}

/** Answers a request of a port; does not reject. */
export type HttpHandler = (
  request: IncomingRequest,
  info: HttpRequestInfo,
) => Promise<HttpAnswer>;
