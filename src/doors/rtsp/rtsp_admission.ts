import type { ServerLog } from "../../log/mod.ts";
import type {
  Ask,
  ConnectionEnd,
  Guest,
  NotGranted,
  PlayTicket,
  RefusalKind,
} from "../../gate/mod.ts";
import {
  formatRtspUrl,
  parseRtspUrl,
  type RtspAnnounceEvent,
  type RtspDescribeEvent,
  type RtspQuestionEvent,
  type RtspServerConnection,
  type RtspServerEvent,
  type RtspSetupEvent,
  type RtspVerdict,
  withRtspPath,
} from "../../rtsp/mod.ts";
import type { Transport } from "../../transport/mod.ts";
import { streamNameOf } from "../mod.ts";
import { shownCredentials } from "./shown_credentials.ts";

/** A question about a stream. */
export type StreamQuestion = RtspDescribeEvent | RtspAnnounceEvent | RtspSetupEvent;

/** Where a stream is, as a client has written it. */
type StreamPlace = Pick<StreamQuestion, "path" | "query">;

/** Streams that a client may have described to it before it sets one up. */
const MAX_DESCRIBED = 16;

/** What an {@linkcode RtspAdmission} needs. */
export interface RtspAdmissionOptions {
  readonly connection: RtspServerConnection;
  readonly guest: Guest;
  readonly transport: Transport;
  readonly log: ServerLog;
}

/** Asks the gate for the client of one RTSP connection, and says in the words of RTSP what the gate has answered. */
export class RtspAdmission {
  /** How the connection ends once the answer under way is out; `undefined` where it goes on. */
  endAfter: ConnectionEnd | undefined = undefined;
  readonly #connection: RtspServerConnection;
  readonly #guest: Guest;
  readonly #transport: Transport;
  readonly #log: ServerLog;
  /**
   * Who may play what was described, by name and query, until a session takes the ticket: a player is asked about
   * once, and with another query it is another player.
   */
  readonly #described = new Map<string, PlayTicket>();

  /** Asks the gate nothing yet. */
  constructor({ connection, guest, transport, log }: RtspAdmissionOptions) {
    this.#connection = connection;
    this.#guest = guest;
    this.#transport = transport;
    this.#log = log;
  }

  /**
   * The ticket of a player, asked for once: at its DESCRIBE or, without one, its first SETUP. Who it is has to be
   * shown with each request.
   */
  async mayPlay(
    event: RtspDescribeEvent | RtspSetupEvent,
  ): Promise<{ readonly ticket: PlayTicket } | { readonly events: RtspServerEvent[] }> {
    const away = await this.enter(event, event);
    if (away !== undefined) return { events: away };
    const ask = this.askOf(event);
    const known = this.#knownTicket(event, ask.name);
    if (known !== undefined && known.info.state !== "ended") {
      const proved = await this.#guest.prove("play", withQueryOf(known, { ask, event }));
      if (!("granted" in proved)) return { events: this.turnAway(event, proved) };
      if (proved.granted === known.user) return { ticket: known };
    }
    const asked = await this.#guest.play(
      known === undefined ? ask : withQueryOf(known, { ask, event }),
    );
    if (!("granted" in asked)) return { events: this.turnAway(event, asked) };
    this.#remember(asked.granted);
    return { ticket: asked.granted };
  }

  /** The ticket of what was described; a client that leaves the query out at SETUP means what it was given last. */
  #knownTicket({ type, query }: StreamQuestion, name: string): PlayTicket | undefined {
    const ticket = this.#described.get(describedKey({ name, query: new URLSearchParams(query) }));
    if (ticket !== undefined || type !== "setup" || query !== undefined) return ticket;
    return [...this.#described.values()].findLast(({ askedName }) => askedName === name);
  }

  #remember(ticket: PlayTicket): void {
    const key = keyOfTicket(ticket);
    this.#described.get(key)?.end();
    this.#described.delete(key);
    this.#described.set(key, ticket);
    const [oldest] = this.#described.values();
    if (this.#described.size <= MAX_DESCRIBED || oldest === undefined) return;
    this.forget(oldest);
    oldest.end();
  }

  /** Leaves a ticket to the session that has taken it. */
  forget(ticket: PlayTicket): void {
    this.#described.delete(keyOfTicket(ticket));
  }

  /** Introduces the client, once; returns the answer that turns it away. */
  async enter(
    event: RtspQuestionEvent,
    place: StreamPlace,
  ): Promise<RtspServerEvent[] | undefined> {
    const userAgent = event.request.headers.get("User-Agent") ?? "";
    if (this.#guest.info === undefined) {
      this.#log.debug(`rtsp connect from ${this.#transport.remoteName}`, {
        connection: this.#guest.id,
        userAgent,
      });
    }
    const entered = await this.#guest.enter({
      userAgent,
      ...this.elsewhereOf(event, place),
    });
    // Nobody asks about the connection a second time.
    return "granted" in entered ? undefined : this.turnAway(event, entered, { close: true });
  }

  /** What a client asks the gate for a stream. */
  askOf(event: StreamQuestion): Ask {
    return {
      name: streamNameOf(event.path),
      query: new URLSearchParams(event.query ?? ""),
      credentials: shownCredentials(event),
      ...this.elsewhereOf(event, event),
    };
  }

  /** Where the gate may send a client: to a URL, or to the same stream at another server. */
  elsewhereOf(
    event: RtspQuestionEvent,
    { path, query }: StreamPlace,
  ): Required<Pick<Ask, "locate" | "elsewhere">> {
    return {
      locate: (redirect) => locate(redirect, event),
      elsewhere: {
        scheme: this.#guest.protocol,
        urlAt: (base) => base + path + (query === undefined ? "" : `?${query}`),
      },
    };
  }

  /** Refuses a question, asks for credentials, or sends the client elsewhere, as the gate wants it. */
  turnAway(
    event: RtspQuestionEvent,
    answer: NotGranted,
    options: { readonly close?: boolean } = {},
  ): RtspServerEvent[] {
    if ("challenge" in answer) return this.#connection.challenge(event, verdictOn(event));
    if ("refused" in answer) {
      this.endAfter = answer.close;
      const reason = answer.why;
      return this.#connection.reject(event, STATUS[answer.refused], { ...options, reason });
    }
    const headers = { Location: answer.redirect };
    // The log gets no credentials, and no query, which may hold some.
    const [target] = formatRtspUrl(parseRtspUrl(answer.redirect)).split("?", 1);
    const reason = `Redirected to ${target}`;
    return this.#connection.reject(event, 302, { ...options, reason, headers });
  }
}

/** What a refusal of the gate is in RTSP. */
const STATUS: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  denied: 403,
  taken: 403,
  full: 503,
  leaving: 503,
  absent: 404,
};

function describedKey(
  { name, query }: { readonly name: string; readonly query: URLSearchParams },
): string {
  return `${name}?${query}`;
}

/** A client that leaves the query out at SETUP means what it was given last: tokens and signatures stand in it. */
export function withQueryOf(
  known: PlayTicket,
  { ask, event }: { readonly ask: Ask; readonly event: StreamQuestion },
): Ask {
  return event.query === undefined ? { ...ask, query: known.request.query } : ask;
}

/** A client asks again by the name that it has asked by. */
function keyOfTicket({ askedName, request }: PlayTicket): string {
  return describedKey({ name: askedName, query: request.query });
}

/** What is wrong with the credentials that the gate wants to see. */
function verdictOn(event: RtspQuestionEvent): Exclude<RtspVerdict, "granted"> {
  const shown = shownCredentials(event);
  // Who shows a token has not been told yet what to show.
  if (shown.kind === "none" || shown.kind === "token") return "missing";
  return shown.kind === "digest" && shown.isStale?.() ? "stale" : "wrong";
}

/** The URL that a client is told of a redirection's: an RTSP URL, or a path of the server that it has asked. */
function locate(redirect: string, { request }: RtspQuestionEvent): string {
  // A hook may have put in what the client wrote, and a header ends at a line end.
  if (/[\0-\x20\x7f]/.test(redirect)) {
    throw new TypeError(
      `Cannot redirect as a URL has no blank: current value is ${JSON.stringify(redirect)}`,
    );
  }
  const url = redirect.startsWith("/")
    ? withRtspPath(parseRtspUrl(request.url), redirect)
    : parseRtspUrl(redirect);
  return formatRtspUrl(url, { credentials: true });
}
