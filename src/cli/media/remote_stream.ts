import { pause } from "../../hub/mod.ts";
import { reasonOf } from "../../log/mod.ts";
import { Server } from "../../server/mod.ts";
import type { RelayState, ServerStream } from "../../server/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import { RemoteError } from "./remote_error.ts";

/** The name that a remote stream has in the command's own server. */
const NAME = "remote/stream";

/** How often the state of the connection is looked at, milliseconds. */
const LOOK_MS = 50;

/** Options of a {@linkcode RemoteStream}. */
export interface RemoteStreamOptions {
  /** URL of the stream: `rtmp:`, `rtmps:`, `rtsp:` or `rtsps:`. */
  readonly url: string;
  /** What is done with it. */
  readonly mode: "push" | "pull";
  /** What carries the media of RTSP. */
  readonly transport?: "auto" | "udp" | "tcp";
}

/**
 * A stream of another server, as a command has it: a server of its own, which listens nowhere, fetches or forwards
 * it. So commands speak every protocol that relays speak, in the same words.
 */
export class RemoteStream implements AsyncDisposable {
  /** The command's own side of it. */
  readonly local: ServerStream;
  readonly #server: Server;

  /**
   * Makes a stream that is not connected yet.
   *
   * @throws {RemoteError} if the URL is wrong
   */
  constructor(options: RemoteStreamOptions) {
    const { url, mode, transport = "auto" } = options;
    try {
      this.#server = new Server({
        hub: { lingerMs: 0 },
        relays: [{ mode, name: NAME, url, transport, silentMs: 10_000 }],
      });
    } catch (error) {
      throw new RemoteError(`Cannot use the URL: ${reasonOf(error)}`, { cause: error });
    }
    this.local = this.#server.stream(NAME);
  }

  /** How the connection does. */
  get state(): RelayState {
    return this.#relay.state;
  }

  /** The remote server, without what may be secret. */
  get target(): string {
    return this.#relay.target;
  }

  /** Units that were not sent, since the remote server was too slow. */
  get dropped(): number {
    return this.#relay.dropped;
  }

  /** Bytes of payload that came or went. */
  get bytes(): number {
    return this.#relay.bytes;
  }

  /** Starts to connect. */
  async open(): Promise<void> {
    await this.#server.listen();
  }

  /** Publishes units on the command's own side, until they end or the signal aborts. */
  async publish(
    units: Parameters<Server["publish"]>[1],
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    await this.#server.publish(NAME, units, options);
  }

  /**
   * Resolves when the connection carries media, or the signal aborts.
   *
   * @throws {RemoteError} (rejects) when the first attempt fails
   */
  async connected(signal: AbortSignal): Promise<void> {
    while (this.state !== "running" && !signal.aborted) {
      this.check();
      await pause(LOOK_MS, { clock: systemClock, signal });
    }
  }

  /**
   * Resolves when the signal aborts.
   *
   * @throws {RemoteError} (rejects) when the connection fails
   */
  async watched(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.check();
      await pause(LOOK_MS, { clock: systemClock, signal });
    }
  }

  /** Throws when an attempt has failed. */
  check(): void {
    const { failures, lastError, target } = this.#relay;
    if (failures > 0) {
      throw new RemoteError(`${target}: ${lastError ?? "the connection has ended"}`);
    }
  }

  /** Leaves the remote server, in the words of its protocol. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }

  get #relay() {
    return this.#server.relays[0]!;
  }
}
