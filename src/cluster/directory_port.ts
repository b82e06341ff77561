import type { Answer, ConnectionEnd, PeerPass, Peers, PublisherPlace } from "../gate/mod.ts";
import { listenToPeer } from "./peer_talk.ts";
import type { Claimant, ClaimPolicy, Directory, Holder, Lease, Seek } from "./directory.ts";

/** What a member asks the directory of its process. */
export type DirectoryRequest =
  | {
    readonly type: "claim";
    readonly ask: number;
    readonly name: string;
    readonly policy: ClaimPolicy;
  }
  | { readonly type: "release"; readonly ask: number }
  | {
    readonly type: "find";
    readonly ask: number;
    readonly name: string;
    readonly except: string | undefined;
  }
  | { readonly type: "abandon"; readonly ask: number }
  | { readonly type: "admit"; readonly ask: number; readonly token: string; readonly name: string }
  | { readonly type: "place"; readonly ask: number; readonly name: string }
  | { readonly type: "announce"; readonly ask: number; readonly name: string; readonly of: Holder }
  | { readonly type: "end"; readonly name: string; readonly why: string }
  | { readonly type: "silent"; readonly question: number; readonly ms: number };

/** What the directory answers, and asks. */
export type DirectoryReply =
  | {
    readonly type: "claimed";
    readonly ask: number;
    readonly answer: Answer<{ readonly id: string; readonly epoch: number }>;
  }
  | {
    readonly type: "admitted";
    readonly ask: number;
    readonly answer: Answer<{ readonly node: string }>;
  }
  | {
    readonly type: "placed";
    readonly ask: number;
    readonly place: PublisherPlace | undefined;
  }
  | { readonly type: "lost"; readonly ask: number; readonly end: ConnectionEnd }
  | { readonly type: "found"; readonly ask: number; readonly holders: readonly Holder[] }
  /** How long has the publisher of a claim been silent? */
  | { readonly type: "how-silent"; readonly ask: number; readonly question: number };

/** The directory, as a member of another thread sees it: each question goes by a message. */
export class DirectoryClient implements Directory, Peers {
  readonly #post: (request: DirectoryRequest) => void;
  readonly #claimants = new Map<number, Claimant>();
  readonly #claims = new Map<number, (answer: Answer<Lease>) => void>();
  readonly #admissions = new Map<number, (answer: Answer<PeerPass>) => void>();
  readonly #finds = new Map<number, (holders: readonly Holder[]) => void>();
  readonly #places = new Map<number, (place: PublisherPlace | undefined) => void>();
  #next = 1;

  /** Asks by `post`. */
  constructor(post: (request: DirectoryRequest) => void) {
    this.#post = post;
  }

  /** Claims a name. */
  async claim(name: string, claimant: Claimant, policy: ClaimPolicy): Promise<Answer<Lease>> {
    const ask = this.#next++;
    const { promise, resolve } = Promise.withResolvers<Answer<Lease>>();
    this.#claims.set(ask, resolve);
    this.#claimants.set(ask, claimant);
    this.#post({ type: "claim", ask, name, policy });
    return await promise;
  }

  /** Looks for a stream until the signal is aborted. */
  async find(name: string, { signal, except }: Seek): Promise<readonly Holder[]> {
    signal.throwIfAborted();
    const ask = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Holder[]>();
    this.#finds.set(ask, resolve);
    signal.addEventListener("abort", () => {
      this.#finds.delete(ask);
      this.#post({ type: "abandon", ask });
      reject(signal.reason);
    }, { once: true });
    this.#post({ type: "find", ask, name, except });
    return await promise;
  }

  /** Tells of a copy. */
  announceReplica(
    name: string,
    { member, of }: { readonly member: string; readonly of: Holder },
  ): Lease {
    const ask = this.#next++;
    this.#post({ type: "announce", ask, name, of });
    return {
      id: `${member}~${ask}`,
      epoch: of.epoch,
      release: () => this.#post({ type: "release", ask }),
    };
  }

  /** Has the publisher of a name ended. */
  end(name: string, why: string): void {
    this.#post({ type: "end", name, why });
  }

  /** Has another machine judged that wants a stream. */
  async admit(token: string, name: string): Promise<Answer<PeerPass>> {
    const ask = this.#next++;
    const { promise, resolve } = Promise.withResolvers<Answer<PeerPass>>();
    this.#admissions.set(ask, resolve);
    this.#post({ type: "admit", ask, token, name });
    return await promise;
  }

  /** Finds the other machine that has the publisher of a stream. */
  async placeOf(name: string): Promise<PublisherPlace | undefined> {
    const ask = this.#next++;
    const { promise, resolve } = Promise.withResolvers<PublisherPlace | undefined>();
    this.#places.set(ask, resolve);
    this.#post({ type: "place", ask, name });
    return await promise;
  }

  /** Takes an answer in. */
  receive(reply: DirectoryReply): void {
    const { ask } = reply;
    switch (reply.type) {
      case "claimed":
        return this.#claimed(ask, reply.answer);
      case "admitted": {
        const { answer } = reply;
        const release = (): void => this.#post({ type: "release", ask });
        this.#admissions.get(ask)?.(
          "granted" in answer
            ? { granted: { ...answer.granted, release, listen: listenToPeer } }
            : answer,
        );
        return void this.#admissions.delete(ask);
      }
      case "placed":
        this.#places.get(ask)?.(reply.place);
        return void this.#places.delete(ask);
      case "found":
        this.#finds.get(ask)?.(reply.holders);
        return void this.#finds.delete(ask);
      case "lost":
        this.#claimants.get(ask)?.onLost(reply.end);
        return void this.#claimants.delete(ask);
      case "how-silent": {
        const { question } = reply;
        const silentMs = this.#claimants.get(ask)?.silentMs() ?? Infinity;
        void Promise.resolve(silentMs).then((ms) => this.#post({ type: "silent", question, ms }));
      }
    }
  }

  #claimed(ask: number, answer: Answer<{ readonly id: string; readonly epoch: number }>): void {
    const resolve = this.#claims.get(ask);
    this.#claims.delete(ask);
    if (!("granted" in answer)) {
      this.#claimants.delete(ask);
      return resolve?.(answer);
    }
    const release = (): void => {
      this.#claimants.delete(ask);
      this.#post({ type: "release", ask });
    };
    resolve?.({ granted: { ...answer.granted, release } });
  }
}

/** Answers the questions of one member to a directory of this thread. */
export class DirectoryDesk {
  readonly #directory: Directory;
  readonly #member: string;
  readonly #post: (reply: DirectoryReply) => void;
  readonly #peers: Peers | undefined;
  readonly #leases = new Map<number, Pick<Lease, "release">>();
  readonly #finds = new Map<number, AbortController>();
  readonly #questions = new Map<number, (ms: number) => void>();
  #isClosed = false;
  #next = 1;

  /** Answers `member` by `post`. */
  constructor(
    directory: Directory,
    options: {
      readonly member: string;
      readonly post: (reply: DirectoryReply) => void;
      /** Who judges other machines, where there are any. */
      readonly peers?: Peers | undefined;
    },
  ) {
    this.#peers = options.peers;
    this.#directory = directory;
    this.#member = options.member;
    this.#post = (reply) => this.#isClosed || options.post(reply);
  }

  /** Takes a question in. */
  receive(request: DirectoryRequest): void {
    switch (request.type) {
      case "claim":
        return void this.#claim(request);
      case "find":
        return void this.#find(request);
      case "announce": {
        const { ask, name, of } = request;
        const member = this.#member;
        return void this.#leases.set(ask, this.#directory.announceReplica(name, { member, of }));
      }
      case "admit":
        return void this.#admit(request);
      case "place":
        return void this.#place(request);
      case "end":
        return this.#directory.end(request.name, request.why);
      case "release":
        this.#leases.get(request.ask)?.release();
        return void this.#leases.delete(request.ask);
      case "abandon":
        this.#finds.get(request.ask)?.abort(ABANDONED);
        return void this.#finds.delete(request.ask);
      case "silent":
        this.#questions.get(request.question)?.(request.ms);
        return void this.#questions.delete(request.question);
    }
  }

  /** The member is gone: what it had is free, and what it was asked counts as answered. */
  close(): void {
    this.#isClosed = true;
    for (const answer of this.#questions.values()) answer(Infinity);
    for (const find of this.#finds.values()) find.abort(ABANDONED);
    for (const lease of this.#leases.values()) lease.release();
  }

  async #claim(
    { ask, name, policy }: Extract<DirectoryRequest, { type: "claim" }>,
  ): Promise<void> {
    const claimant: Claimant = {
      member: this.#member,
      onLost: (end) => this.#post({ type: "lost", ask, end }),
      silentMs: () => this.#howSilent(ask),
    };
    const answer = await this.#directory.claim(name, claimant, policy);
    if ("granted" in answer) {
      const { id, epoch } = answer.granted;
      // It has died while its claim was decided.
      if (this.#isClosed) return answer.granted.release();
      this.#leases.set(ask, answer.granted);
      this.#post({ type: "claimed", ask, answer: { granted: { id, epoch } } });
    } else {
      const { cause: _, ...plain } = "refused" in answer ? answer : { ...answer, cause: undefined };
      this.#post({ type: "claimed", ask, answer: plain });
    }
  }

  async #admit(
    { ask, token, name }: Extract<DirectoryRequest, { type: "admit" }>,
  ): Promise<void> {
    const answer = await this.#peers?.admit(token, name) ?? NO_CLUSTER;
    if (!("granted" in answer)) return this.#post({ type: "admitted", ask, answer });
    if (this.#isClosed) return answer.granted.release();
    this.#leases.set(ask, answer.granted);
    this.#post({ type: "admitted", ask, answer: { granted: { node: answer.granted.node } } });
  }

  async #place({ ask, name }: Extract<DirectoryRequest, { type: "place" }>): Promise<void> {
    this.#post({ type: "placed", ask, place: await this.#peers?.placeOf(name) });
  }

  #howSilent(ask: number): Promise<number> {
    if (this.#isClosed) return Promise.resolve(Infinity);
    const question = this.#next++;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#questions.set(question, resolve);
    this.#post({ type: "how-silent", ask, question });
    return promise;
  }

  async #find(
    { ask, name, except }: Extract<DirectoryRequest, { type: "find" }>,
  ): Promise<void> {
    const abort = new AbortController();
    this.#finds.set(ask, abort);
    try {
      const { signal } = abort;
      const holders = await this.#directory.find(name, { member: this.#member, signal, except });
      this.#post({ type: "found", ask, holders });
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    }
  }
}

const NO_CLUSTER = { refused: "denied", why: "This machine is of no cluster" } as const;

const ABANDONED = new Error("Nobody looks for it any more");
