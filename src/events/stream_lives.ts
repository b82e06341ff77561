import type { Clock, Timer } from "../hub/mod.ts";

/** Who is told of streams that come and go. */
export interface StreamLivesOptions {
  /** Time. */
  readonly clock: Clock;
  /** How long a stream goes on without a publisher, milliseconds. */
  readonly lingerMs: () => number;
  /** A stream has begun. */
  readonly onReady: (name: string) => void;
  /** It has ended. */
  readonly onEnded: (name: string) => void;
}

/** The publishers of a stream: more than one while one takes over from another. */
interface Life {
  publishers: number;
  timer: Timer | undefined;
}

/** Which streams live, by the publishers that come and go, on whatever thread of the server they are. */
export class StreamLives {
  readonly #options: StreamLivesOptions;
  readonly #lives = new Map<string, Life>();
  #isClosed = false;

  /** Knows of no stream yet. */
  constructor(options: StreamLivesOptions) {
    this.#options = options;
  }

  /** The names of the streams that live. */
  get names(): readonly string[] {
    return [...this.#lives.keys()];
  }

  /** A publisher has come. */
  begin(name: string): void {
    if (this.#isClosed) return;
    const life = this.#lives.get(name);
    if (life !== undefined) {
      life.publishers++;
      life.timer?.cancel();
      life.timer = undefined;
      return;
    }
    this.#lives.set(name, { publishers: 1, timer: undefined });
    this.#options.onReady(name);
  }

  /** The server stops: all that live end, and nothing is waited for any more. */
  close(): void {
    this.#isClosed = true;
    for (const [name, { timer }] of this.#lives) {
      timer?.cancel();
      this.#options.onEnded(name);
    }
    this.#lives.clear();
  }

  /** A publisher has gone. */
  end(name: string): void {
    const life = this.#lives.get(name);
    if (life === undefined || --life.publishers > 0) return;
    const { clock, lingerMs, onEnded } = this.#options;
    const end = (): void => {
      this.#lives.delete(name);
      onEnded(name);
    };
    const waitMs = lingerMs();
    if (waitMs <= 0) end();
    else life.timer = clock.setTimer(end, waitMs);
  }
}
