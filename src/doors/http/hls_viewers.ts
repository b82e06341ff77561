import { boundedAddress, type ConnectionEnd } from "../../gate/mod.ts";
import type { HlsPackager } from "../../wire/mod.ts";
import type { HttpExchange } from "./http_exchange.ts";
import type { HttpAnswer } from "./whole_answer.ts";
import { type GrantedPlay, startHeader } from "./http_visit.ts";

/** A viewer that has asked for nothing for so long has gone, milliseconds. */
const SILENT_MS = 20_000;
/** The same of one that goes on at another server: it may still fetch what the last playlist has named. */
const MOVED_MS = 5000;
/** Requests of one viewer that may wait at once: a player has two or three. */
const MAX_WAITING = 16;
/** Viewers that were sent away are remembered, so that they cannot just go on. */
const MAX_SENT_AWAY = 1000;

/** What a viewer is made of. */
export interface HlsViewerParts {
  /** Names it in addresses. */
  readonly token: string;
  /**
   * The client that has named the token itself, as one does that comes back: others may have had it ask for that, and
   * know the token as well. `undefined` for a token that the server has made.
   */
  readonly namedBy?: string | undefined;
  /** The stream's name. */
  readonly name: string;
  /** What it plays. */
  readonly packager: HlsPackager;
  /** Lets go of the packager. */
  readonly release: () => void;
  /** Whether it stands for many: requests of caches in front, whose number is bounded by that of connections. */
  readonly isShared: boolean;
  /** Its leave to play. */
  readonly ticket: GrantedPlay["ticket"];
  /** The exchange of its first request, which lasts as long as it comes back. */
  readonly exchange: HttpExchange;
}

/** A player of HLS, whose requests are held together by a token. */
export class HlsViewer {
  readonly #parts: HlsViewerParts;
  #seenMs: number;
  #waiting = 0;
  #silentMs = SILENT_MS;

  /** Has made its first request now. */
  constructor(parts: HlsViewerParts, nowMs: number) {
    this.#parts = parts;
    this.#seenMs = nowMs;
  }

  /** Names it in addresses. */
  get token(): string {
    return this.#parts.token;
  }

  /** Whether the token shows that a request from this address is one of the viewer's. */
  isShownBy(address: string): boolean {
    const { namedBy } = this.#parts;
    return namedBy === undefined || boundedAddress(namedBy) === boundedAddress(address);
  }

  /** The stream's name. */
  get name(): string {
    return this.#parts.name;
  }

  /** Tells it when what it plays begins, where that is not live. */
  get startHeader(): { readonly "x-start"?: string } {
    return startHeader(this.#parts.ticket);
  }

  /** What it plays. */
  get packager(): HlsPackager {
    return this.#parts.packager;
  }

  /** Whether it is silent. */
  isGone(nowMs: number): boolean {
    return this.#waiting === 0 && nowMs - this.#seenMs >= this.#silentMs;
  }

  /** It was told to go on elsewhere. */
  leaveSoon(): void {
    this.#silentMs = MOVED_MS;
  }

  /** Answers one of its requests; `undefined` where it has too many. */
  async answer(ask: () => Promise<HttpAnswer>, now: () => number): Promise<HttpAnswer | undefined> {
    if (this.#waiting >= MAX_WAITING && !this.#parts.isShared) return undefined;
    this.#waiting++;
    this.#seenMs = now();
    try {
      return await ask();
    } finally {
      this.#waiting--;
      this.#seenMs = now();
    }
  }

  /** Counts what it was sent. */
  sent(bytes: number): void {
    this.#parts.exchange.bytesSent += bytes;
  }

  /** Its exchange has ended: gives back what it has. */
  leave(): void {
    const { ticket, exchange, release } = this.#parts;
    ticket.end({ bytes: exchange.bytesSent });
    release();
  }

  /** Ends it, and its exchange. */
  end(end: ConnectionEnd): void {
    this.leave();
    this.#parts.exchange.finish(end);
  }
}

/** The viewers of a server. */
export class HlsViewers {
  readonly #viewers = new Map<string, HlsViewer>();
  readonly #sentAway = new Set<string>();

  /** The viewer of a token, where it watches that stream. */
  get(token: string, name: string): HlsViewer | undefined {
    const viewer = this.#viewers.get(token);
    return viewer?.name === name ? viewer : undefined;
  }

  /** Whether the viewer of a token was sent away. */
  wasSentAway(token: string): boolean {
    return this.#sentAway.has(token);
  }

  /** Keeps a viewer until it is silent, or is sent away; its exchange lasts as long. */
  add(parts: HlsViewerParts, { now }: { readonly now: () => number }): HlsViewer {
    const { exchange, ticket, token } = parts;
    const viewer = new HlsViewer(parts, now());
    this.#viewers.set(token, viewer);
    const forget = (): void => {
      if (this.#viewers.get(token) === viewer) this.#viewers.delete(token);
    };
    exchange.last({
      end: () => {
        this.#sendAway(token);
        forget();
        viewer.leave();
      },
      tick: () => {
        if (!viewer.isGone(now())) return;
        forget();
        viewer.end(GONE);
      },
    });
    ticket.start({
      bytes: () => exchange.bytesSent,
      onEnded: (end) => {
        this.#sendAway(token);
        forget();
        viewer.end(end);
      },
    });
    return viewer;
  }

  #sendAway(token: string): void {
    if (this.#sentAway.size === MAX_SENT_AWAY) {
      this.#sentAway.delete(this.#sentAway.values().next().value!);
    }
    this.#sentAway.add(token);
  }
}

const GONE: ConnectionEnd = {
  clean: true,
  reason: "closed",
  message: `The player has asked for nothing for ${SILENT_MS} ms`,
};
