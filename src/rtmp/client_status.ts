import { amfProperties, amfStringProperty, type AmfValue, decodeAmf0 } from "../amf/mod.ts";
import type { RtmpStatus } from "./client_event.ts";
import type { RequestKind } from "./client_requests.ts";
import type { CommandMessage } from "./command_message.ts";
import { RtmpError, type RtmpErrorCode } from "./errors.ts";
import { quoted } from "./peer_text.ts";

/** Data messages with a longer body are not looked into for a status. */
const LONGEST_STATUS_BYTES = 4096;

/** Characters of a server's words that an error repeats: enough to be understood, and too short to fill a log. */
const LONGEST_DESCRIPTION = 1000;

/** The status that answers a request with success. */
const SUCCESS: Readonly<Record<string, readonly string[]>> = {
  publish: ["NetStream.Publish.Start"],
  play: ["NetStream.Play.Start"],
  pause: ["NetStream.Pause.Notify"],
  resume: ["NetStream.Unpause.Notify", "NetStream.Play.Start"],
  seek: ["NetStream.Seek.Notify"],
};

/** A refusal, where the level does not say so. */
const FAILURE: Readonly<Record<string, RegExp>> = {
  publish: /^NetStream\.Publish\.(BadName|Denied|Failed|Rejected|BadConnection)$/,
  play: /^NetStream\.Play\.(StreamNotFound|Failed|FileStructureInvalid|NoSupportedTrackFound)$/,
  pause: /^NetStream\.Pause\.Failed$/,
  resume: /^NetStream\.Unpause\.Failed$/,
  seek: /^NetStream\.Seek\.(Failed|InvalidTime)$/,
};

/** The ordinary end of what was played. */
const PLAY_ENDED = /^NetStream\.Play\.(Stop|Complete|UnpublishNotify)$/;

/** Statuses that come as data messages, and are not media. */
const STATUS_NAMES: readonly string[] = ["onStatus", "onPlayStatus", "|RtmpSampleAccess"];

/** What a status means for a request of its NetStream; `undefined` where it is about something else. */
export function answerOf(
  request: { readonly kind: RequestKind; readonly begin?: unknown },
  status: RtmpStatus,
  { isPending }: { readonly isPending: boolean },
): "granted" | "refused" | undefined {
  const { kind } = request;
  if (SUCCESS[kind]?.includes(status.code)) return "granted";
  const isRefusal = FAILURE[kind]?.test(status.code) ||
    (status.level === "error" && request.begin !== undefined) ||
    (kind === "play" && isPending && PLAY_ENDED.test(status.code));
  return isRefusal ? "refused" : undefined;
}

/** How a status ends what a NetStream does; `undefined` where it goes on. */
export function endOf(
  role: "publish" | "play",
  status: RtmpStatus,
): "ended" | "failed" | undefined {
  const isFailure = FAILURE[role]!.test(status.code) ||
    (status.level === "error" && /^NetStream\.(Publish|Play)\./.test(status.code));
  if (isFailure) return "failed";
  return role === "play" && PLAY_ENDED.test(status.code) ? "ended" : undefined;
}

/** Whether a status says that the server ends the connection. */
export function endsConnection({ code }: RtmpStatus): boolean {
  return /^NetConnection\.Connect\.(Closed|AppShutdown)$/.test(code);
}

/** The information object of a command: the first object of its arguments. */
export function informationOf({ args }: CommandMessage): AmfValue {
  return args.find((value) => amfProperties(value) !== undefined);
}

/** Reads an information object. */
export function statusOf(streamId: number, information: AmfValue): RtmpStatus {
  const description = amfStringProperty(information, "description") ??
    (typeof information === "string" ? information : "");
  return {
    streamId,
    level: amfStringProperty(information, "level") ?? "",
    code: amfStringProperty(information, "code") ?? "",
    description: description.slice(0, LONGEST_DESCRIPTION),
    information: amfProperties(information) ?? {},
  };
}

/** An error that says, where the server has said why, its words too. */
export function statusError(
  code: RtmpErrorCode,
  message: string,
  status: RtmpStatus | undefined,
): RtmpError {
  if (status === undefined) return new RtmpError(code, message);
  const words = [status.code, status.description].filter((text) => text !== "").map(quoted);
  return new RtmpError(code, [message, ...words].join(": "), {
    status: status.code,
    description: status.description,
  });
}

/**
 * What a data message says where it is one of those by which servers tell of a stream's state: an information object,
 * `nothing`, or that it is `unreadable`. `undefined` where it is media.
 */
export function statusData(
  body: Uint8Array,
): { readonly information: AmfValue } | "nothing" | "unreadable" | undefined {
  const name = leadingString(body);
  if (name === undefined || !STATUS_NAMES.includes(name)) return undefined;
  if (name === "|RtmpSampleAccess" || body.length > LONGEST_STATUS_BYTES) return "nothing";
  try {
    const values = decodeAmf0(body);
    return { information: values.find((value) => amfProperties(value) !== undefined) };
  } catch {
    return "unreadable";
  }
}

const textDecoder = new TextDecoder();

/** The AMF0 string that a data message begins with, where it is short. */
function leadingString(body: Uint8Array): string | undefined {
  if (body.length < 3 || body[0] !== 2 || body[1] !== 0) return undefined;
  return textDecoder.decode(body.subarray(3, 3 + body[2]!));
}
