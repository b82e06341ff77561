import type { ConnectionEnd, PublishTicket } from "../../gate/mod.ts";
import type { Publication } from "../../hub/mod.ts";
import { type MediaMessage, TimestampUnwrapper } from "../../rtmp/mod.ts";
import { unitsOfFlv } from "../../transmux/mod.ts";

/** What a publisher starts with. */
export interface StartedPublish {
  /** The gate's permission. */
  readonly ticket: PublishTicket;
  /** Where its media goes. */
  readonly publication: Publication;
}

interface Publishing extends StartedPublish {
  readonly clock: TimestampUnwrapper;
}

/** What one connection publishes, by NetStream: its messages become units of the streams. */
export class RtmpPublishing {
  #publishing: Map<number, Publishing> | undefined;
  /** Publications that have units which their players were not told of yet. */
  #touched: Set<Publication> | undefined;
  #unreadableData = 0;
  readonly #counting = { onUnreadable: (): void => void this.#unreadableData++ };

  /** How many NetStreams publish. */
  get size(): number {
    return this.#publishing?.size ?? 0;
  }

  /** The NetStreams that publish now. */
  get streamIds(): number[] {
    return [...this.#publishing?.keys() ?? []];
  }

  /** Metadata that tells nothing, and data messages that are no AMF0. */
  get unreadableData(): number {
    return this.#unreadableData;
  }

  /** Takes media of a NetStream from now on. */
  start(streamId: number, started: StartedPublish): void {
    (this.#publishing ??= new Map()).set(streamId, { ...started, clock: new TimestampUnwrapper() });
  }

  /** Takes a message in; players hear of it with the next `commit`. */
  take(message: MediaMessage): void {
    const publishing = this.#publishing?.get(message.streamId);
    if (publishing === undefined) return;
    const { ticket, publication, clock } = publishing;
    const units = unitsOfFlv({
      kind: message.kind,
      dtsUs: clock.unwrap(message.timestampMs) * 1000,
      body: message.body,
    }, this.#counting);
    for (const unit of units) ticket.write(unit);
    if (units.length > 0) (this.#touched ??= new Set()).add(publication);
  }

  /** Tells the players of what came since the last time. */
  commit(): void {
    if (this.#touched === undefined || this.#touched.size === 0) return;
    for (const publication of this.#touched) publication.commit();
    this.#touched.clear();
  }

  /** The gate has ended a publication already; whether there was one. */
  forget(streamId: number): boolean {
    return this.#publishing?.delete(streamId) ?? false;
  }

  /** Ends the publication of a NetStream, where there is one. */
  end(streamId: number, end: ConnectionEnd): void {
    const publishing = this.#publishing?.get(streamId);
    this.#publishing?.delete(streamId);
    publishing?.ticket.end(end);
  }
}
