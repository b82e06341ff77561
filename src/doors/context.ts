import type { Clock, Hub } from "../hub/mod.ts";
import type { HookResult, Redirected, Refused, ServerHooks } from "../gate/mod.ts";
import type { PeerLog, ServerLog } from "../log/mod.ts";

/** What the connections of a server share. */
export interface ServerContext {
  readonly hub: Hub;
  readonly hooks: ServerHooks;
  readonly log: ServerLog;
  /** The same for lines that peers cause. */
  readonly peers: PeerLog;
  readonly clock: Clock;
  readonly timing: ServerTiming;
}

/** Times of a server, milliseconds. */
export interface ServerTiming {
  /** How long a player waits for a stream that nobody publishes. Default 10 000. */
  readonly playWaitMs: number;
  /** How long a DESCRIBE waits for a stream that nobody publishes, or whose tracks are not known yet. */
  readonly describeWaitMs: number;
  /** How long a write may make no progress. Default 10 000. */
  readonly writeStallMs: number;
  /** How long a closing connection may take to read what it was told. Default 1000. */
  readonly closeMs: number;
  /**
   * How long a hook may think about a connection before that is closed: meanwhile nothing is read, so that
   * a client that leaves is not noticed. Default 30 000.
   */
  readonly hookMs: number;
}

/**
 * Asks a hook; returns how it turns the client away, `undefined` when allowed. `locate` makes the URL for the
 * client of that of a redirection, and throws if it cannot. A hook that throws, or redirects to what is no
 * URL, refuses: when the policy cannot be asked, nobody gets in.
 */
export async function askHook(
  log: ServerLog,
  ask: () => HookResult,
  locate: (redirect: string) => string,
): Promise<Refused | Redirected | undefined> {
  try {
    const answer = await ask();
    if (!answer) return undefined;
    if ("refuse" in answer) return answer;
    return { redirect: locate(answer.redirect) };
  } catch (error) {
    log.error("a hook failed", { error: String(error) });
    return { refuse: "Internal error" };
  }
}

/** Calls a hook that cannot refuse; what it throws is logged. */
export function tellHook(log: ServerLog, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    log.error("a hook failed", { error: String(error) });
  }
}
