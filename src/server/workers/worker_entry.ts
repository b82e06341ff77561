/**
 * The program of a worker: a server of its own, that shares its ports and streams with the others.
 *
 * @module
 */
import { CombinedCarrier, DirectoryClient, PortCarrier, RtmpCarrier } from "../../cluster/mod.ts";
import { keyHash } from "../../access/mod.ts";
import type { RtspParts } from "../../doors/rtsp/mod.ts";
import { type DigestCredentials, type ServerHooks, SharedTallies } from "../../gate/mod.ts";
import type { LogFields, ServerLog } from "../../log/mod.ts";
import { ServerError, systemClock, type TlsIdentity } from "../../transport/mod.ts";
import type { LiveOptions, ServerOptions } from "../options.ts";
import { Server } from "../server.ts";
import { PartDrain } from "../part_drain.ts";
import { carried, judgeDigest } from "./carried_values.ts";
import { answerForwarded, forwardedRoutes } from "./forwarded_requests.ts";
import { GuessClient } from "./guess_client.ts";
import { RecordingClient } from "./recording_client.ts";
import { splice, SplicedConnections, splicedTransport } from "./spliced_connection.ts";
import { tokenPrefix, viewerRoutes } from "./viewer_routes.ts";
import { WorkerRelays } from "./worker_relays.ts";
import type {
  FromWorker,
  ToWorker,
  WorkerAccess,
  WorkerCalls,
  WorkerStart,
} from "./worker_messages.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;

/** Hooks whose answers decide; all others only listen. */
const DECIDING = new Set(["authenticate", "mayStay", "onConnect", "onPublish", "onPlay"]);

class WorkerProgram {
  /** What it records. */
  recordings: RecordingClient | undefined;
  readonly #directory = new DirectoryClient((request) => post({ type: "directory", request }));
  /** Ports that came before there was anything to connect. */
  readonly #early = new Map<string, MessagePort>();
  readonly #guesses = new GuessClient((asked) => post({ type: "guess", asked }));
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #digests = new Map<number, {
    readonly credentials: DigestCredentials;
    readonly flag: SharedArrayBuffer;
  }>();
  /** Streams that are wanted elsewhere, and what ends the wait. */
  readonly #sought = new Map<string, () => void>();
  #access: Omit<WorkerAccess, "keyHashes"> = {
    passwordMethods: undefined,
    rtmpAskAtConnect: false,
  };
  #keyHashes: ReadonlySet<string> = new Set();
  #next = 1;
  #carrier: PortCarrier | undefined;
  #server: Server | undefined;
  #rtsp: RtspParts | undefined;
  readonly #spliced = new SplicedConnections();

  receive(message: ToWorker): void {
    switch (message.type) {
      case "start":
        return void this.#start(message.start);
      case "link":
        if (this.#carrier === undefined) this.#early.set(message.member, message.port);
        else this.#carrier.connect(message.member, message.port);
        return;
      case "unlink":
        this.#early.delete(message.member);
        this.#spliced.lost(message.index);
        return this.#carrier?.disconnect(message.member);
      case "request":
        return void answerForwarded(message.request, {
          port: message.port,
          fetch: (request, hostname) => this.#server!.fetch(request, { remoteAddr: { hostname } }),
        });
      case "handed-over": {
        const { about, port } = message;
        const transport = splicedTransport(about, port);
        this.#spliced.keep(message.from, { over: transport.over, end: transport.close });
        if (this.#rtsp?.onTake === undefined) return transport.close();
        return this.#rtsp.onTake({ transport, isTls: about.isTls });
      }
      case "directory":
        return this.#directory.receive(message.reply);
      case "guess":
        return this.#guesses.receive(message.reply);
      case "recording":
        return this.recordings?.receive(message.reply);
      case "sought":
        return this.#seek(message.name, message.isSought);
      case "hooked":
        return this.#asked.get(message.ask)?.resolve(message.answer);
      case "hook-failed":
        return this.#asked.get(message.ask)?.reject(new Error(message.error));
      case "verify": {
        const digest = this.#digests.get(message.ask);
        if (digest === undefined) return;
        const { known } = message;
        return judgeDigest(digest.credentials, { known, flag: digest.flag });
      }
      case "call":
        return void this.#call(message);
    }
  }

  /** Waits for a stream as a player does, so that a relay fetches it. */
  #seek(name: string, isSought: boolean): void {
    const hub = this.#server?.hub;
    this.#sought.get(name)?.();
    this.#sought.delete(name);
    if (!isSought || hub === undefined) return;
    try {
      this.#sought.set(name, hub.stream(name).watch(() => {}));
    } catch {
      // As many names are waited for as may be.
    }
  }

  async #start(
    {
      member,
      numbers,
      options,
      cluster,
      rtmpChallenges,
      place,
      hooks,
      access,
      recordings,
      forwarded,
      tallies,
    }: WorkerStart,
  ): Promise<void> {
    this.setAccess(access);
    try {
      const recording = this.recordings = new RecordingClient(recordings, (asked, transfer) => {
        scope.postMessage({ type: "recording", asked }, transfer);
      });
      const own: ServerOptions = this.#withAtOnce(
        { ...options, hooks: this.#hooks(hooks), log: LOG },
        "rtmpAskAtConnect",
      );
      const server = new Server(own, {
        member,
        numbers,
        rtmpChallenges,
        tokenPrefix: tokenPrefix(place.index),
        directory: this.#directory,
        sharesPorts: true,
        shared: {
          tallies: new SharedTallies(tallies, { member: place.index, nowUnixMs: Date.now }),
          guesses: this.#guesses.guard("guesses"),
          nameGuesses: this.#guesses.guard("nameGuesses"),
        },
        recorders: (context) => recording.open(context),
        rtspParts: this.#rtsp = rtspParts(place, this.#spliced),
        routes: [
          ...viewerRoutes(place, (to, request, port) => {
            scope.postMessage({ type: "request", request, port, to }, [port]);
          }),
          // What is nobody's here may be the program's.
          ...forwardedRoutes(forwarded, (request, port) => {
            scope.postMessage({ type: "request", request, port }, [port]);
          }),
        ],
        seesTo: (name) => WorkerRelays.seesTo(name, place.of) === place.index,
        carrier: (hub) => {
          const carrier = this.#carrier = new PortCarrier({ hub, clock: systemClock });
          for (const [other, port] of this.#early) carrier.connect(other, port);
          this.#early.clear();
          return cluster === undefined ? carrier : new CombinedCarrier({
            near: carrier,
            far: new RtmpCarrier({ ...cluster, unixMs: Date.now, clock: systemClock, log: LOG }),
          });
        },
        ...(cluster === undefined ? {} : { nodes: this.#directory }),
      });
      this.#server = server;
      await server.listen();
      post({ type: "started", addresses: server.addresses });
    } catch (error) {
      post({ type: "failed", ...wordsOf(error) });
    }
  }

  /** Takes in what the main thread says of who may do what. */
  setAccess({ keyHashes, ...access }: WorkerAccess): void {
    this.#access = access;
    this.#keyHashes = new Set(keyHashes);
  }

  /** The hooks of the main thread, each asked or told by a message, but for what has to be known at once. */
  #hooks(hooks: Readonly<Record<string, unknown>>): ServerHooks {
    const isSecretName = (name: string): boolean =>
      this.#keyHashes.size > 0 &&
      this.#keyHashes.has(keyHash(name.slice(name.lastIndexOf("/") + 1)));
    const asked = this.#askedHooks(hooks);
    return this.#withAtOnce({ ...asked, isSecretName }, "passwordMethods");
  }

  /** Adds what the main thread may say anew at any time. */
  #withAtOnce<T extends object>(options: T, key: Exclude<keyof WorkerAccess, "keyHashes">): T {
    return Object.defineProperty(options, key, {
      get: () => this.#access[key],
      enumerable: true,
      configurable: true,
    });
  }

  #askedHooks(hooks: Readonly<Record<string, unknown>>): ServerHooks {
    return Object.fromEntries(
      Object.entries(hooks).map(([hook, value]) => [
        hook,
        value !== IS_FUNCTION
          ? value
          : DECIDING.has(hook)
          ? (...args: unknown[]) => this.#ask(hook, args)
          : (...args: unknown[]) => this.#tell(hook, args),
      ]),
    );
  }

  async #ask(hook: string, args: readonly unknown[]): Promise<unknown> {
    const ask = this.#next++;
    const answer = Promise.withResolvers<unknown>();
    this.#asked.set(ask, answer);
    post({
      type: "hook",
      ask,
      hook,
      args: args.map((arg) =>
        carried(arg, (credentials, flag) => this.#digests.set(ask, { credentials, flag }))
      ),
    });
    try {
      return await answer.promise;
    } finally {
      this.#asked.delete(ask);
      this.#digests.delete(ask);
    }
  }

  #tell(hook: string, args: readonly unknown[]): void {
    post({ type: "hook", ask: 0, hook, args: args.map((arg) => carried(arg, () => {})) });
  }

  async #call({ call, method, args }: Extract<ToWorker, { type: "call" }>): Promise<void> {
    try {
      const calls = callsOf(this.#server!, this);
      const run = calls[method] as (...args: readonly unknown[]) => unknown;
      const value = await run(...args);
      post({ type: "result", call, value });
    } catch (error) {
      post({ type: "call-failed", call, ...wordsOf(error) });
    }
    // What it has told last is on its way already.
    if (method === "stop") scope.close();
  }
}

/** The workers that share the ports of RTSP, as the one at a place has them serve what it has accepted. */
function rtspParts(place: WorkerStart["place"], spliced: SplicedConnections): RtspParts {
  return {
    ...place,
    onTake: undefined,
    handOver(to, { transport, isTls }) {
      const { remoteAddress, remoteName, localAddress } = transport;
      const about = { isTls, remoteAddress, remoteName, localAddress };
      const { port1, port2 } = new MessageChannel();
      scope.postMessage({ type: "hand-over", to, about, port: port2 }, [port2]);
      spliced.keep(to, splice(transport, port1));
    },
  };
}

/** Stands for a function among the hooks. */
const IS_FUNCTION = "function";

function callsOf(server: Server, program: WorkerProgram): WorkerCalls {
  return {
    setAccess: (access) => program.setAccess(access),
    snapshot: () => ({
      server: server.snapshot(),
      recorders: program.recordings?.statistics ?? {},
    }),
    record: (archive, name) => program.recordings?.record(archive, name),
    followRecordings: async (archive, rules) => await program.recordings?.follow(archive, rules),
    endRecording: async (archive, name) => await program.recordings?.end(archive, name),
    kickTicket: (ticket, why) => server.tickets.get(ticket)?.kick(why),
    kickConnection: (connection, why) =>
      server.connections.find(({ id }) => id === connection)?.kick(why),
    kickUser: (user, why) => void server.kickUser(user, why),
    unpublish: (name, reason) => void server.hub.get(name)?.unpublish(reason),
    dropHeld: (name) => void server.dropHeld(name),
    setAddresses: (addresses) => server.setAddresses(addresses),
    configure: (options) => server.configure(options as LiveOptions),
    review: () => server.review(),
    relisten: async (protocol, address) => {
      await server.relisten(protocol, address);
      return server.addresses;
    },
    reloadTls: (tls: TlsIdentity) => server.reloadTls(tls),
    drain: (step) => PartDrain.of(server).step(step),
    undoDrain: () => PartDrain.of(server).undo(),
    addRelay: (relay) => server.addRelay(relay),
    changeRelay: (id, relay) => server.changeRelay(id, relay),
    removeRelay: (id) => server.removeRelay(id),
    stop: () => server.stop(),
  };
}

/** The log of the main thread. */
const LOG: ServerLog = {
  debug: (message, fields) => tellLine("debug", message, fields),
  info: (message, fields) => tellLine("info", message, fields),
  warn: (message, fields) => tellLine("warn", message, fields),
  error: (message, fields) => tellLine("error", message, fields),
};

function tellLine(level: keyof ServerLog, message: string, fields?: LogFields): void {
  try {
    post({ type: "log", level, message, fields });
  } catch {
    // A field that cannot cross, such as a function, is told in words.
    const entries = Object.entries(fields ?? {}).map(([key, value]) => [key, String(value)]);
    post({ type: "log", level, message, fields: Object.fromEntries(entries) });
  }
}

function wordsOf(
  error: unknown,
): { readonly name: string; readonly code: string | undefined; readonly message: string } {
  const code = error instanceof ServerError ? error.code : undefined;
  if (!(error instanceof Error)) return { name: "Error", code, message: String(error) };
  return { name: error.name, code, message: error.message };
}

function post(message: FromWorker): void {
  scope.postMessage(message);
}

const program = new WorkerProgram();
scope.onmessage = ({ data }) => program.receive(data);
