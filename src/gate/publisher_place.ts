import type { Redirection, Refusal } from "./answer.ts";
import type { SameElsewhere } from "./leaving.ts";

/** Another machine of the cluster, which has the publisher of a stream, and what it keeps of it. */
export interface PublisherPlace {
  /** Its name. */
  readonly node: string;
  /** The URLs by which clients reach it, by scheme: `{ rtmp: "rtmp://192.0.2.7:1935" }`. */
  readonly clients: Readonly<Record<string, string>>;
}

/**
 * Sends who asks for something that this machine does not have to the one that has the publisher; where that has no
 * address for its protocol, `why` nothing was found here says as well where it is. Of what another machine has without
 * the publisher, `what` is that.
 */
export function sentTo(
  { node, clients }: PublisherPlace,
  { why, elsewhere, what = "its publisher is" }: {
    readonly why: string;
    readonly elsewhere?: SameElsewhere | undefined;
    readonly what?: string;
  },
): Refusal | Redirection {
  const { scheme = "" } = elsewhere ?? {};
  const base = clients[scheme] ?? (scheme === "http" ? clients["https"] : undefined);
  if (elsewhere === undefined || base === undefined) {
    return { refused: "absent", why: `${why} here; ${what} at ${node}` };
  }
  return { redirect: elsewhere.urlAt(base.replace(/\/+$/, "")), isSame: true };
}
