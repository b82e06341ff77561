import type { StreamHealthReport } from "../health/mod.ts";
import type { LogFields } from "../log/mod.ts";
import type { Track } from "../media/mod.ts";
import type { ConnectionEnd } from "./answer.ts";
import type { StreamAction } from "./authentication.ts";
import type { StreamRequest } from "./stream_request.ts";

/** How far a publisher or player has come. */
export type TicketState = "granted" | "waiting" | "live" | "ended";

/** The description of a publisher or player. */
export interface TicketInfo {
  /** Its number, unique in this server. */
  readonly id: number;
  /** Number of its connection. */
  readonly connection: number;
  /** Whether it publishes or plays. */
  readonly action: StreamAction;
  /** In the word of its door. */
  readonly protocol: string;
  /** Name of the stream. */
  readonly stream: string;
  /** The user that it has proved to be. */
  readonly user: string | undefined;
  /** Address of its client, without a port; empty for the server's own. */
  readonly remoteAddress: string;
  /** How far it has come. */
  readonly state: TicketState;
  /** The name of its client's software, as that states it. */
  readonly userAgent: string;
  /** How long ago it was let in, milliseconds. */
  readonly ageMs: number;
  /** Bytes of media that it has sent or, of a player whose door tells, been sent. */
  readonly bytes: number;
}

/** A publisher or a player that the desk has let in. */
export interface Ticket {
  /** Its description as of now. */
  readonly info: TicketInfo;
  /** Whether it is one of the server's own. */
  readonly isOwn: boolean;
  /** Of a stream that is fetched from another hub, which has its publisher: from where. */
  readonly via?: string | undefined;
  /** Of a publisher that has begun: how well it does. */
  readonly health?: StreamHealthReport | undefined;
  /** Of a publisher that has begun: its tracks, as far as they are known. */
  readonly tracks?: readonly Track[];
  /** Ends it, and tells its client why in its protocol's words. */
  kick(why: string): void;
  /** Sees whether it may stay by the rules of now, and ends it if not; resolves with whether it stays. */
  review?(): Promise<boolean>;
}

/** The end of a publisher or player that was sent away. */
export function kickedEnd(why: string): ConnectionEnd {
  return { clean: false, reason: "kicked", message: why };
}

/** The end of a publisher or player whose permission was for a time. */
export const EXPIRED: ConnectionEnd = {
  clean: false,
  reason: "expired",
  message: "The permission has expired",
};

/** The end of a publisher or player that is over the bitrate it may have. */
export function bitrateEnd(
  { action, limitBps }: { readonly action: StreamAction; readonly limitBps: number },
): ConnectionEnd {
  const what = action === "publish" ? "The publisher sends" : "The player is sent";
  const message = `${what} over ${limitBps} bits a second, for 10 s`;
  return { clean: false, reason: "bitrate", message };
}

/** Describes the ticket of a request, by what publishers and players have in common. */
export function ticketInfo(
  { request: { connection, name }, user }: {
    readonly request: StreamRequest;
    readonly user: string | undefined;
  },
  about: Pick<TicketInfo, "id" | "action" | "state" | "ageMs" | "bytes">,
): TicketInfo {
  const { id, protocol, remoteAddress, userAgent } = connection;
  return { ...about, connection: id, protocol, stream: name, user, remoteAddress, userAgent };
}

/** The fields of a log line that say where a publisher or player is, and who; the server's own have no address. */
export function peerFields(
  { request: { connection, user } }: { readonly request: StreamRequest },
): LogFields {
  return {
    ...(connection.remoteAddress === "" ? {} : { peer: connection.remoteAddress }),
    ...(user === undefined ? {} : { user }),
  };
}

/** Seconds from a time on, to a tenth. */
export function secondsSince(startMs: number, clock: { now(): number }): number {
  return Math.round((clock.now() - startMs) / 100) / 10;
}
