import type { PortCarrier } from "../../cluster/mod.ts";
import {
  forgetMember,
  GATE_LIMITS,
  type SharedTalliesMemory,
  sharedTalliesMemory,
} from "../../gate/mod.ts";
import { HUB_DEFAULTS } from "../../hub/mod.ts";
import { MAX_CONNECTION_BYTES } from "../defaults.ts";
import { reasonOf } from "../../log/mod.ts";
import { type RtmpChallengeShare, rtmpChallengeShare } from "../../rtmp/mod.ts";
import type { ListenAddress } from "../../transport/mod.ts";
import { ServerError } from "../../transport/mod.ts";
import type { RelayEntry, RelayOptions, Relays } from "../../relay/mod.ts";
import { Life, type WorkerLifeParts, workerThread } from "./worker_life.ts";
import type { ForwardedPaths } from "./forwarded_requests.ts";
import { type RelayCalls, type RelayWorker, WorkerRelays } from "./worker_relays.ts";
import type { DrainStep } from "../part_drain.ts";
import type { ServerAddress, ServerSnapshot } from "../statistics.ts";
import type { SplicedAbout } from "./spliced_connection.ts";
import type { RecordersElsewhere, Recordings } from "../../record/mod.ts";
import type { ArchiveName } from "../server_part.ts";
import type {
  WorkerAccess,
  WorkerCalls,
  WorkerOptions,
  WorkerSnapshot,
  WorkerStart,
} from "./worker_messages.ts";

/** What a {@linkcode WorkerPool} is made of. */
export interface WorkerPoolOptions extends WorkerLifeParts {
  /** How many workers. */
  readonly count: number;
  /** The options of each. */
  readonly options: WorkerOptions;
  /** What of access the workers need at hand. */
  readonly access: () => WorkerAccess;
  /** What brings the streams of the workers to the main thread, for programs. */
  readonly carrier: PortCarrier;
  /** What of the main thread's is asked for at the ports of workers. */
  readonly forwarded: ForwardedPaths;
  /** The name of the main thread as a member. */
  readonly member: string;
  /** The relays, which run in the workers. */
  readonly relays: readonly RelayOptions[];
  /** The same of the main thread, which forward what its program publishes. */
  readonly ownRelays: () => Relays;
}

/** How a worker does. */
export interface WorkerStatistics {
  /** Its name: `worker 1`. */
  readonly member: string;
  /** Whether it serves, begins, or waits to be begun anew. */
  readonly state: "starting" | "running" | "waiting" | "stopped";
  /** How often it was begun anew. */
  readonly restarts: number;
}

/** A worker that died within so many milliseconds of its start is begun anew after a wait, which doubles. */
const YOUNG_MS = 10_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** Snapshots are asked for so often, milliseconds. */
const SNAPSHOT_MS = 1000;

/** Options that a server takes while it runs: what is left out then has its default again. */
const LIVE_OPTIONS: ReadonlySet<string> = new Set([
  ...Object.keys(GATE_LIMITS),
  ...["hub", "timing", "maxConnectionBytes", "addresses", "paths", "proxies", "sources"],
  ...["httpOrigins", "httpHosts", "webrtcHosts", "hls", "console", "drainTimeoutMs"],
  ...["session", "chunks", "enhanced", "onLoss", "rtspSession"],
]);

/** Numbers of connections and tickets go on behind those of a worker that has died. */
const NUMBERS_A_LIFE = 2 ** 32;

/** One worker, through all its lives. */
interface Slot {
  readonly index: number;
  readonly member: string;
  life: Life | undefined;
  /** What its first life runs in, and loads before that begins. */
  thread: Worker | undefined;
  restarts: number;
  waitMs: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  snapshot: ServerSnapshot | undefined;
  recorders: WorkerSnapshot["recorders"];
  /** The numbers of its relays. */
  readonly ids: Map<number, number>;
}

/**
 * The workers of a server: each serves the same ports with a hub of its own. This thread has their directory, log and
 * hooks, and begins those anew that die.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #slots: Slot[];
  readonly #relays: WorkerRelays;
  /** The numbers of the main thread's relays. */
  readonly #ownIds = new Map<number, number>();
  /** The options of each worker. */
  #given: WorkerOptions;
  readonly #tallies: SharedTalliesMemory;
  readonly #rtmpChallenges: RtmpChallengeShare = rtmpChallengeShare((length) =>
    crypto.getRandomValues(new Uint8Array(length))
  );
  #addresses: ServerAddress[] = [];
  #state: "new" | "starting" | "running" | "stopped" = "new";
  #stopping: Promise<void> | undefined;
  #asking: ReturnType<typeof setInterval> | undefined;

  /** Starts none yet. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#given = options.options;
    const [first, second] = crypto.getRandomValues(new Uint32Array(2));
    this.#tallies = sharedTalliesMemory(options.count, [first!, second!]);
    this.#slots = Array.from({ length: options.count }, (_, index) => ({
      index,
      member: `worker ${index + 1}`,
      life: undefined,
      thread: undefined,
      restarts: 0,
      waitMs: FIRST_WAIT_MS,
      timer: undefined,
      snapshot: undefined,
      recorders: {},
      ids: new Map(),
    }));
    this.#relays = new WorkerRelays(options.relays);
    this.#relays.begin(this.#ownIds);
  }

  /** Where the workers listen: those who share a port have one entry. */
  get addresses(): readonly ServerAddress[] {
    return this.#addresses;
  }

  /** How the workers do. */
  get statistics(): WorkerStatistics[] {
    return this.#slots.map(({ member, life, restarts }) => ({
      member,
      restarts,
      state: this.#state === "stopped" ? "stopped" : life?.state ?? "waiting",
    }));
  }

  /** The newest snapshots that are known, at most a second old. */
  get snapshots(): ServerSnapshot[] {
    return this.#slots.flatMap(({ snapshot }) => snapshot ?? []);
  }

  /**
   * Starts all; resolves when they listen. The first finds the ports where any will do.
   *
   * @throws {ServerError} what the first that cannot start says, or `permission`
   */
  async start(): Promise<void> {
    await checkWorkersAllowed();
    this.#state = "starting";
    const [first, ...others] = this.#slots;
    try {
      const begun = this.#begin(first!);
      // They listen soon after the first, which otherwise had all who come meanwhile: after a restart those are many.
      for (const slot of others) slot.thread = workerThread(slot.member);
      await begun;
      this.#addresses = [...first!.life!.addresses];
      await Promise.all(others.map((slot) => this.#begin(slot)));
    } catch (error) {
      await this.stop();
      throw error;
    }
    // One that was stopped meanwhile stays so.
    if (this.#state !== "starting") return;
    this.#state = "running";
    await this.refresh();
    this.#asking = setInterval(() => void this.refresh(), SNAPSHOT_MS);
  }

  /** Asks all for their counts; resolves when those are in `snapshots`. */
  async refresh(): Promise<void> {
    await Promise.all(this.#slots.map(async (slot) => {
      const life = slot.life;
      if (life?.state !== "running") return;
      const snapshot = await life.call("snapshot").catch(() => undefined);
      if (slot.life !== life) return;
      slot.snapshot = snapshot?.server;
      slot.recorders = snapshot?.recorders ?? {};
    }));
  }

  /** Has all workers do something whose answer nobody waits for. */
  tellAll<M extends keyof WorkerCalls>(method: M, ...args: Parameters<WorkerCalls[M]>): void {
    for (const { life } of this.#slots) void life?.call(method, ...args).catch(() => {});
  }

  /** Gives all other options, of those that can be changed; who begins anew has them too. */
  configure(options: WorkerOptions): void {
    const lasting = Object.entries(this.#given).filter(([key]) => !LIVE_OPTIONS.has(key));
    this.#given = { ...Object.fromEntries(lasting), ...options };
    this.tellAll("configure", { ...options, ...shareOf(options, this.#slots.length) });
  }

  /** Tells all what of access they need at hand, as it has changed. */
  tellAccess(): void {
    this.tellAll("setAccess", this.#options.access());
  }

  /** Has all show another certificate. */
  async reloadTls(tls: { readonly cert: string; readonly key: string }): Promise<void> {
    await Promise.all(this.#slots.map(({ life }) => life?.call("reloadTls", tls)));
  }

  /** Has all go on being taken out of service; resolves with how many publishers and players are left. */
  async drain(step: DrainStep): Promise<number> {
    const left = this.#slots.map(({ life }) =>
      // One that has died meanwhile has nobody.
      life?.state === "running" ? life.call("drain", step).catch(() => 0) : 0
    );
    return (await Promise.all(left)).reduce((sum, one) => sum + one, 0);
  }

  /** Has all let everybody in again. */
  undoDrain(): void {
    this.tellAll("undoDrain");
  }

  /** The relays, as all workers together have them. */
  get relays(): RelayEntry[] {
    const { statistics } = this.#options.ownRelays();
    return this.#relays.statistics([
      ...this.#slots.map(({ snapshot, ids }) => ({ relays: snapshot?.relays ?? [], ids })),
      { relays: statistics, ids: this.#ownIds },
    ]);
  }

  /** The recorders of all workers for one of the archives. */
  recorders(archive: ArchiveName): RecordersElsewhere {
    const slots = this.#slots;
    return {
      get statistics() {
        return slots.flatMap(({ recorders }) => recorders[archive] ?? []);
      },
      follow: async (rules) => {
        // One that begins anew is given the rules of then.
        const followed = slots.map(({ life }) =>
          life?.state === "running"
            ? life.call("followRecordings", archive, rules).catch(() => {})
            : {}
        );
        await Promise.all(followed);
      },
      record: (name) => this.tellAll("record", archive, name),
      end: async (name) => {
        // One that has died meanwhile records nothing.
        const ends = slots.map(({ life }) =>
          life?.state === "running" ? life.call("endRecording", archive, name).catch(() => {}) : {}
        );
        await Promise.all(ends);
      },
      stop: () => this.stop(),
    };
  }

  /** Adds a relay; resolves with its number. */
  async addRelay(options: RelayOptions): Promise<number> {
    const id = await this.#relays.add(this.#relayWorkers, options);
    await this.refresh();
    return id;
  }

  /** Changes a relay; resolves to false where there is none of that number. */
  async changeRelay(id: number, options: RelayOptions): Promise<boolean> {
    const isThere = await this.#relays.change(this.#relayWorkers, { id, options });
    await this.refresh();
    return isThere;
  }

  /** Removes a relay; resolves to false where there is none of that number. */
  async removeRelay(id: number): Promise<boolean> {
    return await this.#relays.remove(this.#relayWorkers, id);
  }

  /** The names of the parts of this server, as they know each other. */
  get members(): ReadonlySet<string> {
    return new Set([this.#options.member, ...this.#slots.map(({ member }) => member)]);
  }

  /** Some members look for a stream that nobody has: the worker whose relays see to it is told. */
  sought(name: string, members: readonly string[]): void {
    if (!this.#relays.hasPulls) return;
    const slot = this.#slots[WorkerRelays.seesTo(name, this.#slots.length)]!;
    slot.life?.seek(name, members.some((member) => member !== slot.member));
  }

  get #relayWorkers(): RelayWorker[] {
    const own = this.#options.ownRelays();
    const calls: RelayCalls = {
      addRelay: (options) => own.add(options),
      changeRelay: (id, options) => own.change(id, options),
      removeRelay: (id) => own.remove(id),
    };
    const main: RelayWorker = {
      ids: this.#ownIds,
      call: <M extends keyof RelayCalls>(method: M, ...args: Parameters<RelayCalls[M]>) => {
        const call = calls[method] as (...args: readonly unknown[]) => Promise<unknown>;
        return call(...args) as Promise<Awaited<ReturnType<RelayCalls[M]>>>;
      },
    };
    return [
      ...this.#slots.map(({ life, ids }): RelayWorker => ({
        ids,
        call: life?.state === "running"
          ? (method, ...args) => life.call(method, ...args)
          : undefined,
      })),
      main,
    ];
  }

  /**
   * Has all listen for a protocol elsewhere, or nowhere. The first finds the port where any will do.
   *
   * @throws {ServerError} (rejects) as the first does: then all is as before
   */
  async relisten(protocol: string, address: ListenAddress | false): Promise<void> {
    const lives = this.#slots.flatMap(({ life }) => life?.state === "running" ? [life] : []);
    const [first, ...others] = lives;
    if (first === undefined) throw new ServerError("state", "Cannot listen as no worker runs now");
    const addresses = await first.call("relisten", protocol, address);
    const found = addresses.find((one) => one.protocol === protocol);
    // Who begins anew listens there, too.
    this.#given = { ...this.#given, [protocol]: address };
    this.#addresses = [...addresses];
    const same = address && found !== undefined ? { ...address, port: found.port } : address;
    await Promise.all(others.map((life) => life.call("relisten", protocol, same)));
  }

  /** Ends a worker at once, with all its connections, and begins it anew; whether there is one of that number. */
  restart(index: number): boolean {
    const life = this.#slots[index]?.life;
    if (life === undefined || this.#state !== "running") return false;
    life.died("It was ended");
    return true;
  }

  /** Stops all: their clients are told. May be called again. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#state = "stopped";
    clearInterval(this.#asking);
    await Promise.all(this.#slots.map(async (slot) => {
      clearTimeout(slot.timer);
      slot.thread?.terminate();
      const { life } = slot;
      slot.life = undefined;
      await life?.stop();
      this.#unlink(slot);
    }));
  }

  async #begin(slot: Slot): Promise<void> {
    const { index, member } = slot;
    // The one before may have counted a little longer than it was known to live.
    forgetMember(this.#tallies, index);
    const step = this.#slots.length + 1;
    const life = new Life(this.#options, {
      member,
      numbers: { first: 1 + index + step * slot.restarts * NUMBERS_A_LIFE, step },
      options: { ...this.#optionsOf(index), relays: this.#relays.begin(slot.ids) },
      rtmpChallenges: this.#rtmpChallenges,
      cluster: this.#options.cluster && clusterOfWorker(this.#options.cluster.options),
      place: { index, of: this.#slots.length },
      access: this.#options.access(),
      tallies: this.#tallies,
      forwarded: this.#options.forwarded,
      recordings: startsOf(this.#options.archives()),
      hooks: Object.fromEntries(
        Object.entries(this.#options.hooks).map(([hook, value]) => [
          hook,
          typeof value === "function" ? "function" : value,
        ]),
      ),
    }, {
      thread: slot.thread,
      died: (why) => this.#died(slot, why),
      forward: ({ to, request, port }) => this.#slots[to]?.life?.request(request, port),
      handOver: ({ to, about, port }) => this.#handOver(to, { from: index, about, port }),
    });
    slot.life = life;
    slot.thread = undefined;
    for (const other of this.#slots) {
      if (other === slot || other.life === undefined) continue;
      const { port1, port2 } = new MessageChannel();
      life.link(other.member, port1);
      other.life.link(member, port2);
    }
    const { port1, port2 } = new MessageChannel();
    life.link(this.#options.member, port1);
    this.#options.carrier.connect(member, port2);
    await life.started;
  }

  /** A worker listens where the first does; each has UDP ports of its own. */
  #optionsOf(index: number): WorkerOptions {
    const options = { ...this.#given, ...shareOf(this.#given, this.#slots.length) };
    const at = (protocol: string, asked: ListenAddress | false | undefined) => {
      const found = this.#addresses.find((address) => address.protocol === protocol);
      if (!asked || found === undefined) return asked === undefined ? {} : { [protocol]: asked };
      return { [protocol]: { ...asked, port: found.port } };
    };
    const { rtp, webrtc, webrtcPorts = 1 } = options;
    return {
      ...options,
      ...at("rtmp", options.rtmp),
      ...at("rtmps", options.rtmps),
      ...at("rtsp", options.rtsp),
      ...at("rtsps", options.rtsps),
      ...at("http", options.http),
      ...at("https", options.https),
      ...(rtp && rtp.port !== 0 ? { rtp: { ...rtp, port: rtp.port + 2 * index } } : {}),
      ...(webrtc && webrtc.port !== 0
        ? { webrtc: { ...webrtc, port: webrtc.port + index * webrtcPorts } }
        : {}),
    };
  }

  #died(slot: Slot, why: string): void {
    const { life, member } = slot;
    const { log } = this.#options;
    slot.life = undefined;
    slot.snapshot = undefined;
    slot.recorders = {};
    this.#unlink(slot);
    if (this.#state !== "running" || life === undefined) return;
    const ageMs = performance.now() - life.bornMs;
    if (ageMs >= YOUNG_MS) slot.waitMs = FIRST_WAIT_MS;
    const waitMs = ageMs >= YOUNG_MS ? 0 : slot.waitMs;
    if (waitMs > 0) slot.waitMs = Math.min(2 * slot.waitMs, LONGEST_WAIT_MS);
    log.error("a worker has died, with its connections, and is started again", {
      worker: member,
      reason: why,
      waitMs,
    });
    slot.timer = setTimeout(() => void this.#revive(slot), waitMs);
  }

  async #revive(slot: Slot): Promise<void> {
    slot.restarts++;
    try {
      await this.#begin(slot);
      this.#options.log.info("a worker has been started again", { worker: slot.member });
    } catch (error) {
      slot.life?.died(reasonOf(error));
    }
  }

  /** Has a worker serve a connection of another; one that is not there has closed it. */
  #handOver(
    to: number,
    { from, about, port }: {
      readonly from: number;
      readonly about: SplicedAbout;
      readonly port: MessagePort;
    },
  ): void {
    if (this.#slots[to]?.life?.take(from, { about, port }) === true) return;
    port.postMessage({ type: "close" });
    port.close();
  }

  #unlink({ member, index }: Slot): void {
    this.#options.directory.drop(member);
    forgetMember(this.#tallies, index);
    this.#options.carrier.disconnect(member);
    for (const { life } of this.#slots) life?.unlink(member, index);
  }
}

/** What recorders of a worker go by. */
function startsOf(
  archives: Partial<Record<ArchiveName, Recordings>>,
): WorkerStart["recordings"] {
  return Object.fromEntries(
    Object.entries(archives).map(([name, { recorderRules, wanted }]) => [
      name,
      { rules: recorderRules, wanted },
    ]),
  );
}

/** What guards the memory and the descriptors of the process, which each worker has its part of. */
function shareOf(options: WorkerOptions, workers: number): Partial<WorkerOptions> {
  const part = (value: unknown, otherwise: number): number =>
    Math.ceil((typeof value === "number" ? value : otherwise) / workers);
  const hub = options["hub"] as { readonly maxHeldBytes?: number } | undefined;
  return {
    maxConnectionBytes: part(options["maxConnectionBytes"], MAX_CONNECTION_BYTES),
    hub: { ...hub, maxHeldBytes: part(hub?.maxHeldBytes, HUB_DEFAULTS.maxHeldBytes) },
  };
}

/** What a worker needs of it. */
function clusterOfWorker(
  { node, secret, caCerts }: NonNullable<WorkerPoolOptions["cluster"]>["options"],
): WorkerStart["cluster"] {
  return { node, secret, ...(caCerts === undefined ? {} : { caCerts }) };
}

/**
 * Checks what workers need beside what a server does.
 *
 * @throws {ServerError} `permission`, with the flag to add
 */
async function checkWorkersAllowed(): Promise<void> {
  // A port can be shared only where the unstable parts of Deno's network are there.
  if (typeof Deno.listenDatagram !== "function") {
    throw new ServerError("permission", "Cannot start workers: add --unstable-net");
  }
  if (WORKER_PROGRAM === undefined) return;
  const { state } = await Deno.permissions.query({ name: "read", path: WORKER_PROGRAM });
  if (state === "granted") return;
  throw new ServerError(
    "permission",
    `Cannot start workers without reading their program: add --allow-read=${WORKER_PROGRAM}`,
  );
}

/**
 * The folder of the program, which workers need leave to read: they load it anew, by the rules for files that a
 * program reads. `undefined` where it is no local file.
 */
export const WORKER_PROGRAM: string | undefined = localPath(
  new URL("../../../", import.meta.url),
);

function localPath({ protocol, pathname }: URL): string | undefined {
  if (protocol !== "file:") return undefined;
  const path = decodeURIComponent(pathname).replace(/\/$/, "");
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
