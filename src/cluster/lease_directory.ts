import { type Answer, kickedEnd } from "../gate/mod.ts";
import type { Clock, Timer } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { pause } from "../time/mod.ts";
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
import { BEAT_MS, SelfRecord } from "./self_record.ts";
import type { NodeRecord, ReplicaRecord, StreamRecord } from "./shared_records.ts";

/** Options of a {@linkcode LeaseDirectory}. */
export interface LeaseDirectoryOptions {
  /** Where machines keep what they share. */
  readonly store: RecordStore;
  /** What this machine tells of itself now. */
  readonly self: () => NodeRecord;
  /** Is told that another machine wants this one to take no new clients; how long those of now may stay, milliseconds. */
  readonly onDrain?: ((timeoutMs: number | undefined) => void) | undefined;
  /** Answers what another machine asks that is not about who has what; `undefined` where it cannot. */
  readonly onAsked?: ((text: string) => string | undefined) | undefined;
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
}

/**
 * Streams and copies are told of anew so often, milliseconds: a third of what their records last. They count as long as
 * their machine tells of itself, so that this is for the sake of the store alone, which is to forget those of machines
 * that never come back.
 */
export const RENEWAL_MS = 20 * 60_000;

/** A machine whose publisher has lost its name is told so until it has heard, each time after so long, milliseconds. */
const NOTIFY_AGAIN_MS = 1000;

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
  /** The copies here, by the keys of their records. */
  readonly #replicas = new Map<string, Replica>();
  readonly #known = new Map<
    string,
    { readonly atMs: number; readonly record: NodeRecord | undefined }
  >();
  /** When it was looked for a stream last. */
  readonly #asked = new Map<string, number>();
  /** Records of this machine that are to go and could not be removed, with the text that each was written with. */
  readonly #leftOver = new Map<string, string>();
  readonly #self: SelfRecord;
  #renewedMs = -Infinity;
  /** Whether the store could not be reached since all was seen to be there. */
  #hasMissed = false;
  #isRenewing = false;
  #beating: Timer | undefined;
  #isStopped = false;

  /** Tells nobody of anything yet. */
  constructor(options: LeaseDirectoryOptions) {
    this.#options = options;
    this.#self = new SelfRecord(options);
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
    if (await this.#self.tell() === "late") this.#hasMissed = true;
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
      this.#hasMissed = true;
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
      await pause(waitMs, { clock: this.#options.clock, signal });
    }
  }

  /** Tells of a copy that this machine has. */
  announceReplica(name: string, { of }: { readonly member: string; readonly of: Holder }): Lease {
    const { node, run } = this.#options.self();
    const { epoch } = of;
    const record: ReplicaRecord = { node, run, epoch, path: [...of.path, node] };
    const replica: Replica = { key: replicaKey(name, node), record };
    this.#replicas.set(replica.key, replica);
    void this.#tellReplica(replica);
    return {
      id: `${node}~${epoch}`,
      epoch,
      release: () => {
        if (this.#replicas.get(replica.key) !== replica) return;
        this.#replicas.delete(replica.key);
        void this.#remove(replica.key, JSON.stringify(record));
      },
    };
  }

  /** Has the publisher of a name ended, at whatever machine it is. */
  end(name: string, why: string): void {
    const own = this.#claims.get(name);
    if (own === undefined) void this.#endElsewhere(name, why);
    else this.#end(own, why);
  }

  async #endElsewhere(name: string, why: string): Promise<void> {
    const { store, log } = this.#options;
    try {
      const origin = await this.#read<StreamRecord>(streamKey(name));
      if (origin === undefined) return;
      const { node } = origin.record;
      if (await store.ask(node, `end ${name}\n${why}`) !== undefined) return;
      log.warn("a machine does not answer that is to end a publisher", { stream: name, node });
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      log.warn("a publisher of another machine cannot be ended", {
        stream: name,
        reason: error.message,
      });
    }
  }

  #end(claim: Claim, why: string): void {
    this.#claims.delete(claim.name);
    void this.#remove(streamKey(claim.name), JSON.stringify(claim.record));
    claim.claimant.onLost(kickedEnd(why));
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
    if (!isOurs && isAlive) void this.#notifyLoss(theirs, made, name);
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
        void this.#remove(streamKey(name), JSON.stringify(claim.record));
      },
    };
  }

  /** Removes a record of this machine, now or when the store can be reached, unless it has become another. */
  async #remove(key: string, text: string): Promise<void> {
    this.#leftOver.set(key, text);
    try {
      await this.#removeLeftOver(key, text);
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      this.#hasMissed = true;
    }
  }

  async #removeLeftOver(key: string, text: string): Promise<void> {
    const { store } = this.#options;
    const stored = await store.get(key);
    if (this.#leftOver.get(key) !== text) return;
    // A copy may be of the same publisher as that before.
    if (stored?.value === text && !this.#replicas.has(key)) {
      await store.remove(key, stored.revision);
    }
    if (this.#leftOver.get(key) === text) this.#leftOver.delete(key);
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

  /** Has a machine end its publisher of a name, which `ours` has now: as long as that is so, and the machine is there. */
  async #notifyLoss(theirs: StreamRecord, ours: StreamRecord, name: string): Promise<void> {
    const isOurs = (): boolean => this.#claims.get(name)?.record.epoch === ours.epoch;
    do {
      try {
        const answer = await this.#options.store.ask(theirs.node, `lost ${ours.epoch} ${name}`);
        if (answer !== undefined || !await this.#isAlive(theirs)) return;
      } catch {
        // The store is away: what the other has missed it sees when it is back, unless it is this one that has.
      }
      await pause(NOTIFY_AGAIN_MS, { clock: this.#options.clock });
    } while (isOurs() && !this.#isStopped);
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
    if (word === "end") {
      const [name = "", why = ""] = text.slice("end ".length).split("\n", 2);
      const claim = this.#claims.get(name);
      if (claim !== undefined) this.#end(claim, why);
      return "heard";
    }
    if (word !== "lost") return this.#options.onAsked?.(text);
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
      // Many names take their time, in which the machine must be heard of.
      if (this.#hasMissed || clock.now() - this.#renewedMs >= RENEWAL_MS) void this.#renewAll();
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      this.#hasMissed = true;
    }
    if (!this.#isStopped) this.#beating = clock.setTimer(() => void this.#beat(), BEAT_MS);
  }

  /** Sees that the store has what this machine has. */
  async #renewAll(): Promise<void> {
    this.#hasMissed = true;
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      await this.tell();
      this.#hasMissed = false;
      this.#renewedMs = this.#options.clock.now();
      for (const claim of [...this.#claims.values()]) await this.#renew(claim);
      for (const replica of [...this.#replicas.values()]) await this.#tellReplica(replica);
      for (const [key, text] of [...this.#leftOver]) await this.#removeLeftOver(key, text);
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      this.#hasMissed = true;
    } finally {
      this.#isRenewing = false;
    }
  }

  async #renew(claim: Claim): Promise<void> {
    const { log } = this.#options;
    const key = streamKey(claim.name);
    const current = await this.#read<StreamRecord>(key);
    if (this.#claims.get(claim.name) !== claim) return;
    if (current === undefined) return await this.#write(claim, { record: claim.record });
    const { record: theirs, stored } = current;
    // What this machine's own publisher had, its members have decided among themselves.
    const isOurs = theirs.node === claim.record.node && theirs.run === claim.record.run;
    const isAlive = isOurs || await this.#isAlive(theirs);
    // Who has taken over by the rules has the name, however young the claim is.
    const isOlder = claim.record.claimedMs < theirs.claimedMs &&
      theirs.over !== claimId(claim.record);
    if (isOurs || !isAlive || isOlder) {
      const isSame = claimId(theirs) === claimId(claim.record);
      const epoch = isSame ? claim.record.epoch : theirs.epoch + 1;
      const record = { ...claim.record, epoch };
      await this.#write(claim, { record, over: stored.revision });
      if (isOurs || !isAlive || claim.record !== record) return;
      log.warn("a name had two publishers while the machines did not see each other", {
        stream: claim.name,
        node: theirs.node,
        kept: "the publisher here, as its claim is older",
      });
      return void this.#notifyLoss(theirs, record, claim.name);
    }
    log.warn("a name had two publishers while the machines did not see each other", {
      stream: claim.name,
      node: theirs.node,
      kept: "the publisher there, as its claim is older or has taken over",
    });
    this.#lose(claim);
  }

  /** Writes the record of a claim, over what is at a revision, or where there is none; another may be faster. */
  async #write(
    claim: Claim,
    { record, over }: { readonly record: StreamRecord; readonly over?: number },
  ): Promise<void> {
    const { store } = this.#options;
    const key = streamKey(claim.name);
    const text = JSON.stringify(record);
    const revision = over === undefined
      ? await store.create(key, text)
      : await store.update(key, text, over);
    if (revision === undefined) this.#hasMissed = true;
    else if (this.#claims.get(claim.name) === claim) Object.assign(claim, { record, revision });
    else await this.#remove(key, text);
  }

  async #tellReplica(replica: Replica): Promise<void> {
    try {
      await this.#options.store.put(replica.key, JSON.stringify(replica.record));
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      this.#hasMissed = true;
    }
    // It may have gone, and been looked for to be removed before it was there.
    if (this.#replicas.has(replica.key)) return;
    await this.#remove(replica.key, JSON.stringify(replica.record));
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
