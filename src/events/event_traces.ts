import type {
  EventConnection,
  EventRole,
  ServerEventDetails,
  ServerEventName,
  ServerEvents,
} from "./server_events.ts";

/** A value that a span can have. */
export type TraceAttribute = string | number | boolean;

/** What is used of a span of OpenTelemetry. */
export interface TraceSpan {
  /** Says something of it. */
  setAttributes(attributes: Readonly<Record<string, TraceAttribute>>): unknown;
  /** Says how it went: 1 is well, 2 is not. */
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  /** It is over, and may be exported. */
  end(): void;
}

/** What is used of a tracer of OpenTelemetry. */
export interface Tracer {
  /** Begins a span; `kind` 1 is that of a server. */
  startSpan(
    name: string,
    options: {
      readonly kind?: number;
      readonly attributes: Readonly<Record<string, TraceAttribute>>;
    },
    context?: unknown,
  ): TraceSpan;
}

/** By this a context has its span (`@opentelemetry/api`, `context-utils.ts`). */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

/**
 * The tracer that Deno has built in, where it was started with `OTEL_DENO=true`: no package is loaded, and no variable of
 * the environment is read. `undefined` where nobody collects traces.
 */
export function denoTracer(version: string): Tracer | undefined {
  try {
    const tracer = Deno.telemetry.tracerProvider.getTracer("weir", version) as Tracer;
    // It throws where telemetry is off; what is never ended is never exported.
    tracer.startSpan("weir", { attributes: {} });
    return tracer;
  } catch {
    return undefined;
  }
}

/**
 * Makes traces of what happens in a server. Each connection is a span from its start to its end, and so is each publisher
 * and player, within that of its connection. As spans are exported when they end, each event is one of its own too, which
 * takes no time and is exported at once.
 */
export class EventTraces {
  readonly #tracer: Tracer;
  readonly #connections = new Map<number, TraceSpan>();
  /** By connection, what is done and stream: one connection may play a stream several times. */
  readonly #roles = new Map<string, TraceSpan[]>();

  /** Traces nothing yet. */
  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** Traces what `events` tell of from now on. */
  open(events: ServerEvents): void {
    const on = <K extends ServerEventName>(
      name: K,
      take: (detail: ServerEventDetails[K]) => void,
    ): void => events.addEventListener(name, ({ detail }) => take(detail));
    on("connect", ({ connection }) => {
      const { id, protocol } = connection;
      const span = this.#begin(`${protocol} connection`, { about: ofConnection(connection) });
      this.#connections.set(id, span);
      this.#instant("connect", { about: ofConnection(connection), parent: span });
    });
    on("disconnect", ({ connection, reason, message }) => {
      const parent = this.#connections.get(connection.id);
      const about = { ...ofConnection(connection), ...ofEnd({ reason, message }) };
      this.#instant("disconnect", { about, parent });
      parent?.setAttributes(ofEnd({ reason, message }));
      parent?.end();
      this.#connections.delete(connection.id);
    });
    on("publish-start", (role) => this.#start("publish", role));
    on("play-start", (role) => this.#start("play", role));
    on("publish-end", ({ reason, message, bytes, units, ...role }) =>
      this.#end("publish", role, {
        ...ofEnd({ reason, message }),
        "weir.bytes": bytes,
        "weir.units": units,
      }));
    on("play-end", (role) => this.#end("play", role, {}));
    on("refused", ({ connection, action, stream, refused, message }) => {
      const about = {
        ...ofConnection(connection),
        "weir.action": action,
        "weir.stream": stream,
        "weir.refused": refused,
      };
      const parent = this.#connections.get(connection.id);
      this.#instant("refused", { about, parent, fault: message });
    });
    on(
      "stream-ready",
      ({ stream }) => this.#instant("stream-ready", { about: { "weir.stream": stream } }),
    );
    on(
      "stream-ended",
      ({ stream }) => this.#instant("stream-ended", { about: { "weir.stream": stream } }),
    );
    on(
      "recording-segment",
      ({ stream, path, durationMs, bytes }) =>
        this.#instant("recording-segment", {
          about: {
            "weir.stream": stream,
            "weir.path": path,
            "weir.duration_ms": durationMs,
            "weir.bytes": bytes,
          },
        }),
    );
  }

  #start(action: "publish" | "play", role: EventRole): void {
    const about = ofRole(role);
    const span = this.#begin(action, { about, parent: this.#connections.get(role.connection.id) });
    const key = keyOf(action, role);
    this.#roles.set(key, [...this.#roles.get(key) ?? [], span]);
    this.#instant(`${action}-start`, { about, parent: span });
  }

  #end(
    action: "publish" | "play",
    role: EventRole,
    end: Readonly<Record<string, TraceAttribute>>,
  ): void {
    const key = keyOf(action, role);
    const [span, ...others] = this.#roles.get(key) ?? [];
    if (others.length > 0) this.#roles.set(key, others);
    else this.#roles.delete(key);
    this.#instant(`${action}-end`, { about: { ...ofRole(role), ...end }, parent: span });
    span?.setAttributes(end);
    span?.end();
  }

  #instant(
    name: string,
    { about, parent, fault }: {
      readonly about: Readonly<Record<string, TraceAttribute>>;
      readonly parent?: TraceSpan | undefined;
      readonly fault?: string;
    },
  ): void {
    const span = this.#begin(name, { about, parent });
    if (fault !== undefined) span.setStatus({ code: 2, message: fault });
    span.end();
  }

  #begin(
    name: string,
    { about, parent }: {
      readonly about: Readonly<Record<string, TraceAttribute>>;
      readonly parent?: TraceSpan | undefined;
    },
  ): TraceSpan {
    // What runs while an event is told is no part of it: without a parent it begins a trace of its own.
    return this.#tracer.startSpan(name, { kind: 1, attributes: about }, contextOf(parent));
  }
}

/** A context as tracers read one. */
function contextOf(span: TraceSpan | undefined): unknown {
  const context = {
    getValue: (key: symbol): unknown => key === SPAN_KEY ? span : undefined,
    setValue: (): unknown => context,
    deleteValue: (): unknown => context,
  };
  return context;
}

function keyOf(action: string, { connection, stream }: EventRole): string {
  return `${connection.id} ${action} ${stream}`;
}

/** By the names of OpenTelemetry's conventions, where those have one. */
function ofConnection(
  { id, protocol, address, app, userAgent }: EventConnection,
): Readonly<Record<string, TraceAttribute>> {
  return {
    "weir.connection": id,
    "network.protocol.name": protocol,
    ...(address === "" ? {} : { "client.address": address }),
    ...(app === "" ? {} : { "weir.app": app }),
    ...(userAgent === "" ? {} : { "user_agent.original": userAgent }),
  };
}

function ofRole({ connection, stream, user }: EventRole): Readonly<Record<string, TraceAttribute>> {
  return {
    ...ofConnection(connection),
    "weir.stream": stream,
    ...(user === undefined ? {} : { "user.name": user }),
  };
}

function ofEnd(
  { reason, message }: { readonly reason: string; readonly message: string },
): Readonly<Record<string, TraceAttribute>> {
  return { "weir.reason": reason, "weir.message": message };
}
