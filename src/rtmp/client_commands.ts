import type { AmfValue } from "../amf/mod.ts";
import type { ClientRequest, ClientRequests } from "./client_requests.ts";
import type { OutgoingMedia } from "./client_session_options.ts";
import { encodeCommandMessage } from "./command_message.ts";
import { UserControlEvent } from "./control_message.ts";
import type { ProtocolControl } from "./protocol_control.ts";
import { MessageType } from "./raw_message.ts";

const COMMAND_CSID = 3;
const STREAM_COMMAND_CSID = 8;
const MEDIA_CSIDS = { audio: 4, video: 6, data: 5 } as const;
const MEDIA_TYPES = {
  audio: MessageType.Audio,
  video: MessageType.Video,
  data: MessageType.DataAmf0,
} as const;

/** The content of a command. */
export interface CommandWords {
  /** The command object. Default null. */
  readonly object?: AmfValue;
  /** The arguments behind the command object. */
  readonly args?: readonly AmfValue[];
  /** The request that an answer to the command belongs to. */
  readonly request?: ClientRequest;
  /** Default: the next. */
  readonly transactionId?: number;
}

/** Encodes what a client session sends: commands and media. */
export class ClientCommands {
  readonly #protocol: ProtocolControl;
  readonly #requests: ClientRequests;
  /** Whether the server has agreed to commands in AMF3. */
  amf3 = false;

  /** Sends by `protocol`; what is to be answered is noted in `requests`. */
  constructor(protocol: ProtocolControl, requests: ClientRequests) {
    this.#protocol = protocol;
    this.#requests = requests;
  }

  /** Sends a command on a NetStream, or with 0 on the connection. */
  send(streamId: number, name: string, words: CommandWords): void {
    const { object = null, args = [], request } = words;
    const transactionId = words.transactionId ?? this.#requests.beginTransaction(request);
    this.#protocol.send({
      ...encodeCommandMessage({ name, transactionId, object, args, amf3: this.amf3 }),
      chunkStreamId: streamId === 0 ? COMMAND_CSID : STREAM_COMMAND_CSID,
      streamId,
    });
  }

  /** Answers a call of the server, where it waits for that. */
  answer(transactionId: number, name: "_result" | "_error", args: readonly AmfValue[]): void {
    if (transactionId !== 0) this.send(0, name, { args, transactionId });
  }

  /** Tells the server how much of a NetStream this end buffers. */
  setBufferLength(streamId: number, bufferMs: number): void {
    this.#protocol.sendControl({
      kind: "user-control",
      event: UserControlEvent.SetBufferLength,
      value: streamId,
      bufferMs,
    });
  }

  /** The chunks of a message of a NetStream that publishes. */
  media({ kind, streamId, timestampMs, body }: OutgoingMedia): Uint8Array {
    return this.#protocol.encode({
      type: MEDIA_TYPES[kind],
      chunkStreamId: MEDIA_CSIDS[kind],
      streamId,
      timestampMs: timestampMs >>> 0,
      payload: body,
    });
  }
}
