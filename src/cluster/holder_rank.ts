/** A machine that has a stream, as one that looks for it weighs it. */
export interface RankedHolder {
  /** Its name. */
  readonly member: string;
  /** Machines between it and the publisher: 0 where the publisher is. */
  readonly depth: number;
  /** The machines that the stream has passed to it. */
  readonly path: readonly string[];
  /** Where it stands; machines of one region are near each other. */
  readonly region: string;
  /** Streams that others fetch from it. */
  readonly feeds: number;
  /** How many they may. */
  readonly maxFeeds: number;
  /** Whether it is to go, and is fetched from only where there is no other. */
  readonly isDraining: boolean;
}

/**
 * Puts the machines that have a stream into the order in which one that looks for it tries them: those that stay
 * first, then those with room, then those of its region, then those nearer to the publisher, then those that fewer fetch from. So a tree forms by
 * itself: where the publisher's machine is full, the next fetch from those that have fetched from it, and one machine of
 * a far region fetches for the others there. No machine fetches what has passed itself.
 */
export function rankHolders<H extends RankedHolder>(
  holders: readonly H[],
  self: { readonly member: string; readonly region: string },
): H[] {
  const isFull = ({ feeds, maxFeeds }: H): number => Number(feeds >= maxFeeds);
  const isGoing = ({ isDraining }: H): number => Number(isDraining);
  const isFar = ({ region }: H): number => Number(region !== self.region);
  return holders.filter(({ path }) => !path.includes(self.member)).sort((a, b) =>
    isGoing(a) - isGoing(b) || isFull(a) - isFull(b) || isFar(a) - isFar(b) || a.depth - b.depth ||
    a.feeds / a.maxFeeds - b.feeds / b.maxFeeds || (a.member < b.member ? -1 : 1)
  );
}
