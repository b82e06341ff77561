import type { AccessRule } from "../access/mod.ts";
import type { ClusterStatistics } from "../cluster/mod.ts";
import type { StreamTerms, TicketInfo } from "../gate/mod.ts";
import type { StreamHealthReport } from "../health/mod.ts";
import type { ReaderStatistics, StreamSettings } from "../hub/mod.ts";
import type { CodecName, TrackKind } from "../media/mod.ts";
import type { RecordingRule } from "../record/mod.ts";
import type { PathRelayOptions } from "../relay/mod.ts";

/** A track that is published, in words. */
export interface PublishedTrack {
  /** What it carries. */
  readonly kind: TrackKind;
  /** Track id, unique within `kind`. */
  readonly id: number;
  /** Codec; `undefined` where this library does not know it. */
  readonly codec: CodecName | undefined;
  /** The codec as browsers name it (RFC 6381), `avc1.64001f`, where its configuration tells. */
  readonly codecString: string | undefined;
  /** Video: picture width in pixels. */
  readonly width: number | undefined;
  /** Video: picture height in pixels. */
  readonly height: number | undefined;
  /** Audio: samples a second. */
  readonly sampleRate: number | undefined;
  /** Audio: number of channels. */
  readonly channels: number | undefined;
}

/** How well a publisher does. */
export interface PublisherHealth {
  /** The number of its ticket. */
  readonly ticket: number;
  /** The stream's name. */
  readonly stream: string;
  /** What it sends, as far as that is known. */
  readonly tracks: readonly PublishedTrack[];
  /** The measures, and what should be changed. */
  readonly report: StreamHealthReport;
}

/** A stream, as the API shows it. */
export interface StreamView {
  /** Its name, `app/name`. */
  readonly name: string;
  /** Whether players get anything now; else they wait for it, or for its publisher to come back. */
  readonly isLive: boolean;
  /** Whether that is the fallback. */
  readonly isFallback: boolean;
  /** What is held back of its publishers: bytes, and how old the oldest is, milliseconds. */
  readonly held?: { readonly bytes: number; readonly ms: number } | undefined;
  /** Who publishes it. */
  readonly publisher?: TicketInfo | undefined;
  /** The machine or worker that it is fetched from, where its publisher is not here. */
  readonly via?: string | undefined;
  /** What is published, as far as that is known. */
  readonly tracks: readonly PublishedTrack[];
  /** How well it is published. */
  readonly health?: StreamHealthReport | undefined;
  /** Time between the two newest key frames, milliseconds. */
  readonly keyIntervalMs?: number | undefined;
  /** Where its publisher can be talked to: in which codecs, and whether somebody does. */
  readonly backChannel?:
    | { readonly codecs: readonly string[]; readonly isTaken: boolean }
    | undefined;
  /** Players, those that wait left out. */
  readonly players: number;
  /** The same by protocol. */
  readonly playersByProtocol: Readonly<Record<string, number>>;
  /** Bytes of media received from the publisher of now. */
  readonly bytesReceived: number;
  /** Bytes sent to all players, those that have gone too. */
  readonly bytesSent: number;
  /** Frames that could not be carried to some players. */
  readonly dropped: number;
}

/** A stream with what its readers do. */
export interface StreamDetail extends StreamView {
  /** The readers of its wire formats: how far they are behind, and how often they had to skip. */
  readonly readers: readonly ReaderStatistics[];
  /** Its players, those that wait too. */
  readonly tickets: readonly TicketInfo[];
}

/** Which part of a stream a clip is of: the last 30 seconds by default. */
export interface ClipOptions {
  /** The last so many seconds. */
  readonly last?: number;
  /** From then on. */
  readonly from?: Date;
  /** Until then; now by default. */
  readonly to?: Date;
}

/** A clip that was written. */
export interface ClipView {
  /** The stream's name. */
  readonly name: string;
  /** Its path in the folder of clips. */
  readonly path: string;
  /** When its first picture was (ISO 8601). */
  readonly start: string;
  /** How long it is, milliseconds. */
  readonly durationMs: number;
  /** Its length. */
  readonly bytes: number;
}

/** A connection, as the API shows it. */
export interface ConnectionView {
  /** Its number. */
  readonly id: number;
  /** The protocol that it speaks. */
  readonly protocol: string;
  /** Address of the client, without a port. */
  readonly remoteAddress: string;
  /** Bytes of the protocol received. */
  readonly bytesReceived: number;
  /** Bytes of the protocol sent. */
  readonly bytesSent: number;
  /** Bytes that it makes the server hold beside the media of streams. */
  readonly heldBytes: number;
}

/** How far a server is out of service. */
export interface DrainView {
  /** Whether nobody new is let in. */
  readonly isDraining: boolean;
  /** Whether all have left, or were ended. */
  readonly isOver: boolean;
  /** Publishers and players that are left. */
  readonly left: number;
  /** How long they may take, milliseconds; left out where that is as long as they like, or nobody has to go. */
  readonly leftMs?: number | undefined;
}

/** A file of a recording that a machine of the cluster keeps. */
export interface ClusterRecordingView {
  /** The stream. */
  readonly name: string;
  /** The machine that keeps it. */
  readonly node: string;
  /** Where that plays it, if clients reach it by HTTP. */
  readonly url?: string;
  /** Number of the rule by which it was recorded. */
  readonly rule: number;
  /** Its path in the store of its machine. */
  readonly path: string;
  /** When it begins, as a time of ISO 8601. */
  readonly start: string;
  /** When it ends; null where it is being written. */
  readonly end: string | null;
  /** How long its media is, milliseconds; null where that is not known. */
  readonly durationMs: number | null;
  /** Its length. */
  readonly bytes: number;
  /** Whether it is being written. */
  readonly isOpen: boolean;
}

/** A part of what the machines of a cluster keep, by time. */
export interface ClusterRecordingsView extends Page<ClusterRecordingView> {
  /** The machines that have not answered in time: what they keep is left out. */
  readonly silent: readonly string[];
}

/** Which recordings are wanted. */
export interface ClusterRecordingsQuery extends PageQuery {
  /** Of this stream alone. */
  readonly name?: string;
  /** Files that end after this. */
  readonly from?: Date;
  /** Files that begin before this. */
  readonly to?: Date;
}

/** A machine of the cluster. */
export interface ClusterNodeView {
  /** Its name. */
  readonly node: string;
  /** Whether it is the one that is asked. */
  readonly isSelf: boolean;
  /** Where it stands; empty where that is not said. */
  readonly region: string;
  /** The URL by which other machines fetch from it. */
  readonly url: string;
  /** The URLs by which clients reach it, by scheme. */
  readonly clients: Readonly<Record<string, string>>;
  /** Streams that are published at it. */
  readonly streams: number;
  /** Connections that it has. */
  readonly connections: number;
  /** How many it may have. */
  readonly maxConnections: number;
  /** Streams that others fetch from it. */
  readonly feeds: number;
  /** How many they may. */
  readonly maxFeeds: number;
  /** Whether it takes no new clients. */
  readonly isDraining: boolean;
}

/** The server as a whole. */
export interface ServerView {
  /** Version of weir. */
  readonly version: string;
  /** Time since it was made, milliseconds. */
  readonly uptimeMs: number;
  /** Where it listens. */
  readonly addresses: readonly {
    readonly protocol: string;
    readonly hostname: string;
    readonly port: number;
  }[];
  /** Connections that there are. */
  readonly connections: number;
  /** Streams that are published. */
  readonly streams: number;
  /** Publishers. */
  readonly publishers: number;
  /** Players that are served. */
  readonly players: number;
  /** The same by protocol. */
  readonly playersByProtocol: Readonly<Record<string, number>>;
  /** Refusals so far, by their kind. */
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes that are held for streams, and beside for connections. */
  readonly heldBytes: { readonly streams: number; readonly connections: number };
  /** How far it is out of service. */
  readonly drain: DrainView;
  /** How it does in its cluster, where it is one of one. */
  readonly cluster?: ClusterStatistics | undefined;
}

/** A part of a list. */
export interface Page<T> {
  /** What there is, in order. */
  readonly items: readonly T[];
  /** Where the next page begins, for `after`; left out on the last one. */
  readonly next?: string;
  /** How many there are in all. */
  readonly total: number;
}

/** Which part of a list is wanted. */
export interface PageQuery {
  /** The most that are wanted, 1 to 1000; 100 by default. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** What was done, in words that programs can tell apart. */
export interface Done {
  /** How many publishers, players or connections were ended. */
  readonly ended: number;
}

/** A rule for the streams of a name or pattern; what is left out is as for all streams. */
export interface PathRuleOptions extends Omit<StreamSettings, "maxReaders">, StreamTerms {
  /** Names of streams: `live/cam`, or `live/*`, where a `*` is a segment, at the end one or more. */
  readonly pattern: string;
  /** Who may publish or play them; what there are rules about, nobody else may do. */
  readonly access?: readonly AccessRule[];
  /** Where they are fetched from; by a pattern, when someone wants them. */
  readonly pull?: PathRelayOptions;
  /** Where they are forwarded to. */
  readonly push?: readonly PathRelayOptions[];
  /** Where they are recorded; the API takes and shows `to` as a folder or `s3://BUCKET/PREFIX`. */
  readonly record?: Omit<RecordingRule, "name" | "s3">;
}

/** A rule of paths that is in force. */
export interface PathRuleView extends PathRuleOptions {
  /** Whether it was made by the API, or stands in the options of the server. */
  readonly origin: "api" | "options";
}
