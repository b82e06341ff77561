import type { AmfObject, AmfValue } from "../amf/mod.ts";
import type { EnhancedCapabilities } from "./enhanced_capabilities.ts";
import type { RtmpError } from "./errors.ts";
import type { MediaMessage } from "./message.ts";

/** A status: what a server says in an `onStatus`, or in the information object of a result. */
export interface RtmpStatus {
  /** NetStream that it is about; 0 for the connection. */
  readonly streamId: number;
  /** `status`, `warning` or `error`; empty where the server left it out. */
  readonly level: string;
  /** Such as `NetStream.Play.Start`; empty where the server left it out. */
  readonly code: string;
  /** The server's words. */
  readonly description: string;
  /** All properties of the information object. */
  readonly information: AmfObject;
}

/** The server has granted connect. */
export interface ConnectedEvent {
  /** Tells events apart. */
  readonly type: "connected";
  /** The number that `connect` returned. */
  readonly request: number;
  /** The server's first object: `fmsVer`, `capabilities` and what it likes to add. */
  readonly properties: AmfObject;
  /** The information object: code, description, `objectEncoding`. */
  readonly information: AmfObject;
  /** The part of Enhanced RTMP that the server has said it supports. */
  readonly capabilities: EnhancedCapabilities;
}

/** The server has sent the client elsewhere: to be connected to anew, on a new connection. */
export interface RedirectEvent {
  /** Tells events apart. */
  readonly type: "redirect";
  /** The `tcUrl` to connect to; checked to be an RTMP URL. */
  readonly tcUrl: string;
  /** The option `redirects` for the session there. */
  readonly redirects: number;
}

/** A publish was granted: media may be sent on the NetStream. */
export interface PublishingEvent {
  /** Tells events apart. */
  readonly type: "publishing";
  /** The number that `publish` returned. */
  readonly request: number;
  /** NetStream, the message stream id. */
  readonly streamId: number;
}

/** A play was granted, or its first media has come: media of the NetStream follows. */
export interface PlayingEvent {
  /** Tells events apart. */
  readonly type: "playing";
  /** The number that `play` returned. */
  readonly request: number;
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** What the server has told with its consent; empty where media came before that. */
  readonly information: AmfObject;
}

/** A pause, resume, seek or call was answered. */
export interface ResultEvent {
  /** Tells events apart. */
  readonly type: "result";
  /** The number that the method returned. */
  readonly request: number;
  /** The first object of the answer, null for most; of pause, resume and seek the information. */
  readonly object: AmfValue;
  /** The values behind it. */
  readonly args: readonly AmfValue[];
}

/** A request was refused, or not answered in time; the connection goes on. */
export interface RequestFailedEvent {
  /** Tells events apart. */
  readonly type: "failed";
  /** The number that the method returned. */
  readonly request: number;
  /** Why. */
  readonly error: RtmpError;
}

/** The server said something that answers no request. */
export interface StatusEvent {
  /** Tells events apart. */
  readonly type: "status";
  /** What it said. */
  readonly status: RtmpStatus;
}

/** The server has called a procedure that the session does not know. It was answered that so it is. */
export interface ServerCallEvent {
  /** Tells events apart. */
  readonly type: "call";
  /** Name of the procedure. */
  readonly name: string;
  /** Its arguments. */
  readonly args: readonly AmfValue[];
}

/** A NetStream that published or played does so no more, by the server's word. */
export interface StreamStoppedEvent {
  /** Tells events apart. */
  readonly type: "stopped";
  /** NetStream, the message stream id. */
  readonly streamId: number;
  /** What the server said. */
  readonly status: RtmpStatus;
  /** Why, where it is not the ordinary end of what was played. */
  readonly error: RtmpError | undefined;
}

/** A message of a NetStream that plays. */
export interface ReceivedMediaEvent {
  /** Tells events apart. */
  readonly type: "media";
  /** Audio, video or data, as it came. */
  readonly message: MediaMessage;
}

/** The connection is to be closed; nothing comes after it. */
export interface ClientCloseEvent {
  /** Tells events apart. */
  readonly type: "close";
  /** Why. */
  readonly error: RtmpError;
}

/** An event of an {@linkcode RtmpClientSession}; `type` tells which. */
export type RtmpClientEvent =
  | ConnectedEvent
  | RedirectEvent
  | PublishingEvent
  | PlayingEvent
  | ResultEvent
  | RequestFailedEvent
  | StatusEvent
  | ServerCallEvent
  | StreamStoppedEvent
  | ReceivedMediaEvent
  | ClientCloseEvent;
