import type { ShownCredentials } from "./authentication.ts";
import type { SameElsewhere } from "./leaving.ts";

/** A client as it arrives, before it has said anything. */
export interface Arrival {
  /** The protocol that it speaks, as its door calls it. */
  readonly protocol: string;
  /** Its address, without a port; empty for the server's own. */
  readonly remoteAddress: string;
  /** Whether it is one of many requests that a client makes, and not a connection: they may come more often. */
  readonly isRequest?: boolean;
  /** Whether it is let in over all bounds. */
  readonly isUnbounded?: boolean;
}

/** The facts that a client states about itself before it asks for anything. */
export interface Introduction {
  /** RTMP: the app of connect. */
  readonly app?: string;
  /** The name of its software, as it states it. */
  readonly userAgent?: string;
  /** Whether it is one request and its answer, as HTTP has them: so many come that the log has no line of each. */
  readonly isRequest?: boolean;
  /** Makes the URL that the client is told of a redirection's; throws where that is none for it. */
  readonly locate?: (redirect: string) => string;
  /**
   * How it would ask another server, where this one takes nobody new. Left out by those who have not come for a stream,
   * such as operators: they are let in.
   */
  readonly elsewhere?: SameElsewhere;
}

/** A request of a client to play or publish a stream. */
export interface Ask {
  /** Name of the stream. */
  readonly name: string;
  /** Parameters that came with the name. */
  readonly query?: URLSearchParams;
  /** Its credentials; those in its query count where this is left out or `none`. */
  readonly credentials?: ShownCredentials;
  /** Makes the URL that the client is told of a redirection's; throws where that is none for it. */
  readonly locate?: (redirect: string) => string;
  /** How it would ask another server, where this one takes nobody new; it is refused where that is left out. */
  readonly elsewhere?: SameElsewhere;
}

/** A request to publish a stream. */
export interface PublishAsk extends Ask {
  /** The identity of the publisher for the conflict policy, where it is not the client's. */
  readonly identity?: string;
  /** Where the stream is fetched from, when its publisher is at another hub that shares its names. */
  readonly via?: string;
  /** Whether players are to see it only while they would see nothing else; no hook is told of it. */
  readonly isFallback?: boolean;
  /** Whether the client only asks whether it may, and begins later or never: the door then calls `claim`. */
  readonly isLater?: boolean;
}
