import type { ConflictPolicy } from "../hub/mod.ts";
import type { Answer, ConnectionEnd } from "./answer.ts";

/** A publisher's claim to a name, where several hubs share their names. */
export interface NameClaim {
  /** Name of the stream. */
  readonly name: string;
  /** The identity that the conflict policy compares. */
  readonly identity: string | undefined;
  /** What happens when another has the name. */
  readonly conflict: ConflictPolicy;
  /** Called once when the name is another's now: the publisher is to end. */
  readonly onLost: (end: ConnectionEnd) => void;
}

/** A name that a publisher has. */
export interface NameLease {
  /** Gives the name back; harmless when repeated, and when it is another's already. */
  release(): void;
}

/**
 * Where the names of streams are shared with other hubs, of other threads or machines: one publisher has a name in all
 * of them.
 */
export interface NameClaims {
  /** Claims a name for a publisher here. What it refuses is the answer that the publisher gets. */
  claim(claim: NameClaim): Promise<Answer<NameLease>>;
}
