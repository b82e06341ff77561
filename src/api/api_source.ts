import type { PublishKey } from "../access/mod.ts";
import type { ClusterNode, ClusterStatistics } from "../cluster/mod.ts";
import type { GateCounts, Ticket, TicketInfo } from "../gate/mod.ts";
import type { StreamStatistics } from "../hub/mod.ts";
import type { SavedClip } from "../record/mod.ts";
import type { RelayEntry, RelayOptions } from "../relay/mod.ts";
import type { ConnectionView, DrainView, PathRuleOptions, PublisherHealth } from "./api_types.ts";

/** The counts of a server that the API and the metrics show. */
export interface ApiSnapshot {
  /** Connections. */
  readonly connections: readonly ConnectionView[];
  /** Publishers and players. */
  readonly tickets: readonly TicketInfo[];
  /** How well the publishers do. */
  readonly health: readonly PublisherHealth[];
  /** Streams that are published or waited for. */
  readonly streams: readonly StreamStatistics[];
  /** Relays. */
  readonly relays: readonly RelayEntry[];
  /** Refusals so far. */
  readonly refused: Readonly<GateCounts>;
  /** Bytes that are held. */
  readonly heldBytes: { readonly streams: number; readonly connections: number };
  /** Lines about peers that were left out of the log. */
  readonly logLinesLeftOut: number;
  /** How this machine does in its cluster, where it is one of one. */
  readonly cluster?: ClusterStatistics;
}

/** What the API shows and changes: a server. */
export interface ApiSource {
  /** Where it listens. */
  readonly addresses: readonly {
    readonly protocol: string;
    readonly hostname: string;
    readonly port: number;
  }[];
  /** Who may do what, where that is data: the publishing keys. */
  readonly access?: { readonly keys: ApiKeys } | undefined;
  /** All publishers and players, by number. */
  readonly tickets: ReadonlyMap<number, Ticket>;
  /** The cluster that this machine is one of. */
  readonly cluster?: ClusterNode | undefined;
  /** How far it is out of service. */
  readonly drainState: DrainView;
  /** Takes it out of service, within a time. */
  drain(options: { readonly timeoutMs?: number | undefined }): Promise<void>;
  /** Lets everybody in again. */
  undrain(): boolean;
  /** All counts, as of now. */
  freshSnapshot(): Promise<ApiSnapshot>;
  /** Ends a connection; whether there was one. */
  kickConnection(id: number, why: string): boolean;
  /** Drops what is held back of a stream; whether there was anything. */
  dropHeld(name: string): boolean;
  /** Ends all that a user does; how many that were. */
  kickUser(user: string, why: string): number;
  /** Writes a clip of a stream; rejects with a `RecordingError`. */
  saveClip(
    name: string,
    window: {
      readonly lastMs?: number;
      readonly fromUnixMs?: number;
      readonly toUnixMs?: number;
    },
  ): Promise<SavedClip>;
  /** Adds a relay. */
  addRelay(options: RelayOptions): Promise<number>;
  /** Changes a relay; whether there was one. */
  changeRelay(id: number, options: RelayOptions): Promise<boolean>;
  /** Removes a relay; whether there was one. */
  removeRelay(id: number): Promise<boolean>;
  /** The rules of paths that are in force. */
  readonly paths: readonly PathRuleOptions[];
  /** Sets a rule of paths, in the place of one of the same pattern. */
  setPath(rule: PathRuleOptions): Promise<void>;
  /** Removes a rule of paths that was set; whether there was one. */
  removePath(pattern: string): Promise<boolean>;
}

/** The publishing keys of a server. */
export interface ApiKeys {
  /** Those that there are, without their secrets. */
  list(): PublishKey[];
  /** Makes one, for streams, which ends at a time; its secret is told this once. */
  make(
    streams: readonly string[],
    options?: { readonly expiresAt?: Date },
  ): Promise<PublishKey & { readonly secret: string }>;
  /** Ends one, and who publishes by it; whether there was one. */
  revoke(id: string): Promise<boolean>;
}

/** What a program gives the API of its own: the configuration that it has read, and the level of its log. */
export interface ApiProgram {
  /** The configuration in force, without secrets. */
  readonly config?: () => unknown;
  /** Reads the configuration again; resolves with what came of it, and rejects with what is wrong. */
  readonly reload?: () => Promise<unknown>;
  /** The levels of the log, and the one in force. */
  readonly logLevel?: {
    /** Those that there are. */
    readonly levels: readonly string[];
    /** The one in force. */
    get(): string;
    /** Has another in force. */
    set(level: string): void;
  };
}

/** Where what is changed by the API is kept, so that it survives a restart. */
export interface ApiState {
  /** What was kept last; `undefined` where there is nothing. */
  load(): Promise<string | undefined>;
  /** Keeps a text instead. */
  save(text: string): Promise<void>;
}
