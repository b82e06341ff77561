import type { Clock } from "../hub/mod.ts";
import { atMostEachSecond } from "../log/mod.ts";
import { type ReadingTurn, readingTurn } from "./reading_turn.ts";
import { isDisconnect } from "./transport.ts";
import { youngSpace } from "./young_space.ts";

/** The part of a connection that an {@linkcode Acceptor} uses. */
export interface ClosableConnection {
  /** Closes it. */
  close(): void;
}

/** The part of a listener that an {@linkcode Acceptor} uses. */
export interface ConnectionSource<C extends ClosableConnection> {
  /** Resolves with the next connection. */
  accept(): Promise<C>;
  /** Accepts no more. */
  close(): void;
}

/** The functions that an {@linkcode Acceptor} calls. */
export interface AcceptorOptions<C extends ClosableConnection> {
  /** Takes a connection; one that it throws for is closed. */
  readonly onConnection: (conn: C) => void;
  /** Hears that nothing can be accepted, once a second at most: the newest error, and how many there were. */
  readonly onFailure: (error: unknown, count: number) => void;
  /** Hears of connections that their peers had ended before they were accepted, as often. */
  readonly onPeerGone: (error: unknown, count: number) => void;
  /** Time and timers. */
  readonly clock: Clock;
  /** What accepting shares the event loop with; that of all readers by default. */
  readonly turn?: ReadingTurn;
}

/** How long nothing is accepted when the system has no descriptors or no memory for it, milliseconds. */
const EXHAUSTED_MS = 100;

/**
 * Accepts connections until it is closed. A peer that was gone before it was accepted costs nothing but the
 * call; only where the system has nothing left to accept with is there a pause, and others may still come.
 */
export class Acceptor<C extends ClosableConnection> {
  /** Resolves when nothing more is accepted. */
  readonly finished: Promise<void>;
  readonly #source: ConnectionSource<C>;
  readonly #options: AcceptorOptions<C>;
  readonly #turn: ReadingTurn;
  readonly #tellFailure: (error: unknown) => void;
  readonly #tellPeerGone: (error: unknown) => void;
  #isClosed = false;
  #onClose: (() => void) | undefined;

  /** Starts to accept from `source`. */
  constructor(source: ConnectionSource<C>, options: AcceptorOptions<C>) {
    this.#source = source;
    this.#options = options;
    this.#turn = options.turn ?? readingTurn;
    this.#tellFailure = atMostEachSecond(options.clock, options.onFailure);
    this.#tellPeerGone = atMostEachSecond(options.clock, options.onPeerGone);
    this.finished = this.#run();
  }

  /** Accepts no more; may be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.close();
    this.#onClose?.();
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#isClosed) {
      const conn = await this.#accept();
      const startMs = clock.now();
      youngSpace.worked(ACCEPTED);
      if (conn !== undefined) this.#take(conn);
      // One that could not be had costs about what a cheap one does.
      await this.#turn.spend(conn === undefined ? FAILED_ACCEPT_MS : clock.now() - startMs);
    }
  }

  /** One that was accepted as this was closed is not served, and one that cannot be served hurts no other. */
  #take(conn: C): void {
    if (!this.#isClosed) {
      try {
        return this.#options.onConnection(conn);
      } catch (error) {
        this.#tellFailure(error);
      }
    }
    conn.close();
  }

  /** The next connection, unless it failed. */
  async #accept(): Promise<C | undefined> {
    try {
      return await this.#source.accept();
    } catch (error) {
      if (this.#isClosed) return undefined;
      // What the peer has done has used up its place in the queue; all else would fail again at once.
      if (isOfPeer(error)) this.#tellPeerGone(error);
      else {
        this.#tellFailure(error);
        await this.#pause();
      }
      return undefined;
    }
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onClose = resolve;
    const timer = this.#options.clock.setTimer(resolve, EXHAUSTED_MS);
    await promise;
    timer.cancel();
  }
}

/** What a connection that begins leaves behind, in writes. */
const ACCEPTED = 16;

/** Processor time that an accept that fails takes, in milliseconds. */
const FAILED_ACCEPT_MS = 0.05;

/** Other errors of a connection that waited to be accepted, as accept(2) has them. */
const OF_PEER: ReadonlySet<unknown> = new Set(["EPROTO", "ENOPROTOOPT", "EOPNOTSUPP", "EPERM"]);

/** Whether it was the connection that failed, not accepting. */
function isOfPeer(error: unknown): boolean {
  if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
    return false;
  }
  return isDisconnect(error) || OF_PEER.has((error as { code?: unknown } | null)?.code);
}
