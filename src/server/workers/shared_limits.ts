import type {
  GateLimits,
  HookResult,
  Refused,
  ServerHooks,
  StreamAction,
  StreamRequest,
  StreamTerms,
  TicketInfo,
} from "../../gate/mod.ts";

/** What {@linkcode SharedLimits} goes by. */
export interface SharedLimitsOptions {
  /** The limits in force. */
  readonly limits: () => GateLimits;
  /** The terms of one stream, where they differ. */
  readonly termsOf: (name: string) => StreamTerms;
  /** Publishers and players of all workers, as they are known. */
  readonly tickets: () => readonly TicketInfo[];
  /** Has them known anew. */
  readonly refresh: () => Promise<void>;
  /** The time, milliseconds. */
  readonly now: () => number;
}

/** Somebody who was let in a moment ago, and may not be among the tickets yet. */
interface Grant {
  readonly action: StreamAction;
  readonly request: StreamRequest;
  readonly atMs: number;
}

/** Whoever was let in has a ticket that is known by then, milliseconds: workers tell of theirs each second. */
const KNOWN_MS = 2500;

/** Keeps the bounds of players of a stream, and of streams of a user, over all workers: each worker knows its own alone. */
export class SharedLimits {
  readonly #options: SharedLimitsOptions;
  #grants: Grant[] = [];

  /** Has let nobody in yet. */
  constructor(options: SharedLimitsOptions) {
    this.#options = options;
  }

  /** Hooks that say what others say, and refuse who is over a bound. */
  hooks(hooks: ServerHooks): ServerHooks {
    const asking = (
      action: StreamAction,
      ask: ((request: StreamRequest) => HookResult) | undefined,
    ) =>
    async (request: StreamRequest) => {
      const answer = await ask?.(request);
      // Whatever else it is, the worker reads it.
      if (answer !== undefined && answer !== null) return answer;
      return await this.#over({ action, request });
    };
    return Object.defineProperties({}, {
      ...Object.getOwnPropertyDescriptors(hooks),
      onPlay: { value: asking("play", hooks.onPlay), enumerable: true },
      onPublish: { value: asking("publish", hooks.onPublish), enumerable: true },
    });
  }

  async #over(asked: Omit<Grant, "atMs">): Promise<Refused | undefined> {
    if (this.#whyOver(asked) !== undefined) {
      // Somebody may have left since.
      await this.#options.refresh();
      const why = this.#whyOver(asked);
      if (why !== undefined) return { refuse: why, refused: "full" };
    }
    this.#grants.push({ ...asked, atMs: this.#options.now() });
    return undefined;
  }

  #whyOver({ action, request: { name, user } }: Omit<Grant, "atMs">): string | undefined {
    const { limits, termsOf } = this.#options;
    const all = this.#all(action);
    if (action === "play") {
      const most = termsOf(name).maxPlayers ?? limits().maxPlayersPerStream;
      if (most === Infinity || all.filter(({ stream }) => stream === name).length < most) {
        return undefined;
      }
      return `The stream ${name} has ${most} players, as many as it may`;
    }
    const most = limits().maxPublishersPerUser;
    if (user === undefined || most === Infinity) return undefined;
    const streams = new Set(all.filter((one) => one.user === user).map(({ stream }) => stream));
    // Who comes back takes no second place.
    streams.delete(name);
    return streams.size < most
      ? undefined
      : `The user publishes ${most} streams, as many as it may`;
  }

  /** Clients that are in, and those that will be known to be. */
  #all(action: StreamAction): { readonly stream: string; readonly user: string | undefined }[] {
    const { tickets, now } = this.#options;
    const known = tickets().filter((one) => one.action === action && one.remoteAddress !== "");
    const keys = new Set(known.map(({ connection, stream }) => `${connection} ${stream}`));
    const sinceMs = now() - KNOWN_MS;
    this.#grants = this.#grants.filter(({ atMs }) => atMs >= sinceMs);
    const coming = this.#grants.filter(({ action: of, request: { connection, name } }) =>
      of === action && !keys.has(`${connection.id} ${name}`)
    );
    return [
      ...known,
      ...coming.map(({ request: { name, user } }) => ({ stream: name, user })),
    ];
  }
}
