import type { BackChannelSource, Clock, Publication, Stream } from "../hub/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import type { ServerLog } from "../log/mod.ts";

/** A protocol as a relay sees it, made of the relay's URL; it keeps no state. */
export interface RelayDriver {
  /** The word of its protocol, as hooks and tickets have it. */
  readonly protocol: "rtmp" | "rtsp";
  /** The remote server, as statistics and log lines show it. */
  readonly target: string;
  /** Host and port that are connected to. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** The secrets in the URL, which no log line and no error may show. */
  readonly secrets: readonly string[];
  /** Connects to the remote server. */
  connect(signal: AbortSignal): Promise<RelayConnection>;
}

/** Where a remote server asks a relay to go on. */
export interface RelayMove {
  /** The server there, as {@linkcode RelayDriver.target}. */
  readonly target: string;
  /** Host and port that are connected to. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Connects to it. */
  connect(signal: AbortSignal): Promise<RelayConnection>;
}

/** A connection to the remote server, for one attempt. */
export interface RelayConnection {
  /** Resolves when the remote server asks to go on elsewhere; never where it does not. */
  readonly moved: Promise<RelayMove>;
  /** Asks for the remote stream; `onNoBackChannel` is told why a back channel that is wanted is not there. */
  play(
    signal: AbortSignal,
    options: { readonly onNoBackChannel: (reason: string) => void },
  ): Promise<RelaySource>;
  /** Publishes the local stream; `undefined` when it has ended meanwhile. */
  publish(
    stream: Stream,
    options: { readonly clock: Clock; readonly log: ServerLog; readonly signal: AbortSignal },
  ): Promise<RelaySink | undefined>;
  /** Ends what runs and closes the connection, within some seconds; may be called again. */
  close(): Promise<void>;
}

/** A remote stream that is played. */
export interface RelaySource {
  /** Its units. */
  readonly units: ReadableStream<MediaUnit>;
  /** Its tracks, where they are known before the first unit. */
  readonly tracks: readonly Track[] | undefined;
  /** How its source can be talked to, where it can and that is wanted. */
  readonly backChannel?: BackChannelSource | undefined;
}

/** A unit on its way to a remote server, and who has published it. */
export interface RelayedUnit {
  readonly unit: MediaUnit;
  readonly publication: Publication | undefined;
}

/** A remote stream that is published. */
export interface RelaySink {
  /** Settles, and never rejects, when nothing more can be sent. */
  readonly ended: Promise<void>;
  /**
   * Sends a unit; resolves when there is room for the next. False, and nothing is sent, when the stream
   * has other tracks now than those that were announced.
   */
  send(relayed: RelayedUnit): Promise<boolean>;
  /** Ends the remote stream when all is sent; rejects with the reason when it has failed before. */
  close(): Promise<void>;
}

/** Loads the clients of the protocols: a server without relays has no use for them. */
export async function loadClients(): Promise<typeof import("../client/mod.ts")> {
  return await import("../client/mod.ts");
}

/** An error that ends an attempt and is no protocol's own. */
export class RelayFailure extends Error {
  override readonly name = "RelayFailure";
}

/** Closes a writer when all is sent; rejects with the reason when its stream has failed, before or meanwhile. */
export async function closeWriter<T>(writer: WritableStreamDefaultWriter<T>): Promise<void> {
  // Of a stream that has failed before, `close` itself tells no reason.
  await Promise.all([writer.closed, writer.close()]);
}

/** Shorter ones would blot out half of a message, and guard nothing. */
const LEAST_SECRET = 4;

/**
 * What of a URL may be a password or a key, longest first: its credentials, and the values in its path and
 * query, since there are cameras with `/user=admin&password=…` as path.
 */
export function secretsOf(
  url: { readonly username?: string; readonly password?: string },
  ...texts: readonly (string | undefined)[]
): string[] {
  const { username = "", password = "" } = url;
  const values = texts.flatMap((text = "") =>
    Array.from(text.matchAll(/=([^=&/?;]+)/g), ([, value]) => value!)
  );
  const long = [username, ...values].filter(({ length }) => length >= LEAST_SECRET);
  const all = [password, ...long].filter((secret) => secret !== "");
  const written = all.flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return [...new Set(written)].sort((a, b) => b.length - a.length);
}
