import { concat } from "@std/bytes/concat";
import {
  classifyFirstRequest,
  httpBadRequestResponse,
  type RtspConnectionRole,
  RtspDecoder,
  RtspError,
  type RtspTransportPolicy,
  RtspTunnelMatcher,
  tunnelGetResponse,
  tunnelPostResponse,
  webSocketAcceptResponse,
} from "../../rtsp/mod.ts";
import { type Transport, writeAll } from "../../transport/mod.ts";
import { failureEnd, ORDINARY_ENDS, type ServedConnection, type Shell } from "../mod.ts";
import {
  AddressCounter,
  type ConnectionEnd,
  type Guest,
  kickedEnd,
  type Leaving,
} from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import { partOfSession, partOfTunnel, type RtspParts } from "./rtsp_parts.ts";
import { RtspVisitor } from "./rtsp_visitor.ts";
import type { RtspService } from "./rtsp_service.ts";
import {
  httpTunnelTransport,
  transportWithFirst,
  type TunnelWay,
  TunnelWayUp,
  webSocketTransport,
} from "./rtsp_tunnel.ts";

/** Time for the first request; and for the POST that belongs to a GET. */
const DEADLINE_MS = 10_000;

/**
 * GETs of one address that wait for their POST at a time. A client sends the POST at once, so a whole wall
 * of pictures behind one address stays below.
 */
const MAX_WAITING_PER_ADDRESS = 32;

const NOTHING = new Uint8Array(0);

/** The way down of a tunnel, which takes its ways up. */
interface WayDown {
  /** Resolves when the response to the GET is written. */
  readonly ready: Promise<void>;
  /** Throws where no way up can be taken now. */
  checkRoom(): void;
  /** Reads a way up to its end. The first opens the tunnel. */
  take(up: TunnelWay): Promise<void>;
}

/** A way down and the address of its client. */
interface AddressedWayDown {
  readonly address: string;
  readonly value: WayDown;
}

/** The HTTP tunnels of one listener. */
export class RtspTunnels {
  readonly #matcher = new RtspTunnelMatcher<WayDown>();
  /** Ways down that wait for their first way up, and who gives back that they are counted. */
  readonly #perAddress = new AddressCounter();
  readonly #waiting = new Map<AddressedWayDown, () => void>();

  /**
   * Keeps a way down until `close` is called.
   *
   * @throws {RtspError} `malformed-tunnel` if the cookie is in use, or too many of the address wait
   */
  open(cookie: string, way: AddressedWayDown): void {
    if (this.#perAddress.of(way.address) >= MAX_WAITING_PER_ADDRESS) {
      throw new RtspError("malformed-tunnel", `over ${MAX_WAITING_PER_ADDRESS} GETs without POST`);
    }
    this.#matcher.open(cookie, way);
    this.#waiting.set(way, this.#perAddress.take(way.address));
  }

  /**
   * Returns the way down that a POST belongs to.
   *
   * @throws {RtspError} `malformed-tunnel` if there is none
   */
  match(cookie: string, address: string): WayDown {
    return this.#matcher.match(cookie, address);
  }

  /** A way down waits no longer for its first way up; harmless when repeated. */
  settle(way: AddressedWayDown): void {
    this.#waiting.get(way)?.();
    this.#waiting.delete(way);
  }

  /** A way down has ended. */
  close(cookie: string, way: AddressedWayDown): void {
    this.#matcher.close(cookie, way.value);
  }
}

/** What a {@linkcode RtspFront} needs. */
export interface RtspFrontOptions {
  /** The connection at the gate. */
  readonly guest: Guest;
  /** The media side. */
  readonly service: RtspService;
  /** What plain RTSP offers; a tunnel offers interleaved frames alone. */
  readonly policy: RtspTransportPolicy;
  /** The listener's half-open tunnels. */
  readonly tunnels: RtspTunnels;
  /** Whether the connection is encrypted. */
  readonly isTls?: boolean;
  /** The parts of the server that listen on the same ports, where there are others. */
  readonly parts?: RtspParts | undefined;
}

/**
 * The front of a connection to an RTSP port: its first request decides, once and for all, whether it is
 * RTSP, one way of an HTTP tunnel, or a WebSocket.
 *
 * Plain RTSP is known by its first bytes; its connection then reads the socket itself.
 */
export class RtspFront implements ServedConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  readonly #shell: Shell;
  readonly #log: ServerLog;
  readonly #transport: Transport;
  readonly #options: RtspFrontOptions;
  readonly #openedMs: number;
  #deadlineMs: number | undefined;
  #connection: RtspVisitor | undefined;
  #end: ConnectionEnd | undefined;
  /** Ends what a half-open tunnel waits for. */
  #onEnd: (() => void) | undefined;

  /** Starts to read. */
  constructor(shell: Shell, transport: Transport, options: RtspFrontOptions) {
    this.#shell = shell;
    this.#log = shell.peers.of(transport.remoteAddress);
    this.#transport = transport;
    this.#options = options;
    this.#openedMs = shell.clock.now();
    this.#deadlineMs = this.#openedMs + DEADLINE_MS;
    this.finished = this.#run().then((end) => {
      this.#options.guest.leave(end);
      return end;
    });
  }

  /** Bytes of RTSP that came so far. */
  get bytesReceived(): number {
    return this.#connection?.bytesReceived ?? 0;
  }

  /** Bytes of RTSP sent so far. */
  get bytesSent(): number {
    return this.#connection?.outbox.bytes ?? 0;
  }

  /** Bytes that the peer makes this server hold. */
  get heldBytes(): number {
    return this.#connection?.heldBytes ?? 0;
  }

  /** What its RTSP counts beside bytes. */
  get counts(): Readonly<Record<string, number>> {
    return this.#connection?.counts ?? {};
  }

  /** Whether a session of it plays or records. */
  get hasRole(): boolean {
    return this.#connection?.hasRole ?? false;
  }

  /** Closes since it was kicked. */
  kick(why: string): void {
    if (this.#connection !== undefined) this.#connection.kick(why);
    else this.#finish(kickedEnd(why));
  }

  /** Closes since all connections together make the server hold too much, and this one most of it. */
  shed(): void {
    this.#connection?.shed();
  }

  /** Passes time on. */
  tick(): void {
    this.#connection?.tick();
    if (this.#deadlineMs === undefined || this.#shell.clock.now() < this.#deadlineMs) return;
    const what = this.#onEnd === undefined ? "first request" : "POST of the tunnel";
    this.#finish({
      clean: false,
      reason: "idle-timeout",
      message: `The ${what} did not come within ${DEADLINE_MS} ms`,
    });
  }

  /** Closes since the server stops. */
  stop(): void {
    if (this.#connection !== undefined) this.#connection.stop();
    else this.#finish({ clean: true, reason: "stopped", message: "The server has stopped" });
  }

  /** Has its client told to go on at another server. */
  move(to: Leaving): void {
    this.#connection?.move(to);
  }

  async #run(): Promise<ConnectionEnd> {
    try {
      const start = await this.#readStart();
      if (this.#end !== undefined) return this.#end;
      const { role } = start;
      const elsewhere = this.#partFor(start);
      if (elsewhere !== undefined) return this.#handOver(elsewhere, start.read);
      if (role.role !== "tunnel-get") this.#deadlineMs = undefined;
      switch (role.role) {
        case "rtsp":
          return await this.#serve(this.#transport, { first: start.rest });
        case "websocket":
          return await this.#serveWebSocket(role, start.rest);
        case "tunnel-get":
          return await this.#serveGet(role.cookie, start.rest);
        case "tunnel-post":
          return await this.#servePost(role.cookie, start.rest);
        case "http":
          throw new RtspError("malformed-tunnel", "HTTP that opens no tunnel");
      }
    } catch (error) {
      return await this.#fail(error);
    }
  }

  /**
   * Reads until the role is known, and where other parts listen too, until a first request of RTSP has shown its session.
   * For RTSP, `rest` is all that was read.
   */
  async #readStart(): Promise<FrontStart> {
    const reader = this.#transport.readable.getReader();
    const decoder = new RtspDecoder();
    const pieces: Uint8Array[] = [];
    let start: Uint8Array = NOTHING;
    const rtsp = (session?: string): FrontStart => {
      const read = concat(pieces);
      return { role: { role: "rtsp" }, rest: read, read, session };
    };
    try {
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined) {
          throw new RtspError("closed", "The peer has closed before its first request");
        }
        pieces.push(value);
        if (start.length < HTTP_START_BYTES) start = concat([start, value]);
        const isHttp = startsLikeHttp(start);
        if (!isHttp && this.#options.parts === undefined) return rtsp();
        const [message] = decoder.push(value);
        if (!isHttp && message !== undefined) {
          return rtsp(message.kind === "request" ? message.headers.get("Session") : undefined);
        }
        if (message?.kind === "malformed") throw message.error;
        if (message?.kind !== "request") continue;
        const role = classifyFirstRequest(message);
        if (role.role === "rtsp") return rtsp();
        return { role, rest: decoder.takeRest(), read: concat(pieces), session: undefined };
      }
    } finally {
      reader.releaseLock();
    }
  }

  /** The other part of the server that is to serve the connection: the one that has the session, or the tunnel. */
  #partFor({ role, session }: FrontStart): number | undefined {
    const { parts } = this.#options;
    if (parts === undefined) return undefined;
    const isTunnel = role.role === "tunnel-get" || role.role === "tunnel-post";
    const index = isTunnel
      ? partOfTunnel(role.cookie, parts)
      : session === undefined
      ? undefined
      : partOfSession(session.split(";", 1)[0]!.trim(), parts);
    return index === parts.index ? undefined : index;
  }

  /** Has another part serve the connection: there it counts, and is ended; here its bytes are passed on. */
  #handOver(to: number, read: Uint8Array): ConnectionEnd {
    const { isTls = false, parts } = this.#options;
    this.#deadlineMs = undefined;
    parts!.handOver(to, { transport: transportWithFirst(this.#transport, read), isTls });
    return this.#end ??= {
      clean: true,
      reason: "handed-over",
      message: "Another worker serves the connection",
    };
  }

  /** Serves RTSP on `transport`; without `first`, a tunnel. */
  #serve(
    transport: Transport,
    options: { readonly first?: Uint8Array; readonly isOfForeignPage?: boolean } = {},
  ): Promise<ConnectionEnd> {
    const { guest, service, policy } = this.#options;
    this.#deadlineMs = undefined;
    this.#connection = new RtspVisitor(this.#shell, transport, {
      guest,
      service,
      // R067: datagrams would not take the way of the tunnel.
      policy: options.first === undefined ? {} : policy,
      openedMs: this.#openedMs,
      ...options,
    });
    return this.#connection.finished;
  }

  async #serveWebSocket(
    { key, isOfForeignPage }: Extract<RtspConnectionRole, { readonly role: "websocket" }>,
    first: Uint8Array,
  ): Promise<ConnectionEnd> {
    await writeAll(this.#transport, webSocketAcceptResponse(key));
    const transport = webSocketTransport({ transport: this.#transport, first });
    return await this.#serve(transport, { isOfForeignPage });
  }

  async #serveGet(cookie: string, rest: Uint8Array): Promise<ConnectionEnd> {
    const transport = this.#transport;
    if (rest.length > 0) throw new BytesOnWayDown();
    this.#deadlineMs = this.#shell.clock.now() + DEADLINE_MS;
    const { clock, timing } = this.#shell;
    const served = Promise.withResolvers<{ readonly end: Promise<ConnectionEnd> } | undefined>();
    const up = new TunnelWayUp({ clock, graceMs: timing.closeMs });
    let isServed = false;
    const ready = Promise.withResolvers<void>();
    const value: WayDown = {
      ready: ready.promise,
      checkRoom: () => up.checkRoom(),
      take: (way) => {
        // Throws where the way down has ended while the POST was answered: nobody would keep its time.
        const taken = up.take(way);
        if (!isServed) {
          isServed = true;
          served.resolve({ end: this.#serve(httpTunnelTransport(transport, up)) });
        }
        return taken;
      },
    };
    ready.promise.catch(() => {});
    const way = { address: transport.remoteAddress, value };
    // Who is refused is not told 200 before.
    this.#options.tunnels.open(cookie, way);
    writeAll(transport, tunnelGetResponse()).then(ready.resolve, ready.reject);
    this.#onEnd = () => {
      up.end();
      served.resolve(undefined);
    };
    // The tunnel ends with its way down.
    let fault: RtspError | undefined;
    this.#watchWayDown().then((wrong) => {
      fault = wrong;
      up.end(wrong);
      served.resolve(undefined);
    });
    const tunnel = await served.promise;
    this.#onEnd = undefined;
    this.#options.tunnels.settle(way);
    try {
      if (tunnel !== undefined) return await tunnel.end;
      if (this.#end !== undefined) return this.#end;
      throw fault ?? new RtspError("closed", "The peer has closed before its POST");
    } finally {
      up.end();
      this.#options.tunnels.close(cookie, way);
    }
  }

  /** Resolves when the peer ends its side of the GET's connection, or sends what does not belong there. */
  async #watchWayDown(): Promise<RtspError | undefined> {
    try {
      const { done } = await this.#transport.readable.getReader().read();
      return done ? undefined : new BytesOnWayDown();
    } catch {
      // The end, too.
      return undefined;
    }
  }

  async #servePost(cookie: string, first: Uint8Array): Promise<ConnectionEnd> {
    const transport = this.#transport;
    const way = this.#options.tunnels.match(cookie, transport.remoteAddress);
    // Who is refused is not told 200 before.
    way.checkRoom();
    await Promise.all([way.ready, writeAll(transport, tunnelPostResponse())]);
    if (this.#end !== undefined) return this.#end;
    try {
      await way.take({ transport, first });
    } finally {
      transport.close();
    }
    return this.#end ?? { clean: true, reason: "closed", message: "The way up has ended" };
  }

  /** Ends with what went wrong; HTTP is told so. */
  async #fail(error: unknown): Promise<ConnectionEnd> {
    // Closing the transport made the read fail.
    if (this.#end !== undefined) return this.#end;
    const isToldOf = error instanceof RtspError && error.code !== "closed" &&
      !(error instanceof BytesOnWayDown);
    const end = failureEnd(error, { isPublishing: false });
    if (end.reason === "internal") {
      this.#log.error("rtsp connection failed", {
        connection: this.#options.guest.id,
        error: String(error),
      });
    }
    this.#finish(end, { keepOpen: isToldOf });
    if (isToldOf) await this.#refuse();
    return end;
  }

  /** Answers 400, and gives the peer time to read it. */
  async #refuse(): Promise<void> {
    const transport = this.#transport;
    const { clock, timing } = this.#shell;
    const timer = clock.setTimer(() => transport.close(), timing.closeMs);
    try {
      await writeAll(transport, httpBadRequestResponse());
      await transport.closeWrite();
      const reader = transport.readable.getReader();
      while (!(await reader.read()).done);
    } catch {
      // Gone already.
    }
    timer.cancel();
    transport.close();
  }

  #finish(end: ConnectionEnd, options: { readonly keepOpen?: boolean } = {}): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#deadlineMs = undefined;
    const line = `rtsp ${this.#transport.remoteName} closed`;
    const fields = { connection: this.#options.guest.id, reason: end.reason, detail: end.message };
    if (ORDINARY_ENDS.has(end.reason)) this.#log.debug(line, fields);
    else this.#log.warn(line, fields);
    if (!options.keepOpen) this.#transport.close();
    this.#onEnd?.();
  }
}

/** How a connection begins. */
interface FrontStart {
  readonly role: RtspConnectionRole;
  /** What was read behind the first request; of RTSP all of it. */
  readonly rest: Uint8Array;
  /** All that was read. */
  readonly read: Uint8Array;
  /** Of RTSP where that was looked for: the session that the first request is for. */
  readonly session: string | undefined;
}

/** CVE-2019-6256: a GET's connection carries nothing up, so it is closed without a word. */
class BytesOnWayDown extends RtspError {
  constructor() {
    super("malformed-tunnel", "bytes on the way down of a tunnel");
  }
}

const HTTP_STARTS = ["GET ", "POST "].map((text) => new TextEncoder().encode(text));

/** As many bytes tell HTTP from RTSP. */
const HTTP_START_BYTES = 5;

/** Whether a connection may begin with the HTTP of a tunnel; as much of it as is there. */
function startsLikeHttp(bytes: Uint8Array): boolean {
  return HTTP_STARTS.some((start) =>
    start.every((byte, at) => at >= bytes.length || bytes[at] === byte)
  );
}
