import { type Clock, Deadline } from "../time/mod.ts";
import type { Outbox } from "./outbox.ts";
import type { Transport } from "./transport.ts";

/** The connection that is closed. */
export interface GentleCloseOptions {
  readonly transport: Transport;
  readonly outbox: Outbox;
  /** Resolves when the peer has closed its side. */
  readonly peerEnded: Promise<void>;
  /** Stops the reading, where the end of the transport does not. */
  readonly abort?: AbortController;
}

/** The reason of each: one of its own would cost a hundredth of what it takes to let somebody in. */
const CLOSED = new DOMException("The connection is closed", "AbortError");

/**
 * Lets the peer read what it was told, then closes. Until the peer has closed too, what it sends is to
 * be read and dropped: closing on unread bytes would reset the connection, and take the last words with
 * it.
 */
export async function closeGently(
  { clock, timing }: { readonly clock: Clock; readonly timing: { readonly closeMs: number } },
  { transport, outbox, peerEnded, abort }: GentleCloseOptions,
): Promise<void> {
  {
    using deadline = new Deadline(clock, timing.closeMs);
    await deadline.before(outbox.drained());
    await deadline.before(transport.closeWrite().catch(() => {}));
    await deadline.before(peerEnded);
  }
  outbox.end();
  abort?.abort(CLOSED);
  transport.close();
}
