/** A server session and the client that talks to it, in words. */
import { assertEquals } from "@std/assert";
import { amfStringProperty, type AmfValue, decodeAmf0 } from "../../src/amf/mod.ts";
import {
  ChunkDecoder,
  type CommandMessage,
  type ControlMessage,
  type MediaMessage,
  parseMessage,
  type RtmpMessage,
  RtmpServerSession,
  type RtmpServerSessionOptions,
  UserControlEvent,
} from "../../src/rtmp/mod.ts";
import type { RtmpRequestEvent, RtmpServerEvent } from "../../src/rtmp/server_event.ts";

/** What is sent of a command, beside its name. */
export interface SentCommand {
  /** 0 as by default: no answer is awaited. */
  readonly id?: number;
  readonly on?: number;
  readonly object?: AmfValue;
  readonly args?: readonly AmfValue[];
  readonly amf3?: boolean;
}

/** A command as it is after parsing. */
export function command(name: string, sent: SentCommand = {}): CommandMessage {
  const { id = 0, on = 0, object = null, args = [], amf3 = false } = sent;
  return { kind: "command", streamId: on, name, transactionId: id, object, args, amf3 };
}

/** A media message of 4 bytes, or none. */
export function media(kind: MediaMessage["kind"], on: number, length = 4): MediaMessage {
  return { kind, streamId: on, timestampMs: 0, body: new Uint8Array(length).fill(7) };
}

const EVENTS = new Map<number, string>(
  Object.entries(UserControlEvent).map(([name, event]) => [event, name]),
);

/** A message in a few words. */
export function inWords(message: RtmpMessage): string {
  switch (message.kind) {
    case "set-chunk-size":
      return `chunk size ${message.size}`;
    case "window-acknowledgement-size":
      return `window ${message.size}`;
    case "set-peer-bandwidth":
      return `bandwidth ${message.size} ${message.limit}`;
    case "acknowledgement":
      return `acknowledgement ${message.sequenceNumber}`;
    case "user-control":
      return `${EVENTS.get(message.event)} ${message.value}`;
    case "command": {
      const { name, streamId, transactionId, args: [first] } = message;
      const on = streamId === 0 ? "" : `on ${streamId}: `;
      const what = amfStringProperty(first, "code") ?? (first === undefined ? "" : String(first));
      const id = name === "_result" || name === "_error" ? ` ${transactionId}` : "";
      return `${on}${name}${id} ${what}`.trimEnd();
    }
    case "data": {
      const [name, first] = decodeAmf0(message.body);
      return `on ${message.streamId}: ${name} ${amfStringProperty(first, "code") ?? first}`;
    }
    default:
      return message.kind;
  }
}

/** An event in a few words. */
export function eventInWords(event: RtmpServerEvent): string {
  switch (event.type) {
    case "connect":
      return `connect ${event.app}`;
    case "publish":
    case "play":
      return `${event.type} ${event.streamId} ${event.path.name}`;
    case "media":
      return `${event.message.kind} ${event.message.streamId}`;
    case "pause":
      return `${event.paused ? "pause" : "unpause"} ${event.streamId}`;
    case "receive":
      return `${event.enabled ? "" : "no "}${event.kind} ${event.streamId}`;
    case "close":
      return `close ${event.error.code}`;
    default:
      return `${event.type} ${event.streamId}`;
  }
}

/** A client in front of a session; what each side says is taken down. */
export class Client {
  readonly session: RtmpServerSession;
  nowMs = 0;
  /** Every event so far. */
  readonly events: RtmpServerEvent[] = [];
  readonly #decoder = new ChunkDecoder();

  constructor(options: RtmpServerSessionOptions = {}) {
    this.session = new RtmpServerSession({ ...options, nowMs: 0 });
  }

  /** A client that has connected, and whose answer was read. */
  static connected(options: RtmpServerSessionOptions & { readonly app?: string } = {}): Client {
    const { app = "live", ...rest } = options;
    const client = new Client(rest);
    client.send(command("connect", { id: 1, object: { app } }));
    client.accept();
    client.heard();
    return client;
  }

  /** A client that publishes or plays `live/cam` on NetStream 1, answers read. */
  static inRole(role: "publish" | "play", options: RtmpServerSessionOptions = {}): Client {
    const client = Client.connected(options);
    client.send(command("createStream", { id: 2 }));
    client.send(command(role, { on: 1, args: ["cam"] }));
    client.accept();
    client.heard();
    return client;
  }

  /** Sends messages; returns the new events in words. */
  send(...messages: RtmpMessage[]): string[] {
    return this.#note(this.session.receive(messages, this.nowMs));
  }

  /** Grants the last request; returns the events that this lets through. */
  accept(request: RtmpRequestEvent = this.request()): string[] {
    return this.#note(this.session.accept(request));
  }

  /** Refuses the last request. */
  reject(
    description: string,
    options: { readonly request?: RtmpRequestEvent; readonly code?: string } = {},
  ): string[] {
    const { request = this.request(), code } = options;
    return this.#note(
      this.session.reject(request, { description, ...(code === undefined ? {} : { code }) }),
    );
  }

  /** The last event that asks for an answer. */
  request(): RtmpRequestEvent {
    const request = this.events.findLast(({ type }) => {
      return type === "connect" || type === "publish" || type === "play";
    });
    return request as RtmpRequestEvent;
  }

  /** Lets time pass. */
  pass(byMs: number): string[] {
    this.nowMs += byMs;
    return this.#note(this.session.tick(this.nowMs));
  }

  /** The messages that the server has sent since. */
  messages(): RtmpMessage[] {
    const messages: RtmpMessage[] = [];
    for (const bytes of this.session.takeOutput()) {
      for (const raw of this.#decoder.push(bytes)) parseMessage(raw, messages);
    }
    return messages;
  }

  /** The same in words. */
  heard(): string[] {
    return this.messages().map(inWords);
  }

  #note(events: RtmpServerEvent[]): string[] {
    this.events.push(...events);
    return events.map(eventInWords);
  }
}

/** A dialogue: what the client sends, and what it then hears. */
export type Dialogue = readonly (readonly [
  sent: CommandMessage | ControlMessage | MediaMessage,
  events: readonly string[],
  heard: readonly string[],
])[];

/** Plays a dialogue; each request is granted at once. */
export function converse(client: Client, dialogue: Dialogue): void {
  for (const [sent, events, heard] of dialogue) {
    const what = sent.kind === "command" ? sent.name : sent.kind;
    const seen = client.send(sent);
    if (/^(?:connect|publish|play) /.test(seen.at(-1) ?? "")) seen.push(...client.accept());
    assertEquals(seen, events, `events of ${what}`);
    assertEquals(client.heard(), heard, `answers to ${what}`);
  }
}
