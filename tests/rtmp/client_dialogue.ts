import { assertEquals } from "@std/assert";
import type { AmfValue } from "../../src/amf/mod.ts";
import {
  ChunkDecoder,
  type CommandMessage,
  parseMessage,
  type RtmpClientEvent,
  RtmpClientSession,
  type RtmpClientSessionOptions,
  type RtmpMessage,
} from "../../src/rtmp/mod.ts";

/** A client session, and what its server reads of it. */
export class ClientDialogue {
  readonly session: RtmpClientSession;
  readonly #decoder = new ChunkDecoder();
  nowMs = 0;

  constructor(options: Partial<RtmpClientSessionOptions> = {}) {
    this.session = new RtmpClientSession({
      app: "live",
      tcUrl: "rtmp://host/live",
      ...options,
      nowMs: 0,
    });
  }

  /** What the client has said since the last time. */
  said(): RtmpMessage[] {
    const messages: RtmpMessage[] = [];
    for (const bytes of this.session.takeOutput()) {
      for (const raw of this.#decoder.push(bytes)) parseMessage(raw, messages);
    }
    return messages;
  }

  /** The commands among that. */
  commands(): CommandMessage[] {
    return this.said().filter((message) => message.kind === "command");
  }

  /** The server says this. */
  hear(...messages: RtmpMessage[]): RtmpClientEvent[] {
    return this.session.receive(messages, this.nowMs);
  }

  /** Time passes. */
  pass(ms: number): RtmpClientEvent[] {
    this.nowMs += ms;
    return this.session.tick(this.nowMs);
  }

  /** Connects, as a plain server lets a client. */
  connected(): this {
    this.session.connect();
    const events = this.hear(
      command("_result", { transactionId: 1, object: { fmsVer: "FMS/3,0,1,123" } }, {
        level: "status",
        code: "NetConnection.Connect.Success",
        description: "Connection succeeded.",
        objectEncoding: 0,
      }),
    );
    assertEquals(events.map(({ type }) => type), ["connected"]);
    this.said();
    return this;
  }

  /** Publishes or plays on NetStream `streamId`; returns the request. */
  started(role: "publish" | "play", streamId = 1): number {
    const request = this.session[role]("cam");
    this.created(streamId);
    this.said();
    const code = role === "play" ? "NetStream.Play.Start" : "NetStream.Publish.Start";
    const events = this.hear(status(streamId, code));
    const information = { level: "status", code, description: "" };
    assertEquals(events, [
      role === "play"
        ? { type: "playing", request, streamId, information }
        : { type: "publishing", request, streamId },
    ]);
    return request;
  }

  /** Answers the createStream that waits. */
  created(streamId: AmfValue): RtmpClientEvent[] {
    const asked = this.commands().find(({ name }) => name === "createStream")!;
    return this.hear(command("_result", { transactionId: asked.transactionId }, streamId));
  }
}

/** A command of the server. */
export function command(
  name: string,
  fields: { transactionId?: number; object?: AmfValue; streamId?: number },
  ...args: AmfValue[]
): CommandMessage {
  const { transactionId = 0, object = null, streamId = 0 } = fields;
  return { kind: "command", streamId, name, transactionId, object, args, amf3: false };
}

/** An onStatus of the server. */
export function status(
  streamId: number,
  code: string,
  fields: { level?: string; description?: string } = {},
): CommandMessage {
  const { level = "status", description = "" } = fields;
  return command("onStatus", { streamId }, { level, code, description });
}
