import type { Answer, PeerPass, Peers, PublisherPlace } from "../gate/mod.ts";
import type { MemoryDirectory } from "./memory_directory.ts";
import { listenToPeer } from "./peer_talk.ts";
import { readPeerToken } from "./peer_token.ts";

/** Options of a {@linkcode PeerDesk}. */
export interface PeerDeskOptions {
  /** What all machines of the cluster share. */
  readonly secret: string;
  /** The streams of this machine. */
  readonly directory: MemoryDirectory;
  /** How many streams others may fetch from this machine at one time. */
  readonly maxFeeds: number;
  /** Milliseconds since 1970. */
  readonly unixMs: () => number;
  /** Finds the other machine that has the publisher of a stream. */
  readonly placeOf: (name: string) => Promise<PublisherPlace | undefined>;
}

/** Says which other machines may fetch from this one: those that show a token signed with the secret, while there is room. */
export class PeerDesk implements Peers {
  readonly #options: PeerDeskOptions;
  #feeds = 0;

  /** Nobody fetches yet. */
  constructor(options: PeerDeskOptions) {
    this.#options = options;
  }

  /** Streams that others fetch now. */
  get feeds(): number {
    return this.#feeds;
  }

  /** Judges what a machine shows. */
  admit(token: string, name: string): Promise<Answer<PeerPass>> {
    return Promise.resolve(this.#judge(token, name));
  }

  /** See {@linkcode Peers.placeOf}. */
  placeOf(name: string): Promise<PublisherPlace | undefined> {
    return this.#options.placeOf(name);
  }

  #judge(token: string, name: string): Answer<PeerPass> {
    const { secret, directory, maxFeeds, unixMs } = this.#options;
    const claim = readPeerToken(token, { secret, nowMs: unixMs() });
    if (claim === undefined || claim.name !== name) {
      return { refused: "denied", why: "The token is of no machine of this cluster" };
    }
    const { node } = claim;
    if (!directory.mayServe(name, node)) {
      return { refused: "absent", why: `There is no stream ${name} for ${node} here` };
    }
    if (this.#feeds >= maxFeeds) {
      return { refused: "full", why: `Other machines fetch ${maxFeeds} streams, as many as may` };
    }
    this.#feeds++;
    let isHeld = true;
    const release = (): void => {
      if (isHeld) this.#feeds--;
      isHeld = false;
    };
    return { granted: { node, release, listen: listenToPeer } };
  }
}
