import type {
  ConnectionEnd,
  ConnectionInfo,
  GateObserver,
  ServerHooks,
  StreamRequest,
} from "../gate/mod.ts";
import type { Clock } from "../hub/mod.ts";
import type { EventConnection, EventEnd, EventRole, ServerEvents } from "./server_events.ts";
import { StreamLives } from "./stream_lives.ts";

/** Whose hooks are told too, and by what time. */
export interface ListeningHooksOptions {
  /** The hooks of the program. */
  readonly hooks: ServerHooks;
  /** Time. */
  readonly clock: Clock;
  /** How long a publisher may take to come back, milliseconds. */
  readonly lingerMs: () => number;
}

/** Hooks that listen, and what ends that. */
export interface ListeningHooks {
  /** They do what those of the program do, and tell of all that they hear. */
  readonly hooks: ServerHooks;
  /** The streams that live, as `stream-ready` and `stream-ended` tell of them. */
  readonly live: () => readonly string[];
  /** The server has stopped: streams that still live are told to have ended. */
  close(): void;
}

/** Makes hooks that tell `events` of all that they hear. */
export function listeningHooks(
  events: ServerEvents,
  { hooks, clock, lingerMs }: ListeningHooksOptions,
): ListeningHooks {
  const lives = new StreamLives({
    clock,
    lingerMs,
    onReady: (stream) => events.emit("stream-ready", { stream }),
    onEnded: (stream) => events.emit("stream-ended", { stream }),
  });
  /** Connections that were told of: requests of HTTP were not. */
  const entered = new Set<number>();
  const listening: Required<GateObserver> = {
    onEntered(connection) {
      entered.add(connection.id);
      events.emit("connect", { connection: shown(connection) });
      return hooks.onEntered?.(connection);
    },
    onDisconnect(connection, end) {
      if (entered.delete(connection.id)) {
        events.emit("disconnect", { connection: shown(connection), ...endOf(end) });
      }
      return hooks.onDisconnect?.(connection, end);
    },
    onRefused(info) {
      const { connection, action, name, refused, why } = info;
      const detail = { action, stream: name, refused, message: why };
      events.emit("refused", { connection: shown(connection), ...detail });
      return hooks.onRefused?.(info);
    },
    onPublishStart(info) {
      events.emit("publish-start", roleOf(info));
      lives.begin(info.name);
      return hooks.onPublishStart?.(info);
    },
    onPublishEnd(info, end) {
      const { bytes, units } = info;
      events.emit("publish-end", { ...roleOf(info), bytes, units, ...endOf(end) });
      lives.end(info.name);
      return hooks.onPublishEnd?.(info, end);
    },
    onPlayStart(request) {
      events.emit("play-start", roleOf(request));
      return hooks.onPlayStart?.(request);
    },
    onPlayEnd(request) {
      events.emit("play-end", roleOf(request));
      return hooks.onPlayEnd?.(request);
    },
  };
  return {
    hooks: Object.defineProperties({ ...listening }, ownOf(hooks)) as ServerHooks,
    live: () => lives.names,
    close: () => lives.close(),
  };
}

/** The hooks that are not listened by: those that decide, and values that may change. */
function ownOf(hooks: ServerHooks): PropertyDescriptorMap {
  const own = Object.entries(Object.getOwnPropertyDescriptors(hooks));
  return Object.fromEntries(own.filter(([name]) => !LISTENING.has(name)));
}

const LISTENING: ReadonlySet<string> = new Set(
  [
    "onEntered",
    "onDisconnect",
    "onRefused",
    "onPublishStart",
    "onPublishEnd",
    "onPlayStart",
    "onPlayEnd",
  ] satisfies (keyof GateObserver)[],
);

/** The app may have a query, with credentials in it. */
function shown({ id, protocol, remoteAddress, app, userAgent }: ConnectionInfo): EventConnection {
  return { id, protocol, address: remoteAddress, app: app.split("?", 1)[0]!, userAgent };
}

function roleOf({ connection, name, user }: StreamRequest): EventRole {
  return { connection: shown(connection), stream: name, ...(user === undefined ? {} : { user }) };
}

function endOf({ reason, message }: ConnectionEnd): EventEnd {
  return { reason, message };
}
