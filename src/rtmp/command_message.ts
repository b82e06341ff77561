import { AmfError, type AmfValue, decodeAmf0, encodeAmf0 } from "../amf/mod.ts";
import { RtmpError } from "./errors.ts";
import { MessageType } from "./raw_message.ts";

/** A command (RTMP 1.0, chapter 7.1.1): a call, its result, or a status. */
export interface CommandMessage {
  /** Tells messages apart. */
  readonly kind: "command";
  /** Message stream id that it came on. */
  readonly streamId: number;
  /** Name of the procedure, `_result`, `_error` or `onStatus`. */
  readonly name: string;
  /** Id that the answer repeats; 0 where none is awaited. */
  readonly transactionId: number;
  /** The command object; null for most commands. */
  readonly object: AmfValue;
  /** The arguments behind the command object. */
  readonly args: readonly AmfValue[];
  /** Whether it came as type 17, and so is to be answered as such. */
  readonly amf3: boolean;
}

/** The content of a command that is to be sent. */
export interface CommandContent {
  /** Name of the procedure, `_result`, `_error` or `onStatus`. */
  readonly name: string;
  /** Id of the call, or of the one that is answered. Default 0. */
  readonly transactionId?: number;
  /** The command object. Default null. */
  readonly object?: AmfValue;
  /** The arguments behind the command object. Default none. */
  readonly args?: readonly AmfValue[];
  /** Send as type 17 (AMF3), for a peer that does. */
  readonly amf3?: boolean;
}

/**
 * Parses the body of a command of type 20, or of type 17 with or without its leading zero byte.
 *
 * Missing transaction ids and command objects are tolerated (0 and null).
 *
 * @throws {RtmpError} `malformed-command` when the body is not AMF or its name is no string
 */
export function parseCommandMessage(
  body: Uint8Array,
  context: { readonly streamId: number; readonly amf3: boolean },
): CommandMessage {
  const values = decodeValues(context.amf3 ? withoutFormatByte(body) : body);
  const [name, transactionId, object, ...args] = values;
  if (typeof name !== "string") {
    throw new RtmpError("malformed-command", `Command's name is ${typeof name}, not a string`);
  }
  return {
    kind: "command",
    streamId: context.streamId,
    name,
    transactionId: typeof transactionId === "number" ? transactionId : 0,
    object: object ?? null,
    args,
    amf3: context.amf3,
  };
}

/** Returns the message type id and the body of a command. */
export function encodeCommandMessage(
  content: CommandContent,
): { readonly type: number; readonly body: Uint8Array } {
  const { name, transactionId = 0, object = null, args = [], amf3 = false } = content;
  const values = encodeAmf0([name, transactionId, object, ...args]);
  if (!amf3) return { type: MessageType.CommandAmf0, body: values };
  const body = new Uint8Array(values.length + 1);
  body.set(values, 1);
  return { type: MessageType.CommandAmf3, body };
}

/**
 * Bodies of type 15 and 17 begin with a zero byte, then hold AMF0 that may switch to AMF3 by 0x11;
 * some clients leave the zero byte out. No AMF0 text begins with 0, which is a number's marker, so
 * for a body whose first value is a text the two cannot be confused.
 */
export function withoutFormatByte(body: Uint8Array): Uint8Array {
  return body[0] === 0 ? body.subarray(1) : body;
}

function decodeValues(body: Uint8Array): AmfValue[] {
  try {
    return decodeAmf0(body);
  } catch (error) {
    if (!(error instanceof AmfError)) throw error;
    throw new RtmpError("malformed-command", `Command is not AMF: ${error.message}`, {
      cause: error,
    });
  }
}
