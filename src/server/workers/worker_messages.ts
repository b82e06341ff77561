import type { DirectoryReply, DirectoryRequest } from "../../cluster/mod.ts";
import type { PasswordMethod, SharedTalliesMemory } from "../../gate/mod.ts";
import type { LogFields, ServerLog } from "../../log/mod.ts";
import type { RtmpChallengeShare } from "../../rtmp/mod.ts";
import type { ListenAddress, TlsIdentity } from "../../transport/mod.ts";
import type { DrainStep } from "../part_drain.ts";
import type { ServerAddress, ServerSnapshot } from "../statistics.ts";
import type { RecorderRule, RuleRecorderStatistics } from "../../record/mod.ts";
import type { ArchiveName } from "../server_part.ts";
import type { GuessAsk, GuessReply } from "./guess_messages.ts";
import type { RecordingAsk, RecordingReply, RecordingStart } from "./recording_messages.ts";
import type { CarriedValue } from "./carried_values.ts";
import type { SplicedAbout } from "./spliced_connection.ts";
import type { ForwardedPaths, ForwardedRequest } from "./forwarded_requests.ts";
import type { RelayCalls } from "./worker_relays.ts";

/** The options of a server that go to its workers: all but what is a function, or is the main thread's. */
export interface WorkerOptions {
  readonly rtmp?: ListenAddress | false;
  readonly rtmps?: ListenAddress | false;
  readonly rtsp?: ListenAddress | false;
  readonly rtsps?: ListenAddress | false;
  readonly rtp?: ListenAddress | false;
  readonly http?: ListenAddress | false;
  readonly webrtc?: ListenAddress | false;
  readonly webrtcPorts?: number;
  readonly https?: ListenAddress | false;
  /** All others are for the worker to read. */
  readonly [option: string]: unknown;
}

/** What a worker begins with. */
export interface WorkerStart {
  /** Its name. */
  readonly member: string;
  /** See `ServerPart.numbers`. */
  readonly numbers: { readonly first: number; readonly step: number };
  readonly options: WorkerOptions;
  /** How streams are fetched from other machines, where there are any. */
  readonly cluster:
    | { readonly node: string; readonly secret: string; readonly caCerts?: readonly string[] }
    | undefined;
  /** See `ServerPart.rtmpChallenges`. */
  readonly rtmpChallenges: RtmpChallengeShare;
  /** Its place among the workers, from 0 on, and how many there are. */
  readonly place: { readonly index: number; readonly of: number };
  /** What it has to know of who may do what. */
  readonly access: WorkerAccess;
  /** What the gates of all workers count in. */
  readonly tallies: SharedTalliesMemory;
  /** What of the main thread's is asked for at its ports. */
  readonly forwarded: ForwardedPaths;
  /** What it records. */
  readonly recordings: Partial<Record<ArchiveName, RecordingStart>>;
  /** The names of the hooks that the main thread has, and what of them are plain values. */
  readonly hooks: Readonly<Record<string, unknown>>;
}

/** What of access a worker needs at hand: all else it asks the main thread. */
export interface WorkerAccess {
  /** The ways by which doors ask for passwords. */
  readonly passwordMethods: readonly PasswordMethod[] | undefined;
  /** The hashes of publishing keys, which go into no log. */
  readonly keyHashes: readonly string[];
  /** Whether RTMP clients are asked at connect who they are. */
  readonly rtmpAskAtConnect: boolean;
}

/** What a worker counts. */
export interface WorkerSnapshot {
  readonly server: ServerSnapshot;
  readonly recorders: Partial<Record<ArchiveName, RuleRecorderStatistics[]>>;
}

/** What the main thread may have a worker do. */
export interface WorkerCalls extends RelayCalls {
  snapshot(): WorkerSnapshot;
  kickTicket(ticket: number, why: string): void;
  kickConnection(connection: number, why: string): void;
  kickUser(user: string, why: string): void;
  dropHeld(name: string): void;
  unpublish(name: string, reason: string): void;
  setAddresses(addresses: {
    readonly allow?: readonly string[];
    readonly deny?: readonly string[];
  }): void;
  configure(options: WorkerOptions): Promise<void>;
  setAccess(access: WorkerAccess): void;
  /** The main thread has changed who may do what. */
  review(): Promise<void>;
  /** Resolves with where it listens then. */
  relisten(protocol: string, address: ListenAddress | false): Promise<readonly ServerAddress[]>;
  reloadTls(tls: TlsIdentity): Promise<void>;
  record(archive: ArchiveName, name: string): void;
  followRecordings(archive: ArchiveName, rules: readonly RecorderRule[]): Promise<void>;
  endRecording(archive: ArchiveName, name: string): Promise<void>;
  drain(step: DrainStep): number;
  undoDrain(): void;
  stop(): Promise<void>;
}

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly type: "start"; readonly start: WorkerStart }
  | { readonly type: "link"; readonly member: string; readonly port: MessagePort }
  | { readonly type: "unlink"; readonly member: string; readonly index: number }
  /** A request over HTTP that has come to another worker. */
  | { readonly type: "request"; readonly request: ForwardedRequest; readonly port: MessagePort }
  /** A connection that another worker has accepted, and that this one is to serve. */
  | {
    readonly type: "handed-over";
    readonly from: number;
    readonly about: SplicedAbout;
    readonly port: MessagePort;
  }
  | { readonly type: "directory"; readonly reply: DirectoryReply }
  /** Somebody elsewhere looks for a stream that this worker's relays see to, or does so no longer. */
  | { readonly type: "sought"; readonly name: string; readonly isSought: boolean }
  | { readonly type: "recording"; readonly reply: RecordingReply }
  | { readonly type: "guess"; readonly reply: GuessReply }
  | { readonly type: "hooked"; readonly ask: number; readonly answer: unknown }
  | { readonly type: "hook-failed"; readonly ask: number; readonly error: string }
  /** Has the credentials of a question verified, while the main thread waits on the question's flag. */
  | {
    readonly type: "verify";
    readonly ask: number;
    readonly known: { readonly password: string } | { readonly ha1: string };
  }
  | {
    readonly type: "call";
    readonly call: number;
    readonly method: keyof WorkerCalls;
    readonly args: readonly unknown[];
  };

/** What a worker tells the main thread. */
export type FromWorker =
  | { readonly type: "started"; readonly addresses: readonly ServerAddress[] }
  | {
    readonly type: "failed";
    readonly code: string | undefined;
    readonly message: string;
  }
  | {
    readonly type: "log";
    readonly level: keyof ServerLog;
    readonly message: string;
    readonly fields: LogFields | undefined;
  }
  | { readonly type: "directory"; readonly request: DirectoryRequest }
  /** A request over HTTP that the main thread answers, or, where its place is given, another worker. */
  | {
    readonly type: "request";
    readonly request: ForwardedRequest;
    readonly port: MessagePort;
    readonly to?: number;
  }
  /** A connection that the worker at another place is to serve. */
  | {
    readonly type: "hand-over";
    readonly to: number;
    readonly about: SplicedAbout;
    readonly port: MessagePort;
  }
  /** Asks a hook, or with `ask` 0 tells it. */
  | {
    readonly type: "hook";
    readonly ask: number;
    readonly hook: string;
    readonly args: readonly CarriedValue[];
  }
  | { readonly type: "recording"; readonly asked: RecordingAsk }
  | { readonly type: "guess"; readonly asked: GuessAsk }
  | { readonly type: "result"; readonly call: number; readonly value: unknown }
  | {
    readonly type: "call-failed";
    readonly call: number;
    readonly name: string;
    readonly code: string | undefined;
    readonly message: string;
  };
