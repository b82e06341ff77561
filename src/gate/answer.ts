import type { HubError, HubErrorCode } from "../hub/mod.ts";

/** How a connection ended. */
export interface ConnectionEnd {
  /** Whether it ended in order: its role was given up first, or it never had one. */
  readonly clean: boolean;
  /**
   * Why, as a code: `closed` by the peer, `reset`, `unpublished`, `replaced` by another publisher, `kicked`,
   * `expired` where the permission was for a time, `bitrate` over the bound, `wrong-credentials`, `hook-timeout`,
   * `stopped` by the server, or an error's code; of RTSP sessions also `connection` (it has ended), `idle-timeout`
   * and `media-timeout`.
   */
  readonly reason: string;
  /** The reason in words. */
  readonly message: string;
}

/**
 * Why the desk refused: the name is `invalid`, no stream can have it; `denied` by a rule or hook, the name is `taken` by
 * another publisher, the stream is `absent`, a bound is reached (`full`), or the server takes nobody new as it is to go
 * (`leaving`).
 */
export type RefusalKind = "invalid" | "denied" | "taken" | "absent" | "full" | "leaving";

/** The desk says no. */
export interface Refusal {
  /** The kind of refusal, which each protocol has its own code for. */
  readonly refused: RefusalKind;
  /** The reason, in words that the client may be told. */
  readonly why: string;
  /** The connection is to be closed too, once the client was told; this is how it ends. */
  readonly close?: ConnectionEnd;
  /** The hub's error, where it was the hub that refused. */
  readonly cause?: HubError;
  /** The name that was asked for is, or may nearly be, a secret: it goes into no log. */
  readonly hidesName?: boolean;
}

/** The desk wants to know who it is: wrong credentials were shown, or none. */
export interface Challenge {
  /** A text for the client, beside the question of its protocol. */
  readonly challenge: string;
  /** The name that was asked for is, or may nearly be, a secret: it goes into no log. */
  readonly hidesName?: boolean;
}

/** The client is sent elsewhere. */
export interface Redirection {
  /** A URL of the client's protocol. */
  readonly redirect: string;
  /** Whether the same request is to be made there, as another server takes over: HTTP's 307, and not its 302. */
  readonly isSame?: boolean;
}

/** An answer of the desk that does not grant. */
export type NotGranted = Refusal | Challenge | Redirection;

/** An answer of the desk. Only `granted` lets anybody in. */
export type Answer<T> = { readonly granted: T } | NotGranted;

/** What a refusal of the hub is at the desk. */
const REFUSALS: Readonly<Record<HubErrorCode, RefusalKind>> = {
  "bad-name": "invalid",
  "name-taken": "taken",
  "too-many-waited": "full",
  "too-many-streams": "full",
  "too-many-readers": "full",
  "no-back-channel": "absent",
  "back-channel-taken": "taken",
  "closed": "absent",
};

/** What the hub's refusal is at the desk, so that each door has one translation for both. */
export function refusalOf(error: HubError): Refusal {
  return { refused: REFUSALS[error.code], why: error.message, cause: error };
}
