import type { ServerEventName } from "./server_events.ts";

/** A URL that is told of events by POST, with a JSON object of `type`, `timestamp` and `data`. */
export interface WebhookOptions {
  /** The URL, `http:` or `https:`. */
  readonly url: string;
  /**
   * Signs what is sent, as Standard Webhooks have it: the header `webhook-signature` is `v1,` and the HMAC-SHA256, in
   * base64, of `webhook-id`, `webhook-timestamp` and the body, with a dot between each two. At least 16 characters; one
   * that begins with `whsec_` is base64. Without it nothing is signed.
   */
  readonly secret?: string;
  /** The events that are told. Default: all. */
  readonly events?: readonly ServerEventName[];
  /** How long an answer may take, milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /** How often one that was not taken is sent again, after 1, 2, 4, 8 … seconds, 60 at most. Default 5. */
  readonly retries?: number;
  /** Events that may wait to be sent; further ones are left out, and counted. Default 1000. */
  readonly maxQueue?: number;
}

/** A program that is run at events. */
export interface EventCommandOptions {
  /**
   * At what: at `stream-ready` it runs as long as the stream lives, begun again when it ends before; at all others once.
   */
  readonly on: ServerEventName;
  /**
   * The program and its arguments, without a shell. `{stream}` in an argument is the stream's name, `{app}` and `{name}`
   * its first segment and the rest, `{user}`, `{address}`, `{protocol}` and `{connection}` what the event tells,
   * `{rtmp}` and `{rtsp}` the server's own URLs on this machine, such as `rtmp://127.0.0.1:1935`.
   */
  readonly run: readonly string[];
  /** Patterns of names of streams: `live/*`. Default: all. */
  readonly paths?: string | readonly string[];
}

/** A mistake in what is to be told or run; the message has no secrets. */
export class EventOptionsError extends TypeError {
  /** Name of the class. */
  override readonly name = "EventOptionsError";
  /** The option at fault, such as `webhooks[1].url`. */
  readonly path: string;

  /** Makes the error of an option. */
  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.path = path;
  }
}
