import { type ConnectionEnd, type Guest, kickedEnd } from "../../gate/mod.ts";
import { heldBytesEnd, type ServedConnection } from "../mod.ts";

/** What goes on behind an answer that lasts: a player, a publisher. */
export interface LastingAnswer {
  /** Ends it; called once, and not after it has told its end itself. */
  end(end: ConnectionEnd): void;
  /** Passes time on. */
  tick?(): void;
  /** Bytes that the peer makes the server hold beside the media of streams. */
  heldBytes?(): number;
}

/** How an exchange ends whose answer is out. */
export const ANSWERED: ConnectionEnd = {
  clean: true,
  reason: "closed",
  message: "The request is answered",
};

/**
 * One request and its answer, as the server sees them: a connection. It ends with the answer, or, where that lasts,
 * when what goes on behind it has ended.
 */
export class HttpExchange implements ServedConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  /** Bytes of the request's body received. */
  bytesReceived = 0;
  /** Bytes of the answer's body sent. */
  bytesSent = 0;
  readonly #guest: Guest;
  readonly #finished = Promise.withResolvers<ConnectionEnd>();
  #lasting: LastingAnswer | undefined;
  #end: ConnectionEnd | undefined;

  /** An exchange of `guest` that has no answer yet. */
  constructor(guest: Guest) {
    this.#guest = guest;
    this.finished = this.#finished.promise;
  }

  /** Whether it publishes or plays. */
  get hasRole(): boolean {
    return this.#lasting !== undefined;
  }

  /** Bytes that the peer makes this server hold. */
  get heldBytes(): number {
    return this.#end === undefined ? this.#lasting?.heldBytes?.() ?? 0 : 0;
  }

  /** How it has ended; `undefined` while it goes on. */
  get end(): ConnectionEnd | undefined {
    return this.#end;
  }

  /** Has the exchange last until `finish` is called; where it is over already, `lasting` is ended at once. */
  last(lasting: LastingAnswer): void {
    if (this.#end !== undefined) return lasting.end(this.#end);
    this.#lasting = lasting;
  }

  /** What went on behind the answer has ended. */
  finish(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#lasting = undefined;
    this.#guest.leave(end);
    this.#finished.resolve(end);
  }

  tick(): void {
    this.#lasting?.tick?.();
  }

  shed(): void {
    this.#close(heldBytesEnd(this.heldBytes));
  }

  kick(why: string): void {
    this.#close(kickedEnd(why));
  }

  stop(): void {
    this.#close({ clean: true, reason: "stopped", message: "The server has stopped" });
  }

  #close(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    const lasting = this.#lasting;
    this.#lasting = undefined;
    try {
      lasting?.end(end);
    } finally {
      this.finish(end);
    }
  }
}
