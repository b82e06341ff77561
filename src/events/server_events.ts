import type { AccessAction, RefusedInfo } from "../gate/mod.ts";

/** A client's connection, as events tell of it. */
export interface EventConnection {
  /** Its number, unique in the server. */
  readonly id: number;
  /** What it speaks, in its door's word; `relay` and `program` are the server's own. */
  readonly protocol: string;
  /** Address of the client, without a port; empty for the server's own. */
  readonly address: string;
  /** RTMP: the app of connect, without its query. */
  readonly app: string;
  /** The name of its software, as it states it. */
  readonly userAgent: string;
}

/** A publisher or player, as events tell of it. */
export interface EventRole {
  /** Its connection. */
  readonly connection: EventConnection;
  /** Name of the stream. */
  readonly stream: string;
  /** The user that it has proved to be, where it had to. */
  readonly user?: string;
}

/** How something has ended. */
export interface EventEnd {
  /** Why, as a code. */
  readonly reason: string;
  /** Why, in words. */
  readonly message: string;
}

/** The events of a server, and what each of them tells: plain data without secrets. */
export interface ServerEventDetails {
  /** A client has introduced itself, and was let in. */
  readonly "connect": { readonly connection: EventConnection };
  /** A connection has ended. */
  readonly "disconnect": { readonly connection: EventConnection } & EventEnd;
  /** A publisher has a stream. */
  readonly "publish-start": EventRole;
  /** A publisher no longer has it, with bytes and units of media received. */
  readonly "publish-end": EventRole & EventEnd & {
    readonly bytes: number;
    readonly units: number;
  };
  /** A player is being served. */
  readonly "play-start": EventRole;
  /** A player is no longer served. */
  readonly "play-end": EventRole;
  /** A stream has a publisher that had none. */
  readonly "stream-ready": { readonly stream: string };
  /** A stream has had no publisher for as long as one may take to come back. */
  readonly "stream-ended": { readonly stream: string };
  /** A client was turned away. */
  readonly "refused": {
    /** Its connection; of one that was closed at once, the number is 0. */
    readonly connection: EventConnection;
    /** The thing that it wanted. */
    readonly action: AccessAction | "connect";
    /** The stream that it wanted; empty where there is none, or the name may be a secret. */
    readonly stream: string;
    /** Why, as a code. */
    readonly refused: RefusedInfo["refused"];
    /** Why, in words. */
    readonly message: string;
  };
  /** A file of a recording is complete. */
  readonly "recording-segment": {
    /** Name of the stream. */
    readonly stream: string;
    /** Its path in the folder, or the store, of its rule. */
    readonly path: string;
    /** When it begins, as ISO 8601 has it. */
    readonly start: string;
    /** How long its media is, milliseconds. */
    readonly durationMs: number;
    /** Its length. */
    readonly bytes: number;
  };
}

/** The name of an event. */
export type ServerEventName = keyof ServerEventDetails;

/** All names of events. */
export const SERVER_EVENT_NAMES: readonly ServerEventName[] = [
  "connect",
  "disconnect",
  "publish-start",
  "publish-end",
  "play-start",
  "play-end",
  "stream-ready",
  "stream-ended",
  "refused",
  "recording-segment",
];

/** An event of a server. */
export type ServerEvent<K extends ServerEventName = ServerEventName> = CustomEvent<
  ServerEventDetails[K]
>;

/** Listens to events of one name; may be async. */
export type ServerEventListener<K extends ServerEventName> = (
  event: ServerEvent<K>,
) => void | Promise<void>;

/** As `addEventListener` of the platform has them. */
export interface ServerEventOptions {
  /** Whether it is called once at most. */
  readonly once?: boolean;
  /** Listens no longer once it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * The events of a server, to listen to. What a listener throws or rejects with is logged, and ends nothing: neither the
 * program nor what the event is about.
 *
 * @example
 * ```ts
 * import { Server } from "@weir/server";
 *
 * await using server = new Server();
 * server.events.addEventListener("publish-start", ({ detail }) => {
 *   console.log(`${detail.stream} comes from ${detail.connection.address}`);
 * });
 * ```
 */
export class ServerEvents {
  readonly #target = new EventTarget();
  readonly #wrapped = new Map<string, WeakMap<object, (event: Event) => void>>();
  readonly #onFailure: (error: unknown) => void;

  /** Tells nobody yet; `onFailure` is told what listeners throw. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Has a function called at each event of a name, from now on; once a function and name, as the platform has it. */
  addEventListener<K extends ServerEventName>(
    name: K,
    listener: ServerEventListener<K>,
    options: ServerEventOptions = {},
  ): void {
    let known = this.#wrapped.get(name);
    if (known === undefined) this.#wrapped.set(name, known = new WeakMap());
    let wrapped = known.get(listener);
    if (wrapped === undefined) {
      // An uncaught error of a listener would end the program.
      wrapped = (event) => {
        Promise.try(listener, event as ServerEvent<K>).catch(this.#onFailure);
      };
      known.set(listener, wrapped);
    }
    this.#target.addEventListener(name, wrapped, options);
  }

  /** Calls it no more. */
  removeEventListener<K extends ServerEventName>(name: K, listener: ServerEventListener<K>): void {
    const wrapped = this.#wrapped.get(name)?.get(listener);
    if (wrapped !== undefined) this.#target.removeEventListener(name, wrapped);
  }

  /** Tells all who listen: for the server, and for doors and agents of others. */
  emit<K extends ServerEventName>(name: K, detail: ServerEventDetails[K]): void {
    this.#target.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
