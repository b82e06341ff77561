import type {
  ConnectionEnd,
  Gate,
  Guest,
  NotGranted,
  PlayTicket,
  PublishTicket,
} from "../gate/mod.ts";
import type { BackChannelSource } from "../hub/mod.ts";
import type { Track } from "../media/mod.ts";
import { RelayFailure } from "./relay_driver.ts";

/** The description of a relay for hooks and in the list of tickets, beside its protocol; it has no address. */
const USER_AGENT = "relay";

/**
 * A relay at the server's own desk: what it pulls is a publisher there, what it pushes has it as a player, so that
 * hooks, limits and statistics see both, and either can be kicked.
 */
export class RelayVisit {
  readonly #guest: Guest;
  readonly #name: string;
  #ticket: PlayTicket | PublishTicket | undefined;

  private constructor(guest: Guest, name: string) {
    this.#guest = guest;
    this.#name = name;
  }

  /** Comes to the desk, for a stream of that name. */
  static async enter(
    gate: Gate,
    { protocol, name }: { readonly protocol: string; readonly name: string },
  ): Promise<RelayVisit> {
    const guest = gate.own(protocol);
    await guest.enter({ userAgent: USER_AGENT });
    return new RelayVisit(guest, name);
  }

  /**
   * Publishes the stream; `onEnded` is called when others end that.
   *
   * @throws {HubError} (rejects) when the hub refuses
   * @throws {RelayFailure} (rejects) when the desk does
   */
  async publish(options: {
    readonly identity: string;
    readonly tracks: readonly Track[] | undefined;
    readonly backChannel?: BackChannelSource | undefined;
    readonly onEnded: (end: ConnectionEnd) => void;
  }): Promise<PublishTicket> {
    const { identity, tracks, backChannel, onEnded } = options;
    const asked = await this.#guest.publish({ name: this.#name, identity });
    if (!("granted" in asked)) throw failureOf(asked);
    const ticket = asked.granted;
    this.#ticket = ticket;
    const started = ticket.start({
      onEnded,
      ...(tracks === undefined ? {} : { tracks }),
      ...(backChannel === undefined ? {} : { backChannel }),
    });
    if (!("granted" in started)) {
      this.leave("refused");
      throw failureOf(started);
    }
    return ticket;
  }

  /**
   * Plays the stream; `onEnded` is called when others end that.
   *
   * @throws {RelayFailure} (rejects) when the desk refuses
   */
  async play(onEnded: (end: ConnectionEnd) => void): Promise<void> {
    const asked = await this.#guest.play({ name: this.#name });
    if (!("granted" in asked)) throw failureOf(asked);
    this.#ticket = asked.granted;
    asked.granted.start({ onEnded });
  }

  /** Ends what it does there. May be called again. */
  leave(reason: string): void {
    const end = { clean: true, reason, message: `The relay has ended: ${reason}` };
    const ticket = this.#ticket;
    if (ticket === undefined) return;
    this.#ticket = undefined;
    if ("write" in ticket) ticket.end(end);
    else ticket.end({ reason });
    this.#guest.leave(end);
    this.#guest.release();
  }
}

/** The server's own visitors are refused by the hub alone. */
function failureOf(answer: NotGranted): Error {
  if (!("refused" in answer)) return new RelayFailure("The server does not let the relay in");
  return answer.cause ?? new RelayFailure(answer.why);
}
