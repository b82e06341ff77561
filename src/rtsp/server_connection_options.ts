import type { RtspAuthenticationMethod } from "./authentication.ts";
import type { RtspSessionRegistry } from "./session_registry.ts";
import type { RtspTransportPolicy } from "./transport_choice.ts";

/** Options of an `RtspServerConnection`. */
export interface RtspServerConnectionOptions {
  /** The sessions of the server. */
  readonly sessions: RtspSessionRegistry;
  /** Address of the client, without port. */
  readonly address: string;
  /** Transports offered on this connection; interleaved frames alone by default. */
  readonly transports?: RtspTransportPolicy;
  /** Time of the connection, in milliseconds of the clock that later calls use. */
  readonly nowMs: number;
  /** Name in the `Server` header; `weir` by default. */
  readonly server?: string;
  /** Realm shown where credentials are asked for; `weir` by default. */
  readonly realm?: string;
  /** Authentication methods in the order they are offered. */
  readonly methods?: readonly RtspAuthenticationMethod[];
}

/** Options that all acceptances have. */
export interface RtspAcceptance {
  /** Who the client has shown to be: the connection's and the session's identity from now on. */
  readonly identity?: string | undefined;
}

/** The sequence number and time stamp at which a track begins, for `RTP-Info`. */
export interface RtspTrackStart {
  /** Index of the track. */
  readonly track: number;
  /** Sequence number of the first packet that will be sent. */
  readonly sequence?: number;
  /** Its RTP timestamp; left out while no packet was ever sent. */
  readonly rtpTime?: number;
}
