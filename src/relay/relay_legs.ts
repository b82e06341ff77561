import { within } from "../time/mod.ts";
import { hasNetPermission, permissionHost } from "../transport/mod.ts";
import type { RelayEnd } from "./relay_context.ts";
import { type RelayConnection, RelayFailure, type RelayMove } from "./relay_driver.ts";
import { pull } from "./relay_pull.ts";
import { push } from "./relay_push.ts";
import type { RelayParts } from "./relay_way.ts";

/** What is relayed by one connection: a relay that the remote server sends elsewhere has two for a moment. */
interface Leg {
  readonly connection: RelayConnection;
  /** Resolves when it relays. */
  readonly begun: Promise<void>;
  /** Resolves with why it is over, when its connection is closed. */
  readonly done: Promise<RelayEnd>;
  /** Whether it has relayed. */
  hasBegun(): boolean;
  /** Another goes on in its place. */
  leave(): void;
}

/** A relay that is sent elsewhere again stays for so long at least, milliseconds. */
const LEAST_LEG_MS = 1000;

/** Relays by one connection after the other, where the remote server sends the relay elsewhere. */
export class RelayLegs {
  readonly #parts: RelayParts;

  /** Has no connection yet. */
  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Relays by a connection, and where the remote server asks to go on elsewhere by the next. */
  async follow(connection: RelayConnection, signal: AbortSignal): Promise<RelayEnd> {
    const { clock } = this.#parts.context;
    for (let leg = this.#leg(connection, { signal, before: undefined });;) {
      const over = leg.done.then(() => undefined);
      const beganMs = clock.now();
      const move = await Promise.race([over, leg.connection.moved]);
      // Servers that send it to each other are not to have it run.
      const restMs = Math.max(0, beganMs + LEAST_LEG_MS - clock.now());
      // One that is refused may be told as well where it gets the same.
      await within(over, { clock, ms: restMs }).catch(() => {});
      const next = move && await this.#move(move, { from: leg, signal });
      if (next === undefined) return await leg.done;
      leg = next;
    }
  }

  /** Goes on where the remote server asks for it, and leaves the leg of before when that relays; `undefined` if it fails. */
  async #move(
    move: RelayMove,
    { from, signal }: { readonly from: Leg; readonly signal: AbortSignal },
  ): Promise<Leg | undefined> {
    const { context: { log }, account, fields } = this.#parts;
    const { target } = move;
    try {
      checkConnectPermission(move.address);
      const next = this.#leg(await move.connect(signal), {
        signal,
        before: from.hasBegun() ? from : undefined,
      });
      await Promise.race([next.begun, next.done]);
      from.leave();
      log.info("relay moved", { ...fields(), target });
      return next;
    } catch (error) {
      // A server that stops asks for that too, and cannot be connected to yet.
      log.debug("relay cannot go on where it is sent", {
        ...fields(),
        reason: account.reasonOf(error),
      });
      return undefined;
    }
  }

  #leg(
    connection: RelayConnection,
    { signal, before }: { readonly signal: AbortSignal; readonly before: Leg | undefined },
  ): Leg {
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    let hasBegun = false;
    const onBegun = (): void => {
      hasBegun = true;
      resolve();
    };
    const left = new AbortController();
    const run = async (): Promise<RelayEnd> => {
      // A remote server that takes nothing must not hold up the end.
      const onAbort = (): void => void connection.close();
      signal.addEventListener("abort", onAbort);
      try {
        const way = this.#parts.options().mode === "push" ? push : pull;
        return await way(this.#parts, connection, {
          ...{ signal, left: left.signal, onBegun },
          before: before?.done,
        });
      } finally {
        signal.removeEventListener("abort", onAbort);
        await connection.close();
      }
    };
    const done = run();
    // It may fail while it is looked at the next.
    done.catch(() => {});
    return { connection, begun, done, hasBegun: () => hasBegun, leave: () => left.abort() };
  }
}

/** To connect without permission would stop the program at a question. */
export function checkConnectPermission(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): void {
  if (hasNetPermission(hostname, port)) return;
  const host = permissionHost(hostname, port);
  throw new RelayFailure(`No permission to connect to ${host}: add --allow-net=${host}`);
}
