import type { Answer, ConnectionEnd } from "../gate/mod.ts";
import type { ConflictPolicy } from "../hub/mod.ts";

/** Where a stream can be fetched from. */
export interface Holder {
  /** What tells this holding from all others of its directory: with another publisher it is another. */
  readonly id: string;
  /** The member that has the stream: a worker, or a machine. */
  readonly member: string;
  /** Which publisher of the name it is, counted from 1; a later one has taken over. */
  readonly epoch: number;
  /** The members that the stream has passed, from the one with the publisher on; its length less one is the depth. */
  readonly path: readonly string[];
  /** The URL by which a machine is reached; left out where the member is of this process. */
  readonly url?: string;
}

/** Who claims a name. */
export interface Claimant {
  /** Its member. */
  readonly member: string;
  /** Called once when the name is another's now. */
  readonly onLost: (end: ConnectionEnd) => void;
  /** How long its publisher has sent nothing, milliseconds. */
  readonly silentMs: () => number | Promise<number>;
}

/** When a claim is granted although another has the name. */
export interface ClaimPolicy {
  /** The identity of the publisher, as the gate has decided it. */
  readonly identity: string | undefined;
  /** What happens when another has the name. */
  readonly conflict: ConflictPolicy;
  /** Silence after which anyone may take a name over, milliseconds. */
  readonly silentMs: number;
}

/** A hold on an entry of a directory. */
export interface Lease {
  /** The id of the {@linkcode Holder} that others find by it. */
  readonly id: string;
  /** Which publisher of the name it is of. */
  readonly epoch: number;
  /** Gives it up; harmless when repeated, and when another has the name already. */
  release(): void;
}

/** What is looked for, and by whom. */
export interface Seek {
  /** Who looks; it does not find itself. */
  readonly member: string;
  /** Ends the search. As long as it has not, whoever looks may be the one that fetches the stream for others. */
  readonly signal: AbortSignal;
  /** The holding that has just ended, which may still be listed. */
  readonly except?: string | undefined;
}

/**
 * Where streams are: one publisher a name among all members, and copies that may be read from. Entries are leases, so
 * that those of the dead vanish.
 */
export interface Directory {
  /** Claims a name for a publisher; what it refuses is the answer that the publisher gets. */
  claim(name: string, claimant: Claimant, policy: ClaimPolicy): Promise<Answer<Lease>>;
  /** Resolves with who has a stream, the best first, once somebody has; rejects when the signal is aborted. */
  find(name: string, seek: Seek): Promise<readonly Holder[]>;
  /** Tells that a member has a copy, fetched from `of`, that others may read from. */
  announceReplica(name: string, replica: { readonly member: string; readonly of: Holder }): Lease;
  /** Has the publisher of a name ended, at whatever member it is, and told why. */
  end(name: string, why: string): void;
}

/** Whether a claim is granted beside a publisher that there is. */
export async function mayReplace(
  current: { readonly identity: string | undefined; readonly claimant: Claimant },
  { identity, conflict, silentMs }: ClaimPolicy,
): Promise<boolean> {
  switch (conflict) {
    case "reject":
      return false;
    case "takeover":
      return true;
    case "same-identity":
      return (identity !== undefined && identity === current.identity) ||
        await current.claimant.silentMs() >= silentMs;
  }
}

/** The end of a publisher whose name another member's has taken over. */
export const TAKEN_OVER: ConnectionEnd = {
  clean: false,
  reason: "replaced",
  message: "The stream was taken over by another publisher",
};

/** The refusal of a name that another has. */
export function nameTaken(name: string): { readonly refused: "taken"; readonly why: string } {
  return { refused: "taken", why: `Cannot publish ${name} as it has a publisher already` };
}
