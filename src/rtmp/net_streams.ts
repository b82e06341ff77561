import type { StreamPath } from "./stream_path.ts";

/** The state of a client's NetStream: `-pending` until its request is answered. */
export type NetStreamState = "idle" | "publish-pending" | "publishing" | "play-pending" | "playing";

/** A NetStream that a client has created (RTMP 1.0, 7.2.2). */
export interface NetStream {
  /** The message stream id. */
  readonly id: number;
  state: NetStreamState;
  /** The stream that it publishes or plays, or has asked for; `undefined` when it is idle. */
  path: StreamPath | undefined;
  /** When the last media of its publisher came. */
  lastMediaAt: number;
  /** The kinds of media that it is sent while it plays. */
  readonly receives: Record<"audio" | "video", boolean>;
}

/** The NetStreams of a connection, of which there are at most so many. */
export class NetStreams {
  #streams: readonly NetStream[] = [];
  readonly #most: number;

  /** Has room for `most`. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Creates one, with the lowest number that is free; `undefined` when there are as many as may be. */
  open(): number | undefined {
    for (let id = 1; id <= this.#most; id++) {
      if (this.get(id) !== undefined) continue;
      const receives = { audio: true, video: true };
      const stream: NetStream = { id, state: "idle", path: undefined, lastMediaAt: 0, receives };
      this.#streams = [...this.#streams, stream];
      return id;
    }
    return undefined;
  }

  /** The one of a number. */
  get(id: number): NetStream | undefined {
    const streams = this.#streams;
    for (let at = 0; at < streams.length; at++) if (streams[at]!.id === id) return streams[at];
    return undefined;
  }

  /** The NetStream of a publish or play; a client that did not create it used the number that it expected. */
  forRole(id: number): NetStream | undefined {
    const stream = this.get(id);
    if (stream !== undefined || id !== 1) return stream;
    this.open();
    return this.get(1);
  }

  /** Forgets one. */
  delete(id: number): void {
    this.#streams = this.#streams.filter((stream) => stream.id !== id);
  }

  /** The NetStreams that publish. */
  get publishing(): NetStream[] {
    return this.#streams.filter(({ state }) => state === "publishing");
  }

  /** Whether one publishes or plays. */
  get hasRole(): boolean {
    return this.#streams.some(isRole);
  }

  /** Whether a publish or play waits for its answer. */
  get hasRequest(): boolean {
    return this.#streams.some(({ state }) => state.endsWith("-pending"));
  }

  /** The state of the first that is not idle. */
  get busyState(): NetStreamState | undefined {
    return this.#streams.find(({ state }) => state !== "idle")?.state;
  }

  /**
   * The NetStream that media on a message stream is for: on message stream 0, the one that publishes, where there is
   * one. So send encoders that publish there, and those that open a chunk stream with a type 1 chunk, which names no
   * message stream.
   */
  ofMedia(messageStreamId: number): NetStream | undefined {
    return messageStreamId === 0 ? onlyOne(this.publishing) : this.get(messageStreamId);
  }

  /**
   * The number of the NetStream that a command on message stream 0, where some cameras send them, is for: the one
   * there is that it can be for. A `publish` or `play` is for one that is idle.
   */
  ofStrayCommand(command: "publish" | "play" | "other"): number {
    const streams = this.#streams;
    const isStart = command !== "other";
    const fitting = streams.filter(({ state }) => (state === "idle") === isStart);
    // A second play replaces the first.
    const stream = (isStart ? fitting.at(-1) : onlyOne(fitting)) ??
      (command === "play" ? onlyOne(streams) : undefined);
    return stream?.id ?? (isStart && streams.length === 0 ? 1 : 0);
  }
}

/** Whether a NetStream publishes or plays. */
export function isRole({ state }: NetStream): boolean {
  return state === "publishing" || state === "playing";
}

function onlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}
