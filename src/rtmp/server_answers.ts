import { type AmfObject, type AmfValue, encodeAmf0 } from "../amf/mod.ts";
import { type CommandContent, encodeCommandMessage } from "./command_message.ts";
import { UserControlEvent } from "./control_message.ts";
import { enhancedAnswer } from "./enhanced_capabilities.ts";
import type { ProtocolControl } from "./protocol_control.ts";
import { MessageType } from "./raw_message.ts";
import type { ConnectEvent, PlayEvent, PublishEvent } from "./server_event.ts";

const COMMAND_CSID = 3;
const STATUS_CSID = 5;
const DATA_CSID = 6;

/** The information object of a status (RTMP 1.0, 7.2.2). */
export function status(
  level: "status" | "error",
  code: string,
  description: string,
): Record<string, AmfValue> {
  return { level, code, description };
}

/** What a server session says to its client, in commands and statuses. */
export class ServerAnswers {
  readonly #protocol: ProtocolControl;
  /** Whether the client has sent its connect in AMF3: then it is answered so. */
  amf3 = false;

  /** Sends by `protocol`. */
  constructor(protocol: ProtocolControl) {
    this.#protocol = protocol;
  }

  /** Sends a command on the connection. */
  command(content: CommandContent): void {
    this.#protocol.send({
      ...encodeCommandMessage({ ...content, amf3: this.amf3 }),
      chunkStreamId: COMMAND_CSID,
      streamId: 0,
    });
  }

  /** Answers a command, where its sender waits for that; without a value, that it is done. */
  result(transactionId: number, value?: AmfValue): void {
    if (transactionId !== 0) this.command({ name: "_result", transactionId, args: [value] });
  }

  /** Answers a command, where its sender waits for that, that it failed. */
  error(transactionId: number, information: AmfValue): void {
    if (transactionId !== 0) this.command({ name: "_error", transactionId, args: [information] });
  }

  /** The same, of any call. */
  callFailed(transactionId: number, description: string): void {
    this.error(transactionId, status("error", "NetConnection.Call.Failed", description));
  }

  /** Tells a NetStream its status. */
  status(
    streamId: number,
    level: "status" | "error",
    code: string,
    description: string,
    more: AmfObject = {},
  ): void {
    const args = [{ ...status(level, code, description), ...more }];
    this.#protocol.send({
      ...encodeCommandMessage({ name: "onStatus", args, amf3: this.amf3 }),
      chunkStreamId: STATUS_CSID,
      streamId,
    });
  }

  /** Grants a connect. */
  connected({ transactionId, objectEncoding }: ConnectEvent, windowSize: number): void {
    this.#protocol.sendWindow();
    this.#protocol.sendControl({ kind: "set-peer-bandwidth", size: windowSize, limit: "dynamic" });
    this.#protocol.sendChunkSize();
    this.command({
      name: "_result",
      transactionId,
      object: { fmsVer: "FMS/3,5,7,7009", capabilities: 31, mode: 1 },
      args: [{
        ...status("status", "NetConnection.Connect.Success", "Connection succeeded."),
        objectEncoding,
        ...enhancedAnswer(),
      }],
    });
  }

  /** Grants a publish; one that was announced by FCPublish is answered in those words too. */
  publishing({ streamId, path }: PublishEvent, { sawFcPublish }: { sawFcPublish: boolean }): void {
    const description = `${path.key || path.name} is now published.`;
    if (sawFcPublish) {
      this.command({
        name: "onFCPublish",
        args: [status("status", "NetStream.Publish.Start", description)],
      });
    }
    this.#protocol.sendUserControl(UserControlEvent.StreamBegin, streamId);
    this.status(streamId, "status", "NetStream.Publish.Start", description);
  }

  /** Grants a play; `more` is told beside. */
  playing({ streamId, path, reset }: PlayEvent, more: AmfObject): void {
    const name = path.key || path.name;
    this.#protocol.sendUserControl(UserControlEvent.StreamBegin, streamId);
    if (reset) {
      this.status(streamId, "status", "NetStream.Play.Reset", `Playing and resetting ${name}.`);
    }
    this.status(streamId, "status", "NetStream.Play.Start", `Started playing ${name}.`, more);
    this.#data(streamId, ["|RtmpSampleAccess", true, true]);
    // A command, as mediamtx sends it: FFmpeg takes it in a data message for a track of its own.
    this.status(streamId, "status", "NetStream.Data.Start", "Started playing stream.");
  }

  /** Ends a play, since the stream has ended. */
  playEnded(streamId: number, description: string): void {
    this.#protocol.sendUserControl(UserControlEvent.StreamEof, streamId);
    this.status(streamId, "status", "NetStream.Play.UnpublishNotify", `${description}.`);
    this.status(streamId, "status", "NetStream.Play.Stop", `${description}.`);
  }

  /** A live stream has one position: a seek is acknowledged and changes nothing. */
  sought(streamId: number): void {
    const description = "The stream is live: its position stays.";
    this.status(streamId, "status", "NetStream.Seek.Notify", description);
    this.status(streamId, "status", "NetStream.Play.Start", "Playing on.");
  }

  #data(streamId: number, values: AmfValue[]): void {
    const body = encodeAmf0(values);
    this.#protocol.send({ type: MessageType.DataAmf0, body, chunkStreamId: DATA_CSID, streamId });
  }
}
