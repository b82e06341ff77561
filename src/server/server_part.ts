import type { Carrier, Directory } from "../cluster/mod.ts";
import type { GateShare, PastStreams, Peers } from "../gate/mod.ts";
import type { RtspParts } from "../doors/rtsp/mod.ts";
import type { HttpRoutes } from "../doors/http/mod.ts";
import type { Hub } from "../hub/mod.ts";
import type { RecordersContext } from "../record/mod.ts";
import type { RtmpChallengeShare } from "../rtmp/mod.ts";

/** What is kept of streams in memory, and what is recorded by rules. */
export const ARCHIVES = ["kept", "recorded"] as const;

/** One of {@linkcode ARCHIVES}. */
export type ArchiveName = typeof ARCHIVES[number];

/** What records the streams of a part for the whole server, which has the files. */
export interface PartRecorders {
  /** Who plays what was recorded, where anything is. */
  readonly past: PastStreams | undefined;
  /** Starts to record. */
  start(): void;
  /** Ends all; resolves when the files are done. */
  stop(): Promise<void>;
}

/** What makes a server one of several that share their streams: a worker, say. */
export interface ServerPart {
  /** Its name among them, which statistics say where streams are fetched from: `worker 1`. */
  readonly member: string;
  /** Where the streams of all are. */
  readonly directory: Directory;
  /** Who knows the other machines of the cluster. */
  readonly nodes?: Peers | undefined;
  /** Makes what brings streams here. */
  readonly carrier: (hub: Hub) => Carrier;
  /** Groups of HTTP paths that are answered elsewhere: the API is of the whole server. */
  readonly routes?: readonly HttpRoutes[];
  /** What the tokens of its HTTP players begin with, so that other parts know whose they are. */
  readonly tokenPrefix?: string;
  /** Whether others listen on the same ports, and the system shares the connections out. Default false. */
  readonly sharesPorts?: boolean;
  /** What RTMP clients are asked at connect is made with this, so that they may answer any part. */
  readonly rtmpChallenges?: RtmpChallengeShare;
  /** The parts that listen for RTSP on the same ports. */
  readonly rtspParts?: RtspParts;
  /** Whether this part sees to it that a stream is pulled by a relay; all parts have the relays of the server. */
  readonly seesTo?: (name: string) => boolean;
  /** What its gate counts together with those of others. */
  readonly shared?: GateShare;
  /** Makes what records its streams. */
  readonly recorders?: (context: RecordersContext) => PartRecorders;
  /** Numbers of connections and of tickets begin at `first` and go on by `step`, so that each is one part's. */
  readonly numbers?: { readonly first: number; readonly step: number };
}
