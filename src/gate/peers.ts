import type { Answer } from "./answer.ts";

/** The parameter by which a machine shows that it is one of the cluster, and asks for a stream for its own players. */
export const PEER_PARAMETER = "weir-peer";

/** The leave of another machine to have a stream. */
export interface PeerPass {
  /** Its name. */
  readonly node: string;
  /** It has the stream no longer; harmless when repeated. */
  release(): void;
}

/** Who knows the other machines of a cluster. */
export interface Peers {
  /** Judges what a machine shows: `denied` where it is none of the cluster, `absent` or `full` where it looks elsewhere. */
  admit(token: string, name: string): Promise<Answer<PeerPass>>;
}
