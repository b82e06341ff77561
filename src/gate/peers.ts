import type { BackChannel } from "../hub/mod.ts";
import type { Answer } from "./answer.ts";
import type { PublisherPlace } from "./publisher_place.ts";

/** The parameter by which a machine shows that it is one of the cluster, and asks for a stream for its own players. */
export const PEER_PARAMETER = "weir-peer";

/** The property of a consent to play by which another machine is told how far key frames are apart, milliseconds. */
const KEY_INTERVAL = "weirKeyInterval";

/** What another machine of the cluster is told of a stream that it fetches, beside its units. */
export function peerNews(
  { publication }: {
    readonly publication: { readonly longestKeyIntervalUs: number | undefined } | undefined;
  },
): Readonly<Record<string, number>> {
  const intervalUs = publication?.longestKeyIntervalUs;
  return intervalUs === undefined ? {} : { [KEY_INTERVAL]: intervalUs / 1000 };
}

/** Reads what {@linkcode peerNews} has made. */
export function readPeerNews(
  information: Readonly<Record<string, unknown>>,
): { readonly longestKeyIntervalUs?: number } {
  const intervalMs = information[KEY_INTERVAL];
  return typeof intervalMs === "number" && intervalMs > 0
    ? { longestKeyIntervalUs: intervalMs * 1000 }
    : {};
}

/** The command by which machines of a cluster tell each other what is said to the publisher of a stream, and of it. */
export const PEER_TALK = "weirTalk";

/** The property of a consent to play by which another machine is told in what forms the publisher can be talked to. */
export const PEER_EAR = "weirEar";

/** What is said at another machine to the publisher of a stream that it fetches. */
export interface PeerEar {
  /** What the other machine is told with the consent to play. */
  readonly news: Readonly<Record<string, string>>;
  /** Takes what it says. */
  receive(text: string): void;
  /** It says nothing more. */
  close(): void;
}

/** How a {@linkcode PeerEar} reaches both sides. */
export interface PeerEarOptions {
  /** The publisher's ear at the beginning, and where it still has one later. */
  readonly ear: () => BackChannel | undefined;
  /** Tells the other machine. */
  readonly send: (text: string) => void;
}

/** The leave of another machine to have a stream. */
export interface PeerPass {
  /** Its name. */
  readonly node: string;
  /** Has its talkers heard by the publisher; `undefined` where that cannot be talked to. */
  listen(options: PeerEarOptions): PeerEar | undefined;
  /** It has the stream no longer; harmless when repeated. */
  release(): void;
}

/** Who knows the other machines of a cluster. */
export interface Peers {
  /** Judges what a machine shows: `denied` where it is none of the cluster, `absent` or `full` where it looks elsewhere. */
  admit(token: string, name: string): Promise<Answer<PeerPass>>;
  /** Resolves with the other machine that has the publisher of a stream, where one has and that is known. */
  placeOf(name: string): Promise<PublisherPlace | undefined>;
}
