import { type Answer, kickedEnd } from "../gate/mod.ts";
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

/** A publisher that has a name. */
interface Origin extends Holder {
  readonly identity: string | undefined;
  readonly claimant: Claimant;
  /** The hold on the name among machines, where there are others. */
  readonly beyond: Lease | undefined;
}

/** A member that looks for a stream. */
interface Seeker extends Seek {
  readonly resolve: (holders: readonly Holder[]) => void;
}

/** What is known of a name. */
interface Entry {
  origin: Origin | undefined;
  readonly replicas: Map<string, Holder>;
  readonly seekers: Set<Seeker>;
  /** The member that fetches the stream from beyond, for all. */
  fetcher: Seek | undefined;
  /** Who was told to look for it. */
  sought: string;
  /** The claims of the name, one after the other. */
  turn: Promise<unknown>;
  turns: number;
}

/** Options of a {@linkcode MemoryDirectory}. */
export interface MemoryDirectoryOptions {
  /** The directory of machines, and the name of this one there. */
  readonly beyond?: { readonly directory: Directory; readonly member: string };
  /** Is told each time that others look for a stream that nobody has, or nobody does any more. */
  readonly onSought?: (name: string, members: readonly string[]) => void;
}

/**
 * The directory of the members of one process: its workers, and the main thread. It asks the directory of machines,
 * where there is one, for what it does not know, and claims there what it grants; a stream from another machine is
 * fetched by one member, and the others have it from that one.
 *
 * It keeps no time: the members of a process do not vanish unnoticed, and are dropped.
 */
export class MemoryDirectory implements Directory {
  readonly #beyond: MemoryDirectoryOptions["beyond"];
  readonly #onSought: MemoryDirectoryOptions["onSought"];
  readonly #names = new Map<string, Entry>();
  #epoch = 0;

  /** Makes a directory that knows no stream. */
  constructor(options: MemoryDirectoryOptions = {}) {
    this.#beyond = options.beyond;
    this.#onSought = options.onSought;
  }

  /** The names that anybody has, seeks or claims. */
  get size(): number {
    return this.#names.size;
  }

  /** Who publishes, by name. */
  get origins(): ReadonlyMap<string, Holder> {
    const origins = new Map<string, Holder>();
    for (const [name, { origin }] of this.#names) if (origin) origins.set(name, origin);
    return origins;
  }

  /** Claims a name; claims of one name are decided one after the other. */
  async claim(name: string, claimant: Claimant, policy: ClaimPolicy): Promise<Answer<Lease>> {
    const entry = this.#entry(name);
    entry.turns++;
    const turn = entry.turn.then(() => this.#decide(name, { claimant, policy }));
    entry.turn = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      entry.turns--;
      this.#forgetIfIdle(name);
    }
  }

  /** Resolves with the member that has a stream; machines are asked by one member at a time. */
  find(name: string, seek: Seek): Promise<readonly Holder[]> {
    const { signal } = seek;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Holder[]>();
    const entry = this.#entry(name);
    const seeker: Seeker = { ...seek, resolve };
    entry.seekers.add(seeker);
    signal.addEventListener("abort", () => {
      entry.seekers.delete(seeker);
      if (entry.fetcher?.signal === signal) entry.fetcher = undefined;
      reject(signal.reason);
      this.#look(name);
      this.#forgetIfIdle(name);
    }, { once: true });
    // Whoever fetched it and looks again has lost what it had.
    if (entry.fetcher?.member === seek.member) entry.fetcher = undefined;
    this.#look(name);
    return promise;
  }

  /** Tells that a member has a copy. */
  announceReplica(
    name: string,
    { member, of }: { readonly member: string; readonly of: Holder },
  ): Lease {
    const { epoch } = of;
    const id = `${member}#${++this.#epoch}`;
    const entry = this.#entry(name);
    entry.replicas.set(id, { id, member, epoch, path: [...of.path, member] });
    const beyond = this.#beyond?.directory.announceReplica(name, {
      member: this.#beyond.member,
      of,
    });
    this.#look(name);
    return {
      id,
      epoch,
      release: () => {
        if (!entry.replicas.delete(id)) return;
        beyond?.release();
        this.#forgetIfIdle(name);
      },
    };
  }

  /**
   * Whether another machine may have a stream from this one: where its publisher is here, or it is fetched from elsewhere
   * and has not passed the other machine.
   */
  mayServe(name: string, node: string): boolean {
    const entry = this.#names.get(name);
    if (entry === undefined) return false;
    return entry.origin !== undefined ||
      entry.replicas.values().some(({ path }) => !path.includes(node));
  }

  /** Has the publisher of a name ended; where it is at no member of this process, the other machines are told. */
  end(name: string, why: string): void {
    const entry = this.#names.get(name);
    const origin = entry?.origin;
    if (entry === undefined || origin === undefined) return this.#beyond?.directory.end(name, why);
    origin.beyond?.release();
    entry.origin = undefined;
    origin.claimant.onLost(kickedEnd(why));
    this.#look(name);
    this.#forgetIfIdle(name);
  }

  /** Forgets all that a member had: it has died. */
  drop(member: string): void {
    for (const [name, entry] of [...this.#names]) {
      if (entry.origin?.member === member) {
        entry.origin.beyond?.release();
        entry.origin = undefined;
      }
      for (const [id, replica] of entry.replicas) {
        if (replica.member === member) entry.replicas.delete(id);
      }
      for (const seeker of entry.seekers) {
        if (seeker.member === member) entry.seekers.delete(seeker);
      }
      if (entry.fetcher?.member === member) entry.fetcher = undefined;
      this.#look(name);
      this.#forgetIfIdle(name);
    }
  }

  async #decide(
    name: string,
    { claimant, policy }: { readonly claimant: Claimant; readonly policy: ClaimPolicy },
  ): Promise<Answer<Lease>> {
    const entry = this.#entry(name);
    const current = entry.origin;
    if (current !== undefined && !await mayReplace(current, policy)) return nameTaken(name);
    const { member } = claimant;
    const id = `${member}#${++this.#epoch}`;
    let beyond: Lease | undefined;
    if (this.#beyond !== undefined) {
      const lost: Claimant = {
        member: this.#beyond.member,
        onLost: (end) => {
          if (entry.origin?.id === id) entry.origin = undefined;
          claimant.onLost(end);
          this.#look(name);
          this.#forgetIfIdle(name);
        },
        silentMs: claimant.silentMs,
      };
      const answer = await this.#beyond.directory.claim(name, lost, policy);
      if (!("granted" in answer)) return answer;
      beyond = answer.granted;
    }
    const epoch = beyond?.epoch ?? this.#epoch;
    // It may have gone while others were asked.
    const before = entry.origin;
    entry.origin = {
      id,
      member,
      epoch,
      path: [member],
      identity: policy.identity,
      claimant,
      beyond,
    };
    before?.claimant.onLost(TAKEN_OVER);
    this.#look(name);
    return { granted: { id, epoch, release: () => this.#release(name, id) } };
  }

  #release(name: string, id: string): void {
    const entry = this.#names.get(name);
    if (entry?.origin?.id !== id) return;
    entry.origin.beyond?.release();
    entry.origin = undefined;
    // Who looked for it while it went is told by the other machines.
    this.#look(name);
    this.#forgetIfIdle(name);
  }

  /** Answers those who look for a stream, as far as somebody has it. */
  #look(name: string): void {
    const entry = this.#names.get(name);
    if (entry === undefined) return;
    for (const seeker of entry.seekers) {
      const holders = holdersFor(entry, seeker);
      if (holders.length === 0) continue;
      entry.seekers.delete(seeker);
      seeker.resolve(holders);
    }
    if (entry.origin === undefined) this.#askBeyond(name, entry);
    const members = [...new Set(Array.from(entry.seekers, ({ member }) => member))];
    const sought = members.join("\n");
    if (entry.sought === sought) return;
    entry.sought = sought;
    this.#onSought?.(name, members);
  }

  /** Has the first of those who look ask the other machines. */
  #askBeyond(name: string, entry: Entry): void {
    const [seeker] = entry.seekers;
    if (this.#beyond === undefined || entry.fetcher !== undefined || seeker === undefined) return;
    const { directory, member } = this.#beyond;
    const { signal, except } = seeker;
    entry.fetcher = seeker;
    directory.find(name, { member, signal, except }).then((holders) => {
      if (!entry.seekers.delete(seeker)) return;
      seeker.resolve(holders);
    }, () => {
      // Aborted, which is heard of by the signal too.
    });
  }

  #entry(name: string): Entry {
    const existing = this.#names.get(name);
    if (existing !== undefined) return existing;
    const entry: Entry = {
      origin: undefined,
      replicas: new Map(),
      seekers: new Set(),
      fetcher: undefined,
      sought: "",
      turn: Promise.resolve(),
      turns: 0,
    };
    this.#names.set(name, entry);
    return entry;
  }

  #forgetIfIdle(name: string): void {
    const entry = this.#names.get(name);
    if (entry === undefined || entry.origin !== undefined || entry.turns > 0) return;
    const { replicas, seekers, fetcher } = entry;
    if (replicas.size + seekers.size === 0 && fetcher === undefined) this.#names.delete(name);
  }
}

/** What a member may fetch from: the publisher itself, else a copy. */
function holdersFor({ origin, replicas }: Entry, { member, except }: Seek): readonly Holder[] {
  const all = origin === undefined ? [...replicas.values()] : [origin];
  return all.filter((holder) => holder.member !== member && holder.id !== except)
    .map(({ id, member, epoch, path }) => ({ id, member, epoch, path }));
}
