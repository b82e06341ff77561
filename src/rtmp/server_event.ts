import type { AmfObject, AmfValue } from "../amf/mod.ts";
import type { EnhancedCapabilities } from "./enhanced_capabilities.ts";
import type { RtmpError } from "./errors.ts";
import type { MediaMessage } from "./message.ts";
import type { StreamPath } from "./stream_path.ts";

/** A client's connect; answer it by `accept` or `reject`. */
export interface ConnectEvent {
  /** Tells events apart. */
  readonly type: "connect";
  /** Id that the answer repeats. */
  readonly transactionId: number;
  /** As the client sent it; may have a query, and in it who the client is: {@linkcode RtmpAuthenticator}. */
  readonly app: string;
  /** As the client sent it, without quotes; empty when it sent none. */
  readonly tcUrl: string;
  /** What the client calls itself. */
  readonly flashVer: string;
  /** 0 or 3: the AMF version that it asks for. */
  readonly objectEncoding: number;
  /** The whole command object. */
  readonly properties: AmfObject;
  /** Arguments behind the command object. */
  readonly args: readonly AmfValue[];
  /** What it said of Enhanced RTMP. */
  readonly capabilities: EnhancedCapabilities;
}

/** A client wants to publish; answer it by `accept` or `reject`. */
export interface PublishEvent {
  /** Tells events apart. */
  readonly type: "publish";
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** The stream, in one form for all dialects. */
  readonly path: StreamPath;
  /** `live`, `record` or `append`; `live` where it was left out. */
  readonly publishType: string;
}

/** A client wants to play; answer it by `accept` or `reject`, now or later. */
export interface PlayEvent {
  /** Tells events apart. */
  readonly type: "play";
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** The stream, in one form for all dialects. */
  readonly path: StreamPath;
  /** Seconds: -2 live then recorded, -1 live, 0 and more a position. */
  readonly start: number;
  /** Seconds: -1 to the end. */
  readonly duration: number;
  /** Whether what played before is to be flushed. */
  readonly reset: boolean;
}

/** One message of a publishing NetStream. */
export interface MediaEvent {
  /** Tells events apart. */
  readonly type: "media";
  /** The message, whose body is never empty. */
  readonly message: MediaMessage;
}

/** A NetStream has ended its publication. */
export interface UnpublishEvent {
  /** Tells events apart. */
  readonly type: "unpublish";
  /** NetStream, the message stream id. */
  readonly streamId: number;
}

/** A NetStream has stopped to play, or withdraws a play that is not answered yet. */
export interface StopEvent {
  /** Tells events apart. */
  readonly type: "stop";
  /** NetStream, the message stream id. */
  readonly streamId: number;
}

/** A player pauses or goes on; already answered. */
export interface PauseEvent {
  /** Tells events apart. */
  readonly type: "pause";
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** Whether it pauses. */
  readonly paused: boolean;
}

/** A player wants no more of a kind, or wants it again; already answered. */
export interface ReceiveEvent {
  /** Tells events apart. */
  readonly type: "receive";
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** The kind of media that it is about. */
  readonly kind: "audio" | "video";
  /** Whether it wants that kind. */
  readonly enabled: boolean;
}

/** The client has called a procedure that the owner wants to hear of; already answered. */
export interface ClientCallEvent {
  /** Tells events apart. */
  readonly type: "call";
  /** Name of the procedure. */
  readonly name: string;
  /** NetStream on which it was called; 0 for the connection. */
  readonly streamId: number;
  /** Its arguments. */
  readonly args: readonly AmfValue[];
}

/** The connection is to be closed, once what `takeOutput` returns was written. */
export interface CloseEvent {
  /** Tells events apart. */
  readonly type: "close";
  /** What the session did until then, in a word or two. */
  readonly state: string;
  /** Why; the session gives nothing more. */
  readonly error: RtmpError;
}

/** An event of a server session; `type` tells which. */
export type RtmpServerEvent =
  | ConnectEvent
  | PublishEvent
  | PlayEvent
  | MediaEvent
  | UnpublishEvent
  | StopEvent
  | PauseEvent
  | ReceiveEvent
  | ClientCallEvent
  | CloseEvent;

/** The events that wait for an answer. */
export type RtmpRequestEvent = ConnectEvent | PublishEvent | PlayEvent;
