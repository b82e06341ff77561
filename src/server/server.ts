import type { Access } from "../access/mod.ts";
import type { ClusterNode } from "../cluster/mod.ts";
import type { HttpRequestInfo } from "../doors/http/mod.ts";
import type { RtspSessionStatistics } from "../doors/rtsp/mod.ts";
import { ServerEvents } from "../events/mod.ts";
import type { ConnectionEnd, Ticket } from "../gate/mod.ts";
import { checkStreamName, Hub, type Stream } from "../hub/mod.ts";
import { safeLog, type ServerLog, silentLog } from "../log/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import type { Recordings, SavedClip } from "../record/mod.ts";
import type { RelayEntry, RelayOptions } from "../relay/mod.ts";
import { type ListenAddress, ServerError, type StreamPair, systemClock } from "../transport/mod.ts";
import { accessOf, asksAtConnect, hooksOf, warnIfOpen } from "./access_hooks.ts";
import { checkServerNumbers } from "./bounds.ts";
import { makeDoors, type ServerDoors } from "./built_in_doors.ts";
import { DRAIN_TIMEOUT_MS } from "./defaults.ts";
import { Drainer, type DrainOptions, type DrainState } from "./drainer.ts";
import { EventDesk } from "./event_desk.ts";
import { hubRules, shellRules } from "./live_rules.ts";
import { Membership, workerCount } from "./membership.ts";
import type { AddressListOptions, LiveOptions, ServerOptions } from "./options.ts";
import { PartDrain } from "./part_drain.ts";
import type { PathRule, PathRules } from "./path_rules.ts";
import type { ClipWindow } from "./server_clips.ts";
import { makeAgents, openAgents, type ServerAgents, stopAgents } from "./server_agents.ts";
import type { ServerCore } from "./server_core.ts";
import { ServerCounts } from "./server_counts.ts";
import type { ServerPart } from "./server_part.ts";
import { ServerReach } from "./server_reach.ts";
import { ServerRules } from "./server_rules.ts";
import { publishUnits, type PublishUnitsOptions, ServerStream } from "./server_stream.ts";
import { hubEvents, ServerShell } from "./shell.ts";
import type { ServerAddress, ServerConnection, ServerSnapshot } from "./statistics.ts";
import type { WorkerStatistics } from "./workers/worker_pool.ts";

/**
 * A live-streaming server: encoders publish to it, players take the streams.
 *
 * @example
 * ```ts
 * import { Server } from "@weir/server";
 *
 * await using server = new Server({
 *   rtmp: { hostname: "127.0.0.1", port: 0 },
 *   hooks: {
 *     onPublish: ({ query }) => query.get("key") === "secret" ? undefined : { refuse: "Wrong key" },
 *   },
 * });
 * await server.listen();
 * console.log(server.addresses[0]?.protocol); // rtmp
 * ```
 */
export class Server {
  /** The streams, for all that the shorter ways below do not offer. */
  readonly hub: Hub;
  /** What happens in the server, to listen to. */
  readonly events: ServerEvents = new ServerEvents((error) =>
    this.#log.error("a listener of events failed", { error: String(error) })
  );
  /** Who may do what, and the publishing keys; `undefined` without the option of that name. */
  readonly access: Access | undefined;
  /**
   * What opens the API where nothing else does: made by chance for this server alone. `undefined` where there are
   * tokens or users, or no API.
   */
  readonly apiToken: string | undefined;
  /** The recordings by the rules of the options: what there is, and its files. */
  readonly recordings: Recordings;
  readonly #options: ServerOptions;
  readonly #log: ServerLog;
  readonly #told: EventDesk;
  readonly #members: Membership;
  readonly #shell: ServerShell;
  readonly #agents: ServerAgents;
  readonly #doors: ServerDoors;
  readonly #counts: ServerCounts;
  readonly #reach: ServerReach;
  readonly #rules: ServerRules;
  readonly #drainer: Drainer;
  #stopping: Promise<void> | undefined;

  /**
   * Makes a server that does nothing yet.
   *
   * @throws {RangeError} if a number among the options is out of range
   * @throws {TypeError} if a range of addresses cannot be read, or a pattern of names, or several workers are to do what
   * one alone can
   * @throws as {@linkcode checkRelays} if a relay among the options is wrong
   */
  constructor(options: ServerOptions = {}, part?: ServerPart) {
    checkServerNumbers(options);
    const workers = part === undefined ? workerCount(options.workers) : 1;
    this.#options = options;
    const log = this.#log = safeLog(options.log ?? silentLog);
    const rules = this.#rules = new ServerRules(options, () => ({
      access: this.access,
      hub: this.hub,
      shell: this.#shell,
      pool: this.#members.pool,
      relays: this.#agents.relays,
      recordings: this.#agents.recordings,
      clips: this.#agents.clips,
      keep: this.#agents.keep,
      channels: this.#agents.channels,
      told: this.#told,
      doors: this.#doors,
    }));
    const access = this.access = accessOf(options, { paths: rules.paths, log });
    const paths = (): PathRules => rules.paths;
    const hub = this.hub = new Hub(
      { ...hubRules(options, paths), clock: systemClock },
      hubEvents(log, () => this.hub.settings.maxHeldBytes),
    );
    this.#told = new EventDesk({
      options,
      part,
      hooks: hooksOf(options, access),
      events: this.events,
      hub,
      addresses: () => this.addresses,
      log,
    });
    const { hooks } = this.#told;
    // A worker is told, by what its options have.
    const askAtConnect = () =>
      asksAtConnect(part === undefined ? rules.live : options, { access, hooks });
    this.#members = new Membership({
      options,
      part,
      workers,
      hub,
      hooks,
      archives: () => this.#agents.archives,
      ownRelays: () => this.#agents.relays.own,
      access,
      limits: () => this.#shell.gate.limits,
      termsOf: (name) => rules.paths.of(name).terms,
      askAtConnect,
      fetch: (request, hostname) => this.fetch(request, { remoteAddr: { hostname } }),
      load: () => ({
        connections: this.connectionCount,
        maxConnections: this.#shell.gate.limits.maxConnections,
        addresses: this.addresses,
      }),
      onDrain: (timeoutMs) => void this.drain({ timeoutMs }),
      log,
    });
    this.#shell = new ServerShell({
      ...shellRules(options, paths),
      hub,
      hooks,
      log,
      claims: this.#members.agent,
      nodes: this.#members.part?.nodes,
      sharesPorts: this.#members.part?.sharesPorts,
      shared: this.#members.part?.shared,
      numbers: this.#members.part?.numbers,
      tls: options.tls,
      onTick: (nowMs) => this.#agents.all.forEach((agent) => agent.tick?.(nowMs)),
    });
    if (access !== undefined) {
      access.keys.onRevoked = (id) =>
        void this.kickUser(`key:${id}`, "The publishing key was revoked");
      access.keys.onChanged = () => this.#members.pool?.tellAccess();
      access.onChanged = () => {
        this.#members.pool?.tellAccess();
        void this.review();
      };
    }
    const drain = new PartDrain(this.#shell);
    PartDrain.keep(this, drain);
    this.#drainer = new Drainer({ part: drain, members: this.#members, log });
    const core: ServerCore = { options, part, workers, shell: this.#shell };
    const { pool } = this.#members;
    const live = (): LiveOptions => rules.live;
    this.#agents = makeAgents(core, { source: this, events: this.events, hooks, pool, live });
    this.recordings = this.#agents.recordings;
    this.apiToken = this.#agents.api?.token;
    const routes = this.#agents.all.flatMap((agent) => agent.routes ?? []);
    this.#doors = makeDoors(core, { askAtConnect, routes, addresses: () => this.addresses, live });
    this.#shell.addDoors(this.#doors.all);
    this.#counts = new ServerCounts({
      shell: this.#shell,
      rtsp: this.#doors.rtsp,
      relays: this.#agents.relays,
      members: this.#members,
    });
    this.#reach = new ServerReach({
      shell: this.#shell,
      members: this.#members,
      counts: this.#counts,
    });
  }

  /** What differs for the streams of a name or a pattern. */
  get paths(): readonly PathRule[] {
    return this.#rules.paths.rules;
  }

  /**
   * Gives the server other options, which hold from now on, as if it were made anew: what is left out has its default
   * again. Who is in and is no longer allowed, by `access` or by its address, is ended in the words of its protocol, and
   * a publisher or player that is over a bitrate of now once it was so for 10 s; everybody else stays, over bounds of
   * how many there may be too. Relays that the options ask for no more are ended, those of `addRelay` stay; the same holds
   * of recordings, whose rules left out end, with files that are whole; recordings, relays, webhooks, commands and files
   * that are as before go on. What is for a connection, such as the bounds of a session, holds for those that come later.
   * Who changes one option gives the others again. The certificate has its own way, `reloadTls`.
   *
   * @throws {RangeError} (rejects) if a number is out of range: then nothing is changed, here as below
   * @throws {TypeError} (rejects) if a range of addresses or a pattern of names cannot be read, or `access` is there
   * now and was not before
   * @throws {AccessOptionsError} (rejects) if `access` cannot be read
   * @throws {MediaFileError} (rejects) if a file, of a fallback too, cannot be played
   * @throws {EventOptionsError} (rejects) if a webhook or a command is wrong
   * @throws {ServerError} (rejects) `permission` if one of these may not be told or run
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * const options = { paths: [{ pattern: "live/*", lingerMs: 1000 }] };
   * await using server = new Server(options);
   * await server.configure({ ...options, maxConnections: 10 });
   * console.log(server.hub.settingsOf("live/cam").lingerMs); // 1000
   * ```
   */
  configure(options: LiveOptions): Promise<void> {
    return this.#rules.configure(options);
  }

  /**
   * Sets a rule of paths, which holds from now on: for new streams, and for those that there are. It takes the place of
   * the rule of the options that has the same pattern, and stays when the server is configured, until it is removed.
   *
   * @throws {TypeError} (rejects) as the constructor; then nothing is changed
   * @throws {RangeError} (rejects) if a number is out of range
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * await server.setPath({ pattern: "live/*", maxPlayers: 100 });
   * console.log(server.paths.length, await server.removePath("live/*")); // 1 true
   * ```
   */
  setPath(rule: PathRule): Promise<void> {
    return this.#rules.setPath(rule);
  }

  /** Removes a rule that was set by `setPath`; resolves to whether there was one. That of the options holds again. */
  removePath(pattern: string): Promise<boolean> {
    return this.#rules.removePath(pattern);
  }

  /**
   * Looks at all publishers and players by the rules of now, and ends those that are not allowed any more, as `configure`
   * does: for programs whose hook `mayStay` says otherwise than before. Resolves when all of this thread were looked at.
   */
  async review(): Promise<void> {
    await this.#reach.review();
  }

  /**
   * Has a protocol (`rtmp`, `rtmps`, `rtsp`, `rtsps`, `http`, `https`) listened for elsewhere, or nowhere. The new port is
   * opened first, the former then closed to newcomers, and connections that there are go on. Ports of UDP stay. Where
   * workers serve, all of them change.
   *
   * @throws {ServerError} (rejects) as `listen`, or `state` where that cannot be changed: the server does not listen, or
   * there is no such protocol. Then all is as before
   */
  async relisten(protocol: string, address: ListenAddress | false): Promise<void> {
    await this.#reach.relisten(protocol, address);
  }

  /**
   * Changes which addresses may connect; connections of others are ended.
   *
   * @throws {TypeError} if a range cannot be read: then nothing is changed
   */
  setAddresses(addresses: AddressListOptions): void {
    this.#reach.setAddresses(addresses);
  }

  /** Where the server listens, with the ports that it got. */
  get addresses(): ServerAddress[] {
    return [...this.#members.pool?.addresses ?? [], ...this.#shell.addresses];
  }

  /** The streams that are published or waited for. */
  get streams(): Stream[] {
    return this.hub.streams;
  }

  /** The state and counts of the relays, in the order of the options, then those that were added. */
  get relays(): RelayEntry[] {
    return this.#agents.relays.statistics;
  }

  /** All publishers and players, the server's own too, by number; each can be ended by `kick`. */
  get tickets(): ReadonlyMap<number, Ticket> {
    return this.#counts.tickets;
  }

  /** How the workers do, where there are several. */
  get workers(): WorkerStatistics[] {
    return this.#members.pool?.statistics ?? [];
  }

  /**
   * Ends a worker with all its connections, and starts it again, as happens when one dies by itself; `index` is from 0 on.
   * Whether there was one.
   */
  restartWorker(index: number): boolean {
    return this.#members.pool?.restart(index) ?? false;
  }

  /**
   * Writes a part of a stream to where the option `clips` says, as one file from the key frame before its start on: of
   * what is kept in memory, or was recorded.
   *
   * @throws {RecordingError} (rejects) `unset` without that option, `absent` where nothing is there of that time,
   * `busy` where too many are written at once, `store` or `unreachable` where it cannot be written, `format`
   */
  saveClip(name: string, window: ClipWindow = {}): Promise<SavedClip> {
    return this.#agents.clips.save(name, window);
  }

  /**
   * Adds a relay, which starts when the server listens, at once where it does; resolves to the id that
   * `changeRelay` and `removeRelay` know it by. A name and URL with `*` are a pattern, for any stream.
   *
   * @throws {TypeError} (rejects) if another relay has the target, or the server has stopped; and as
   * {@linkcode checkRelays}
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * const id = await server.addRelay({
   *   mode: "pull",
   *   name: "live/*",
   *   url: "rtmp://origin.example/live/*",
   * });
   * console.log(server.relays.map(({ name, state }) => `${name} ${state}`)); // [ "live/* idle" ]
   * console.log(await server.removeRelay(id)); // true
   * ```
   */
  addRelay(options: RelayOptions): Promise<number> {
    return this.#agents.relays.add(options);
  }

  /**
   * Gives a relay other options; resolves to false when there is none of that id. What runs goes on where
   * only times differ; else it is ended, in its protocol's words, and begun anew. Its counts go on.
   *
   * @throws {TypeError} (rejects), and nothing is changed, as `addRelay`
   */
  changeRelay(id: number, options: RelayOptions): Promise<boolean> {
    return this.#agents.relays.change(id, options);
  }

  /**
   * Ends a relay, in its protocol's words, and forgets it; resolves when its connection is closed, to false
   * when there is none of that id.
   */
  removeRelay(id: number): Promise<boolean> {
    return this.#agents.relays.remove(id);
  }

  /**
   * A stream's media for this program; the stream need not be published yet.
   *
   * @throws {HubError} `bad-name` when the name cannot be a stream's
   */
  stream(name: string): ServerStream {
    checkStreamName(name);
    return new ServerStream(name, {
      hub: this.hub,
      gate: this.#shell.gate,
      log: this.#shell.log,
      elsewhere: this.#reach.streamsElsewhere,
    });
  }

  /**
   * Publishes what `units` gives, until it ends, under a name; resolves when all is published. The media
   * is `access-unit` or `flv`; `tracks` tell what `access-unit` payloads are.
   *
   * @throws {HubError} `name-taken` when another publisher has the name; `bad-name`
   */
  async publish(
    name: string,
    units: ReadableStream<MediaUnit>,
    options: PublishUnitsOptions = {},
  ): Promise<void> {
    await publishUnits(this.#shell.gate, units, { ...options, name });
  }

  /**
   * Ends all that a user, as it was proved, publishes and plays, and has the clients told why; returns how many that
   * were. The user of a publishing key is `key:` and the key's id.
   */
  kickUser(user: string, why: string): number {
    return this.#reach.kickUser(user, why);
  }

  /**
   * Drops what is held back of a stream that a rule delays, while its publisher goes on: players see nothing, or the
   * fallback, until what comes from now on has been held for as long. Whether anything was held.
   */
  dropHeld(name: string): boolean {
    return this.#reach.dropHeld(name);
  }

  /** Ends a connection by its number, and all that it does; the client is told why. Whether there was one. */
  kickConnection(id: number, why: string): boolean {
    const connection = this.connections.find((other) => other.id === id);
    connection?.kick(why);
    return connection !== undefined;
  }

  /** The connections, with their counts. */
  get connections(): ServerConnection[] {
    return this.#counts.connections;
  }

  /** Counts of the RTSP sessions that play, are set up to, or record. */
  get rtspSessions(): readonly RtspSessionStatistics[] {
    return this.snapshot().doors.rtsp.sessions;
  }

  /** Number of connections. */
  get connectionCount(): number {
    return this.connections.length;
  }

  /** Number of RTSP sessions; those over UDP may outlive their connections. */
  get rtspSessionCount(): number {
    return this.snapshot().doors.rtsp.sessionCount;
  }

  /** Connections that were closed at once, since there were too many. */
  get refusedConnections(): number {
    return this.snapshot().refused.connections;
  }

  /** Every count that there is, at one moment; those of workers are up to a second old. */
  snapshot(): ServerSnapshot {
    return this.#counts.snapshot();
  }

  /** The same, with the counts of workers as they are now. */
  async freshSnapshot(): Promise<ServerSnapshot> {
    return await this.#counts.freshSnapshot();
  }

  /**
   * Starts to listen; resolves when clients can connect.
   *
   * @throws {ServerError} `address-in-use`, `address-not-available`, `certificate`, `permission` (the flag to
   * add is in the message), or `state` when called twice
   */
  async listen(): Promise<void> {
    try {
      await this.access?.open();
      this.#told.open();
      await openAgents(this.#agents);
      await this.#shell.open();
      await this.#members.start(this.#shell.gate);
      const { access, addresses } = this;
      warnIfOpen(this.#options, { access, addresses, log: this.#log });
      for (const agent of this.#agents.all) await agent.start?.();
    } catch (error) {
      if (this.#shell.state !== "listening") throw error;
      await this.stop();
      throw error;
    }
  }

  /** The cluster that this machine is one of: its machines and their streams. */
  get cluster(): ClusterNode | undefined {
    return this.#members.node;
  }

  /** How far the server is out of service. */
  get drainState(): DrainState {
    return this.#drainer.state;
  }

  /**
   * Takes the server out of service: nobody new is let in, to publish or to play. Clients are sent to other machines of
   * the cluster, in the words of their protocols where those have such, and those that are left when the time is over
   * are ended; where there is no cluster, newcomers are refused. Resolves when all have left; the server goes on, to
   * tell newcomers where to go, until it is stopped or `undrain` lets everybody in again. Called once more, it changes
   * the time.
   *
   * @throws {RangeError} (rejects) if the time is less than 0
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * await server.drain({ timeoutMs: 1000 });
   * console.log(server.drainState.isDraining, server.drainState.left); // true 0
   * ```
   */
  async drain({ timeoutMs, signal }: DrainOptions = {}): Promise<void> {
    const ms = timeoutMs ?? this.#rules.live.drainTimeoutMs ?? DRAIN_TIMEOUT_MS;
    if (!(ms >= 0)) {
      throw new RangeError(`Cannot drain as 'timeoutMs' must be from 0 on: current value is ${ms}`);
    }
    await this.#drainer.drain(ms, signal);
  }

  /** Lets everybody in again after a drain; whether there was one. */
  undrain(): boolean {
    return this.#drainer.undo();
  }

  /**
   * Serves a connection that the caller has accepted, in the protocol that is named: `rtmp`, or `rtsp` over this
   * connection alone. Resolves with how it ended, whatever the peer does.
   *
   * @throws {ServerError} `state` when the server has stopped, or has no door for the protocol
   */
  async serve(protocol: string, pair: StreamPair): Promise<ConnectionEnd> {
    return await this.#shell.serve(protocol, pair);
  }

  /**
   * Serves RTMP on a connection that the caller has accepted: `serve("rtmp", pair)`.
   *
   * @throws {ServerError} `state` when the server has stopped
   */
  async serveRtmp(pair: StreamPair): Promise<ConnectionEnd> {
    return await this.serve("rtmp", pair);
  }

  /**
   * Answers an HTTP request as the server's own ports do: in a `Deno.serve` of the program's, under a path of its
   * choice (`prefix`), or without any port. It may be passed on as it is: `Deno.serve(server.fetch)`.
   *
   * @throws {TypeError} (rejects) if the request's body was read already
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * const answer = await server.fetch(new Request("http://localhost/video/healthz"), {
   *   prefix: "/video",
   * });
   * console.log(answer.status); // 200
   * ```
   */
  readonly fetch = async (request: Request, info: HttpRequestInfo = {}): Promise<Response> => {
    try {
      this.#shell.use(this.#doors.http);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return Response.json({ code: "state", reason: error.message }, {
        status: 503,
        headers: { "cache-control": "no-store" },
      });
    }
    return await this.#doors.http.fetch(this.#shell, request, info);
  };

  /**
   * Shows another certificate, PEM, to those who connect by TLS from now on; connections that there are go on.
   *
   * @throws {ServerError} `certificate` when the certificate and the key do not belong together, or cannot be
   * read: then the former stays
   */
  async reloadTls(tls: { readonly cert: string; readonly key: string }): Promise<void> {
    await this.#reach.reloadTls(tls);
  }

  /** Closes listeners, tells clients, and ends within three seconds; may be called again. */
  stop(): Promise<void> {
    this.#drainer.stop();
    this.#stopping ??= this.#shell.stop(async () => {
      await Promise.all([
        this.#members.stopSharing(),
        this.#told.stopCommands(),
        stopAgents(this.#agents),
      ]);
      await this.#members.leave();
    }).then(() => this.#told.close());
    return this.#stopping;
  }

  /** Stops the server at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
