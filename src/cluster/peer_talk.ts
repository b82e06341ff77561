import { PEER_EAR, type PeerEar, type PeerEarOptions } from "../gate/mod.ts";
import type { BackChannelSource } from "../hub/mod.ts";
import type { Track } from "../media/mod.ts";
import { PortListeners, PortTalkers, type TalkMessage } from "./port_talk.ts";
import { unpackUnits } from "./unit_batch.ts";

/** A connection between machines fetches one stream: what is said over it is for that one's publisher. */
const THE_PULL = 0;

/** A property that no parameter of a format can have: its value is bytes, in Base64. */
const BYTES = "=";

const KINDS = new Set<unknown>(["talk", "heard", "unheard", "say", "said", "hush"]);

/** Hears what is said at another machine, for the publisher of a stream that it fetches over RTMP. */
export function listenToPeer({ ear, send }: PeerEarOptions): PeerEar | undefined {
  const formats = ear()?.formats;
  if (formats === undefined) return undefined;
  const listeners = new PortListeners((message) => send(talkText(message)));
  return {
    news: { [PEER_EAR]: JSON.stringify(formats, withBytes) },
    receive: (text) => {
      const message = readTalkText(text);
      if (message !== undefined) listeners.receive(message, ear());
    },
    close: () => listeners.close(),
  };
}

/** What is said at this machine to the publisher of a stream that it fetches over RTMP. */
export class PeerTalkers {
  readonly #talkers: PortTalkers;

  /** Tells the other machine by `send`. */
  constructor(send: (text: string) => void) {
    this.#talkers = new PortTalkers((message) => send(talkText(message)));
  }

  /** How the publisher can be talked to, by what the other machine has told with its consent to play. */
  source(information: Readonly<Record<string, unknown>>): BackChannelSource | undefined {
    const formats = readJson(information[PEER_EAR]);
    if (!Array.isArray(formats) || !formats.every(isFormat)) return undefined;
    return this.#talkers.source(THE_PULL, formats);
  }

  /** Takes what the other machine tells. */
  receive(text: unknown): void {
    const message = readTalkText(text);
    if (message !== undefined) this.#talkers.receive(message);
  }

  /** The connection has ended. */
  close(): void {
    this.#talkers.close();
  }
}

/** A message as the text of an RTMP command: cameras are told some kilobytes a second. */
export function talkText(message: TalkMessage): string {
  return JSON.stringify(message, withBytes);
}

/** Reads what {@linkcode talkText} has made; `undefined` where it is something else. */
export function readTalkText(text: unknown): TalkMessage | undefined {
  const message = readJson(text) as Partial<TalkMessage> | undefined;
  if (message === undefined || message === null || !KINDS.has(message.type)) return undefined;
  if (!Number.isSafeInteger(message.talk)) return undefined;
  if (message.type !== "say") return message as TalkMessage;
  const bytes: unknown = message.buffer;
  if (!(bytes instanceof Uint8Array)) return undefined;
  const buffer = bytes.slice().buffer;
  try {
    const [unit] = unpackUnits(buffer);
    return unit?.kind === "audio" ? { ...message, buffer } as TalkMessage : undefined;
  } catch {
    return undefined;
  }
}

function withBytes(_: string, value: unknown): unknown {
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  return bytes instanceof Uint8Array ? { [BYTES]: bytes.toBase64() } : value;
}

function readJson(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text, (_, value) => {
      const bytes = value?.[BYTES];
      return typeof bytes === "string" ? Uint8Array.fromBase64(bytes) : value;
    });
  } catch {
    return undefined;
  }
}

function isFormat(format: Partial<Track> | null): format is Track {
  return format?.kind === "audio" && Number.isSafeInteger(format.id);
}
