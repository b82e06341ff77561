import { SdpError } from "./errors.ts";
import { STATIC_PAYLOAD_TYPES } from "./payload_types.ts";
import type {
  SdpAttribute,
  SdpBandwidth,
  SdpConnection,
  SdpDirection,
  SdpFormat,
  SdpMedia,
  SdpOrigin,
  SdpTime,
  SessionDescription,
} from "./session_description.ts";

/** Media of one description: a camera has under ten, and each costs a track. */
export const MAX_SDP_MEDIA = 64;
/** Length of a description in characters: the same as a whole RTSP body may have. */
export const MAX_SDP_LENGTH: number = 128 * 1024;
/** Payload types of one media section at most: there are 128 different ones. */
const MAX_FORMATS = 128;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The fields that the session and a media section share while they are read. */
interface Section {
  connection?: SdpConnection;
  bandwidth: SdpBandwidth[];
  direction?: SdpDirection;
  control?: string;
  attributes: SdpAttribute[];
}

interface MediaSection extends Section {
  kind: string;
  port: number;
  protocol: string;
  formats: string[];
  title?: string;
  /** Those of the formats that are payload types. */
  payloadTypes: Set<number>;
  rtpmaps: Map<number, string>;
  fmtps: Map<number, string>;
}

interface SessionSection extends Section {
  fields: Writable<Omit<SessionDescription, keyof Section | "media" | "times">>;
  times: SdpTime[];
}

/**
 * Reads a session description (RFC 8866, RFC 2326 appendix C) as devices send it.
 *
 * It asks for no line but what names the media, takes fields in any order, any line end, blanks around
 * what matters, and leaves out of the result what is broken and not needed (a line that is no `x=…`, a
 * port of -1353744643, a `c=IN` with no address). Static payload types get their clock rate from RFC 3551.
 * Repeat times, time zones and keys (`r=`, `z=`, `k=`) are passed over.
 *
 * @throws {SdpError} for a text over {@linkcode MAX_SDP_LENGTH}, one without any line `x=…`, a media line
 * without protocol, or more than {@linkcode MAX_SDP_MEDIA} media
 *
 * @example
 * ```ts
 * import { parseSdp } from "@weir/server/sdp";
 *
 * const { media } = parseSdp("m=audio 0 RTP/AVP 8\na=control:trackID=1\n");
 * console.log(media[0]?.formats[0]?.clockRate, media[0]?.control); // 8000 trackID=1
 * ```
 */
export function parseSdp(source: string | Uint8Array): SessionDescription {
  if (source.length > MAX_SDP_LENGTH) {
    throw new SdpError("too-large", `${source.length} bytes are over ${MAX_SDP_LENGTH}`);
  }
  const text = withoutFill(typeof source === "string" ? source : new TextDecoder().decode(source));
  const session: SessionSection = { fields: {}, times: [], bandwidth: [], attributes: [] };
  const media: MediaSection[] = [];
  let seen = false;
  let fault: SdpError | undefined;
  const lines = text.replaceAll("\r\n", "\n").replaceAll("\r", "\n").split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!.trim();
    if (line === "") continue;
    const equals = line.indexOf("=");
    const type = equals === 1 ? line[0]! : line.slice(0, Math.max(0, equals)).trimEnd();
    if (!isType(type)) {
      // The line is left out where nothing that is needed can stand in it.
      fault ??= new SdpError(
        "malformed-line",
        `"${line.slice(0, 40)}" is no type=value`,
        index + 1,
      );
      continue;
    }
    seen = true;
    const value = line.slice(equals + 1).trimStart();
    if (type === "m") media.push(parseMediaLine(value, media.length, index + 1));
    else if (media.length > 0) readMediaField(media.at(-1)!, type, value);
    else readSessionField(session, type, value);
  }
  if (!seen && fault !== undefined) throw fault;
  if (!seen) throw new SdpError("empty", "a description has at least one line");
  return finishSession(session, media);
}

/** Removes NUL characters and byte order marks, which some devices put between lines. */
function withoutFill(text: string): string {
  return text.includes("\0") || text.includes("\ufeff") ? text.replaceAll(/[\0\ufeff]/g, "") : text;
}

function isType(text: string): boolean {
  const code = text.length === 1 ? text.charCodeAt(0) | 0x20 : 0;
  return code >= 0x61 && code <= 0x7a;
}

function readSessionField(session: SessionSection, type: string, value: string): void {
  const { fields } = session;
  switch (type) {
    case "o":
      fields.origin = parseOrigin(value);
      break;
    case "s":
      fields.name = value;
      break;
    case "i":
      fields.information = value;
      break;
    case "u":
      fields.uri = value;
      break;
    case "e":
      fields.email = value;
      break;
    case "p":
      fields.phone = value;
      break;
    case "t":
      session.times.push(parseTime(value));
      break;
    default:
      readSharedField(session, type, value);
  }
}

function readMediaField(media: MediaSection, type: string, value: string): void {
  if (type === "i") {
    media.title = value;
    return;
  }
  if (type === "a" && value !== "") readMediaAttribute(media, parseAttribute(value));
  else readSharedField(media, type, value);
}

/**
 * Reads an attribute of a media section; an `rtpmap` or `fmtp` for a payload type that it does not list is kept as it
 * is.
 */
function readMediaAttribute(media: MediaSection, attribute: SdpAttribute): void {
  const maps = mapsOf(media, attribute.name);
  const parts = maps && /^(\d{1,3})(?:\s+(.*))?$/s.exec(attribute.value ?? "");
  const payloadType = parts ? Number(parts[1]) : undefined;
  if (maps === undefined || payloadType === undefined || !media.payloadTypes.has(payloadType)) {
    readAttribute(media, attribute);
  } else {
    maps.set(payloadType, parts![2] ?? "");
  }
}

function mapsOf(media: MediaSection, name: string): Map<number, string> | undefined {
  if (name.length !== 6 && name.length !== 4) return undefined;
  const lower = name.toLowerCase();
  return lower === "rtpmap" ? media.rtpmaps : lower === "fmtp" ? media.fmtps : undefined;
}

function readSharedField(section: Section, type: string, value: string): void {
  if (type === "c") {
    const connection = parseConnection(value);
    if (connection !== undefined) section.connection = connection;
  } else if (type === "b") {
    const bandwidth = /^([\w-]+)\s*:\s*(\d{1,15})/.exec(value);
    if (bandwidth !== null) {
      section.bandwidth.push({ type: bandwidth[1]!, value: Number(bandwidth[2]) });
    }
  } else if (type === "a" && value !== "") {
    readAttribute(section, parseAttribute(value));
  }
}

function readAttribute(section: Section, attribute: SdpAttribute): void {
  if (isDirection(attribute.name) && attribute.value === undefined) {
    section.direction = attribute.name;
  } else if (attribute.name === "control" && attribute.value) {
    section.control = attribute.value;
  } else {
    section.attributes.push(attribute);
  }
}

function isDirection(name: string): name is SdpDirection {
  return name === "sendrecv" || name === "sendonly" || name === "recvonly" || name === "inactive";
}

function parseAttribute(text: string): SdpAttribute {
  const colon = text.indexOf(":");
  if (colon < 0) return { name: text, value: undefined };
  return { name: text.slice(0, colon).trim(), value: text.slice(colon + 1).trim() };
}

/**
 * Reads `username id version IN IP4 address`. Uniview ends at `IN`, Ring at `IP4`; Mercury and
 * TP-Link have a number too many, other cameras no user name.
 */
function parseOrigin(value: string): SdpOrigin {
  const words = value.split(/\s+/);
  const network = words.lastIndexOf("IN");
  const front = network < 0 ? words : words.slice(0, network);
  const [, type, address] = network < 0 ? [] : words.slice(network);
  const numbers = front.slice(front.length > 2 ? 1 : 0).filter((word) => /^\d+$/.test(word));
  return {
    username: front.length > 2 ? front[0]! : "-",
    sessionId: numbers[0] ?? "0",
    sessionVersion: numbers[1] ?? "0",
    addressType: type === "IP6" ? "IP6" : "IP4",
    address: address ?? (type === "IP6" ? "::" : "0.0.0.0"),
  };
}

function parseConnection(value: string): SdpConnection | undefined {
  const parts = /^IN\s+(IP4|IP6)\s+([0-9A-Za-z.:%_-]+)(?:\/(\d{1,3}))?/.exec(value);
  if (parts === null) return undefined;
  const addressType = parts[1] as "IP4" | "IP6";
  const ttl = addressType === "IP4" && parts[3] !== undefined ? Number(parts[3]) : undefined;
  return { addressType, address: parts[2]!, ...(ttl === undefined ? {} : { ttl }) };
}

function parseTime(value: string): SdpTime {
  const [start, stop] = value.split(/\s+/).map(Number);
  const seconds = (time: number | undefined) =>
    time !== undefined && Number.isSafeInteger(time) && time > 0 ? time : 0;
  return { start: seconds(start), stop: seconds(stop) };
}

function parseMediaLine(value: string, count: number, line: number): MediaSection {
  if (count === MAX_SDP_MEDIA) {
    throw new SdpError("too-many-media", `more than ${MAX_SDP_MEDIA} media`, line);
  }
  const [type = "", port, protocol, ...formats] = value.split(/\s+/);
  const kind = type.split("/")[0]; // TP-Link: application/tp-link
  if (!kind || port === undefined || protocol === undefined) {
    throw new SdpError("malformed-media", `"m=${value.slice(0, 40)}" has no protocol`, line);
  }
  if (formats.length > MAX_FORMATS) {
    throw new SdpError("malformed-media", `${formats.length} formats in one media`, line);
  }
  // A Tuya camera gives -1353744643; in RTSP the port has no meaning anyway.
  const number = /^\d{1,5}(\/\d+)?$/.test(port) ? parseInt(port) : 0;
  return {
    kind,
    port: number > 65535 ? 0 : number,
    protocol,
    formats,
    payloadTypes: new Set(formats.map(Number)),
    rtpmaps: new Map(),
    fmtps: new Map(),
    bandwidth: [],
    attributes: [],
  };
}

function finishSession(session: SessionSection, media: MediaSection[]): SessionDescription {
  return {
    ...session.fields,
    ...finishSection(session),
    ...(session.times.length > 0 ? { times: session.times } : {}),
    media: media.map(finishMedia),
  };
}

function finishMedia(media: MediaSection): SdpMedia {
  const formats: SdpFormat[] = [];
  const otherFormats: string[] = [];
  for (const format of media.formats) {
    if (/^\d{1,3}$/.test(format) && Number(format) < 128) {
      formats.push(finishFormat(Number(format), media));
    } else {
      otherFormats.push(format);
    }
  }
  const { kind, port, protocol, title } = media;
  return {
    kind,
    port,
    protocol,
    formats,
    ...(otherFormats.length > 0 ? { otherFormats } : {}),
    ...(title === undefined ? {} : { title }),
    ...finishSection(media),
  };
}

function finishSection(section: Section): Partial<Section> {
  const { connection, bandwidth, direction, control, attributes } = section;
  return {
    ...(connection === undefined ? {} : { connection }),
    ...(bandwidth.length > 0 ? { bandwidth } : {}),
    ...(direction === undefined ? {} : { direction }),
    ...(control === undefined ? {} : { control }),
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}

function finishFormat(payloadType: number, media: MediaSection): SdpFormat {
  const known = STATIC_PAYLOAD_TYPES.get(payloadType);
  const [name, rate, parameter] = (media.rtpmaps.get(payloadType) ?? "").split("/");
  const encoding = name?.trim() || known?.encoding;
  const clockRate = positive(rate, 0xffff_ffff) ?? known?.clockRate;
  const channels = positive(parameter, 255) ?? (rate === undefined ? known?.channels : undefined);
  const fmtp = parseFmtp(media.fmtps.get(payloadType) ?? "");
  return { payloadType, encoding, clockRate, ...(channels ? { channels } : {}), fmtp };
}

function positive(text: string | undefined, limit: number): number | undefined {
  if (text === undefined || !/^\s*\d{1,10}\s*$/.test(text)) return undefined;
  const value = Number(text);
  return value > 0 && value <= limit ? value : undefined;
}

function parseFmtp(text: string): Record<string, string> {
  const entries: [string, string][] = [];
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (name === "") continue;
    if (equals < 0) entries.push([name, ""]);
    else entries.push([name.toLowerCase(), part.slice(equals + 1).trim()]);
  }
  return Object.fromEntries(entries);
}
