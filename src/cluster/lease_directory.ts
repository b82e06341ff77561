import type { Answer } from "../gate/mod.ts";
import type { Clock, Timer } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import {
  type Claimant,
  type ClaimPolicy,
  type Directory,
  type Holder,
  type Lease,
  mayReplace,
  nameTaken,
  type Seek,
  TAKEN_OVER,
} from "./directory.ts";
import { rankHolders } from "./holder_rank.ts";
import { NODE_KEYS, nodeKey, replicaKey, streamKey } from "./record_keys.ts";
import { type RecordStore, type StoredRecord, StoreUnreachable } from "./record_store.ts";
import type { NodeRecord, ReplicaRecord, StreamRecord } from "./shared_records.ts";

/** Options of a {@linkcode LeaseDirectory}. */
export interface LeaseDirectoryOptions {
  /** Where machines keep what they share. */
  readonly store: RecordStore;
  /** What this machine tells of itself now. */
  readonly self: () => NodeRecord;
  /** Is told that another machine wants this one to take no new clients; how long those of now may stay, milliseconds. */
  readonly onDrain?: ((timeoutMs: number | undefined) => void) | undefined;
  /** Time and timers. */
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly unixMs: () => number;
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** A claim of this machine. */
interface Claim {
  readonly name: string;
  readonly claimant: Claimant;
  record: StreamRecord;
  /** The revision of its record; `undefined` while the store does not have it. */
  revision: number | undefined;
}

/** A copy that this machine has. */
interface Replica {
  readonly key: string;
  readonly record: ReplicaRecord;
  isReleased: boolean;
}

/** A machine tells of itself so often, milliseconds: a third of what its record lasts. */
export const BEAT_MS = 2000;

/** Streams are told of anew each time that the machine has been told of so often. */
const BEATS_A_RENEWAL = 10;

/** What other machines tell of themselves is asked for anew after so long, milliseconds. */
const KNOWN_MS = 1000;

/** Who asks again within this time could not read from what was told before, milliseconds. */
const AGAIN_MS = 3000;
/** Streams whose last question is remembered. */
const MOST_ASKED = 10_000;

/** Of the copies of a stream so many are looked at, by chance, however many there are. */
const MOST_COPIES = 32;

/** Who looks for a stream that nobody has looks again after so long, milliseconds: at first often. */
const FIRST_LOOK_MS = 100;
const LONGEST_LOOK_MS = 1000;

/**
 * The directory of machines. Each stream is a record that is made only if there is none, and changed only by who has
 * seen what it replaces; so of any number that claim a name at once, one has it. A record counts as long as the machine
 * that has made it tells of itself.
 *
 * What flows never waits for it: while the store is away, names are granted here alone, and claimed when it is back.
 * Where another has the name then, the older claim stays, and the other ends.
 */
export class LeaseDirectory implements Directory {
  readonly #options: LeaseDirectoryOptions;
  readonly #claims = new Map<string, Claim>();
  readonly #replicas = new Set<Replica>();
  readonly #known = new Map<
    string,
    { readonly atMs: number; readonly record: NodeRecord | undefined }
  >();
  /** When it was looked for a stream last. */
  readonly #asked = new Map<string, number>();
  #beats = 0;
  #beating: Timer | undefined;
  #isStopped = false;

  /** Tells nobody of anything yet. */
  constructor(options: LeaseDirectoryOptions) {
    this.#options = options;
  }

  /** Claims that the store does not have yet. */
  get unconfirmed(): number {
    return [...this.#claims.values()].filter(({ revision }) => revision === undefined).length;
  }

  /** Starts to tell of this machine; resolves when others know it, or the store cannot be reached. */
  async start(): Promise<void> {
    const { store, self } = this.#options;
    store.onReachable = () => void this.#renewAll();
    store.hear(self().node, (text) => this.#hear(text));
    await this.#beat();
  }

  /** Tells others that this machine goes, and lets go of the store. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#beating?.cancel();
    const { store, self } = this.#options;
    try {
      const key = nodeKey(self().node);
      const record = await store.get(key);
      if (record !== undefined) await store.remove(key, record.revision);
    } catch {
      // It vanishes by itself.
    }
    await store.close();
  }

  /** All machines that tell of themselves, as of now. */
  async nodes(): Promise<NodeRecord[]> {
    const records = await this.#options.store.list(NODE_KEYS);
    return Array.from(records.values(), ({ value }) => JSON.parse(value) as NodeRecord);
  }

  /**
   * What a machine tells of itself, as of a moment ago: who looks for many streams does not ask each time, and nobody
   * asks for all machines, since their number would count twice.
   */
  async #nodeRecord(node: string): Promise<NodeRecord | undefined> {
    const nowMs = this.#options.clock.now();
    const known = this.#known.get(node);
    if (known !== undefined && nowMs - known.atMs < KNOWN_MS) return known.record;
    const record = (await this.#read<NodeRecord>(nodeKey(node)))?.record;
    this.#known.set(node, { atMs: nowMs, record });
    return record;
  }

  /** Tells of this machine at once, since something has changed. */
  async tell(): Promise<void> {
    const { store, self } = this.#options;
    const record = self();
    await store.put(nodeKey(record.node), JSON.stringify(record));
  }

  /** Claims a name among all machines. */
  async claim(name: string, claimant: Claimant, policy: ClaimPolicy): Promise<Answer<Lease>> {
    const { node, run } = this.#options.self();
    const record = (epoch: number, over?: string): StreamRecord => ({
      node,
      run,
      epoch,
      identity: policy.identity,
      claimedMs: this.#options.unixMs(),
      over,
    });
    try {
      for (;;) {
        const current = await this.#read<StreamRecord>(streamKey(name));
        const made = current === undefined
          ? await this.#make(name, record(1))
          : await this.#replace(name, { current, record, policy });
        if (made === "taken") return nameTaken(name);
        // Another was faster: looks again what there is now.
        if (made === undefined) continue;
        return { granted: this.#keep({ name, claimant, ...made }) };
      }
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      const before = this.#claims.get(name);
      const epoch = (before?.record.epoch ?? 0) + 1;
      return {
        granted: this.#keep({ name, claimant, record: record(epoch), revision: undefined }),
      };
    }
  }

  /** Resolves with the machines that have a stream, the best first. */
  async find(name: string, { signal, except }: Seek): Promise<readonly Holder[]> {
    for (let waitMs = FIRST_LOOK_MS;; waitMs = Math.min(2 * waitMs, LONGEST_LOOK_MS)) {
      signal.throwIfAborted();
      try {
        const holders = (await this.#holders(name)).filter(({ id }) => id !== except);
        signal.throwIfAborted();
        if (holders.length > 0) return holders;
      } catch (error) {
        if (!(error instanceof StoreUnreachable)) throw error;
      }
      await this.#pause(waitMs, signal);
    }
  }

  /** Tells of a copy that this machine has. */
  announceReplica(name: string, { of }: { readonly member: string; readonly of: Holder }): Lease {
    const { node, run } = this.#options.self();
    const { epoch } = of;
    const record: ReplicaRecord = { node, run, epoch, path: [...of.path, node] };
    const replica: Replica = { key: replicaKey(name, node), record, isReleased: false };
    this.#replicas.add(replica);
    void this.#tellReplica(replica);
    return {
      id: `${node}~${epoch}`,
      epoch,
      release: () => {
        replica.isReleased = true;
        if (this.#replicas.delete(replica)) void this.#removeReplica(replica);
      },
    };
  }

  async #read<T>(
    key: string,
  ): Promise<{ readonly record: T; readonly stored: StoredRecord } | undefined> {
    const stored = await this.#options.store.get(key);
    return stored && { record: JSON.parse(stored.value) as T, stored };
  }

  async #make(
    name: string,
    record: StreamRecord,
  ): Promise<Pick<Claim, "record" | "revision"> | undefined> {
    const revision = await this.#options.store.create(streamKey(name), JSON.stringify(record));
    return revision === undefined ? undefined : { record, revision };
  }

  /** Replaces a claim, where the rules allow it: `taken` where they do not, `undefined` where it has changed. */
  async #replace(
    name: string,
    { current, record, policy }: {
      readonly current: { readonly record: StreamRecord; readonly stored: StoredRecord };
      readonly record: (epoch: number, over?: string) => StreamRecord;
      readonly policy: ClaimPolicy;
    },
  ): Promise<Pick<Claim, "record" | "revision"> | "taken" | undefined> {
    const { store, self } = this.#options;
    const { record: theirs, stored } = current;
    const isOurs = theirs.node === self().node;
    const isAlive = isOurs ? theirs.run === self().run : await this.#isAlive(theirs);
    const claimant: Claimant = {
      member: theirs.node,
      onLost: () => {},
      silentMs: () => this.#silentMs(theirs.node, name),
    };
    // What this machine's own publisher has, its members have decided among themselves.
    const may = isOurs || !isAlive ||
      await mayReplace({ identity: theirs.identity, claimant }, policy);
    if (!may) return "taken";
    const made = record(theirs.epoch + 1, isAlive ? claimId(theirs) : undefined);
    const key = streamKey(name);
    const revision = await store.update(key, JSON.stringify(made), stored.revision);
    if (revision === undefined) return undefined;
    if (!isOurs && isAlive) void this.#notify(theirs.node, `lost ${made.epoch} ${name}`);
    return { record: made, revision };
  }

  #keep(claim: Claim): Lease {
    const { name, record } = claim;
    this.#claims.set(name, claim);
    return {
      id: `${record.node}#${record.epoch}`,
      epoch: record.epoch,
      release: () => {
        if (this.#claims.get(name) !== claim) return;
        this.#claims.delete(name);
        void this.#removeClaim(claim);
      },
    };
  }

  async #removeClaim({ name, revision }: Claim): Promise<void> {
    if (revision === undefined) return;
    try {
      await this.#options.store.remove(streamKey(name), revision);
    } catch {
      // It is nobody's when this machine has claimed no such name, or is gone.
    }
  }

  /** The machines that have a stream now. */
  async #holders(name: string): Promise<Holder[]> {
    const { self, store } = this.#options;
    const { node, region } = self();
    const origin = await this.#read<StreamRecord>(streamKey(name));
    if (origin === undefined || origin.record.node === node) return [];
    const { epoch } = origin.record;
    const keys = await this.#isBest(name, origin.record)
      ? []
      : someOf(await store.keys(replicaKey(name, "")), MOST_COPIES);
    const copies = await Promise.all(keys.map((key) => this.#read<ReplicaRecord>(key)));
    const holders = [
      { ...origin.record, path: [origin.record.node], id: `${origin.record.node}#${epoch}` },
      ...copies.flatMap((copy) => copy?.record ?? [])
        .filter((replica) => replica.epoch === epoch)
        .map((replica) => ({ ...replica, id: `${replica.node}~${epoch}` })),
    ];
    const infos = await Promise.all(holders.map(({ node }) => this.#nodeRecord(node)));
    const all = holders.flatMap(({ node: member, run, path, id }, at) => {
      const info = infos[at];
      if (info === undefined || info.run !== run) return [];
      const { url, region, feeds, maxFeeds, isDraining } = info;
      const load = { region, feeds, maxFeeds, isDraining };
      return [{ id, member, path, url, ...load, depth: path.length - 1, epoch }];
    });
    return rankHolders(all, { member: node, region }).map((holder) => {
      const { id, member, path, url } = holder;
      return { id, member, epoch, path, url };
    });
  }

  /**
   * Whether no copy of a stream is better than the publisher's own machine, so that it need not be looked for them, which
   * costs a NATS server as much as a hundred questions. Who asks again at once could not read from there.
   */
  async #isBest(name: string, { node, run }: StreamRecord): Promise<boolean> {
    const nowMs = this.#options.clock.now();
    const askedMs = this.#asked.get(name) ?? -Infinity;
    if (this.#asked.size >= MOST_ASKED) this.#asked.clear();
    this.#asked.set(name, nowMs);
    if (nowMs - askedMs < AGAIN_MS) return false;
    const info = await this.#nodeRecord(node);
    return info !== undefined && info.run === run && !info.isDraining &&
      info.region === this.#options.self().region && info.feeds < info.maxFeeds;
  }

  async #isAlive({ node, run }: StreamRecord): Promise<boolean> {
    const known = await this.#read<NodeRecord>(nodeKey(node));
    return known?.record.run === run;
  }

  async #silentMs(node: string, name: string): Promise<number> {
    const answer = await this.#options.store.ask(node, `silent ${name}`);
    return Number(answer ?? 0);
  }

  async #notify(node: string, text: string): Promise<void> {
    try {
      await this.#options.store.ask(node, text);
    } catch {
      // It hears of it when it renews its claims.
    }
  }

  /** What another machine asks of this one. */
  #hear(text: string): string | undefined {
    const [word, ...rest] = text.split(" ");
    if (word === "silent") {
      const silentMs = this.#claims.get(rest.join(" "))?.claimant.silentMs();
      return typeof silentMs === "number" ? String(silentMs) : undefined;
    }
    if (word === "drain") {
      this.#options.onDrain?.(rest[0] === undefined ? undefined : Number(rest[0]));
      return "heard";
    }
    if (word !== "lost") return undefined;
    const [epoch, ...name] = rest;
    const claim = this.#claims.get(name.join(" "));
    if (claim !== undefined && claim.record.epoch < Number(epoch)) this.#lose(claim);
    return "heard";
  }

  #lose(claim: Claim): void {
    if (this.#claims.get(claim.name) === claim) this.#claims.delete(claim.name);
    claim.claimant.onLost(TAKEN_OVER);
  }

  async #beat(): Promise<void> {
    const { clock } = this.#options;
    try {
      await this.tell();
      if (this.#beats++ % BEATS_A_RENEWAL === 0 || this.unconfirmed > 0) await this.#renewAll();
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
    }
    if (!this.#isStopped) this.#beating = clock.setTimer(() => void this.#beat(), BEAT_MS);
  }

  /** Sees that the store has what this machine has. */
  async #renewAll(): Promise<void> {
    try {
      await this.tell();
      for (const claim of [...this.#claims.values()]) await this.#renew(claim);
      for (const replica of [...this.#replicas]) await this.#tellReplica(replica);
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
    }
  }

  async #renew(claim: Claim): Promise<void> {
    const { store, log } = this.#options;
    const key = streamKey(claim.name);
    const current = await this.#read<StreamRecord>(key);
    if (this.#claims.get(claim.name) !== claim) return;
    if (current === undefined) {
      claim.revision = await store.create(key, JSON.stringify(claim.record));
      return;
    }
    const { record: theirs, stored } = current;
    const isOurs = claimId(theirs) === claimId(claim.record);
    const isAlive = isOurs || await this.#isAlive(theirs);
    // Who has taken over by the rules has the name, however young the claim is.
    const isOlder = claim.record.claimedMs < theirs.claimedMs &&
      theirs.over !== claimId(claim.record);
    if (isOurs || !isAlive || isOlder) {
      const epoch = isOurs ? claim.record.epoch : theirs.epoch + 1;
      const record = { ...claim.record, epoch };
      const revision = await store.update(key, JSON.stringify(record), stored.revision);
      if (revision === undefined) return;
      Object.assign(claim, { record, revision });
      if (isOurs || !isAlive) return;
      log.warn("a name had two publishers while the machines did not see each other", {
        stream: claim.name,
        node: theirs.node,
        kept: "the publisher here, as its claim is older",
      });
      return await this.#notify(theirs.node, `lost ${epoch} ${claim.name}`);
    }
    log.warn("a name had two publishers while the machines did not see each other", {
      stream: claim.name,
      node: theirs.node,
      kept: "the publisher there, as its claim is older or has taken over",
    });
    this.#lose(claim);
  }

  async #tellReplica(replica: Replica): Promise<void> {
    try {
      await this.#options.store.put(replica.key, JSON.stringify(replica.record));
      if (replica.isReleased) await this.#removeReplica(replica);
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
    }
  }

  async #removeReplica({ key, record }: Replica): Promise<void> {
    try {
      const stored = await this.#read<ReplicaRecord>(key);
      if (stored?.record.epoch === record.epoch) {
        await this.#options.store.remove(key, stored.stored.revision);
      }
    } catch {
      // It vanishes by itself.
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(resolve, ms);
    const stop = (): void => resolve();
    signal.addEventListener("abort", stop, { once: true });
    await promise;
    signal.removeEventListener("abort", stop);
    timer.cancel();
  }
}

function claimId({ node, run, claimedMs }: StreamRecord): string {
  return `${node} ${run} ${claimedMs}`;
}

/** So many of some, by chance. */
function someOf<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  const left = [...all];
  return Array.from(
    { length: most },
    () => left.splice(Math.floor(Math.random() * left.length), 1)[0]!,
  );
}
