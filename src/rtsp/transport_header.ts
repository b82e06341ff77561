import { RtspError } from "./errors.ts";
import { parseParameters, splitOutsideQuotes } from "./parameters.ts";

/** Two numbers that belong together: RTP and RTCP. */
export type RtspPair = readonly [number, number];

/** One transport of a `Transport` header (RFC 2326, 12.39). */
export interface RtspTransport {
  /** The carrier of the packets: datagrams, or the RTSP connection itself. */
  readonly protocol: "udp" | "tcp";
  /** RTP profile: `AVP`, `AVPF`, `SAVP`, `SAVPF`. */
  readonly profile: string;
  /** `undefined` where neither word stands; everyone means unicast then, although the RFC does not. */
  readonly delivery?: "unicast" | "multicast";
  /** Address that the packets come from. */
  readonly source?: string;
  /** Address that the packets go to. */
  readonly destination?: string;
  /** Channels of interleaved frames, 0 to 255. */
  readonly interleaved?: RtspPair;
  /** Ports of a multicast group. */
  readonly port?: RtspPair;
  /** Ports of the client. */
  readonly clientPort?: RtspPair;
  /** Ports of the server. */
  readonly serverPort?: RtspPair;
  /** Time to live of a multicast group. */
  readonly ttl?: number;
  /** SSRC of the packets. */
  readonly ssrc?: number;
  /** Whether the transport is to play or to record; `play` where the header does not say. */
  readonly mode?: "play" | "record";
}

/**
 * Reads a `Transport` header: all transports that this library knows, in the peer's order.
 *
 * Takes keys in any order and case, a single port for a pair, `mode="PLAY"` and `mode=receive`, SSRCs
 * with blanks before them (Hikvision, Dahua) and with fewer than eight digits, and passes over an empty
 * `source=` and an SSRC that is no 32-bit hexadecimal number.
 *
 * @throws {RtspError} `malformed-transport` (400), or `unsupported-transport` (461) where it offers only
 * transports other than RTP
 *
 * @example
 * ```ts
 * import { parseTransports } from "@weir/server/rtsp";
 *
 * const [first, second] = parseTransports("RTP/AVP;client_port=5000,RTP/AVP/TCP;interleaved=0-1");
 * console.log(first?.clientPort, second?.interleaved); // [ 5000, 5001 ] [ 0, 1 ]
 * ```
 */
export function parseTransports(text: string): RtspTransport[] {
  const transports: RtspTransport[] = [];
  let foreign = false;
  for (const part of splitOutsideQuotes(text, ",")) {
    if (part.trim() === "") continue;
    const transport = parseTransport(part);
    if (transport === undefined) foreign = true;
    else transports.push(transport);
  }
  if (transports.length > 0) return transports;
  if (foreign) {
    const message = `only transports without RTP: "${text.slice(0, 80)}"`;
    throw new RtspError("unsupported-transport", message, { status: 461 });
  }
  throw malformed("no transport", text);
}

/**
 * Writes `Transport` header values.
 *
 * @example
 * ```ts
 * import { formatTransports } from "@weir/server/rtsp";
 *
 * const tcp = { protocol: "tcp", profile: "AVP", interleaved: [0, 1] } as const;
 * console.log(formatTransports([tcp])); // RTP/AVP/TCP;interleaved=0-1
 * ```
 */
export function formatTransports(transports: readonly RtspTransport[]): string {
  return transports.map(formatTransport).join(",");
}

function formatTransport(transport: RtspTransport): string {
  const parts = [`RTP/${transport.profile}${transport.protocol === "tcp" ? "/TCP" : ""}`];
  if (transport.delivery !== undefined) parts.push(transport.delivery);
  const pair = (name: string, value: RtspPair | undefined) => {
    if (value !== undefined) parts.push(`${name}=${value[0]}-${value[1]}`);
  };
  if (transport.source !== undefined) parts.push(`source=${transport.source}`);
  if (transport.destination !== undefined) parts.push(`destination=${transport.destination}`);
  pair("interleaved", transport.interleaved);
  pair("port", transport.port);
  pair("client_port", transport.clientPort);
  pair("server_port", transport.serverPort);
  if (transport.ttl !== undefined) parts.push(`ttl=${transport.ttl}`);
  if (transport.ssrc !== undefined) {
    parts.push(`ssrc=${transport.ssrc.toString(16).toUpperCase().padStart(8, "0")}`);
  }
  if (transport.mode !== undefined) parts.push(`mode=${transport.mode}`);
  return parts.join(";");
}

type Draft = { -readonly [K in keyof RtspTransport]?: RtspTransport[K] };

/** Returns `undefined` for a transport that is not RTP. */
function parseTransport(text: string): RtspTransport | undefined {
  const draft: Draft = {};
  let foreign = false;
  for (const { name, value } of parseParameters(text, ";")) {
    const protocol = /^rtp\/(s?avpf?)(?:\/(udp|tcp))?$/.exec(name);
    if (protocol !== null && value === undefined) {
      draft.profile = protocol[1]!.toUpperCase();
      draft.protocol = protocol[2] === "tcp" ? "tcp" : "udp";
    } else if (value === undefined) {
      if (name === "unicast" || name === "multicast") draft.delivery = name;
      foreign ||= name.includes("/");
    } else {
      readParameter(draft, name, value.trim());
    }
  }
  const { profile, protocol } = draft;
  if (profile !== undefined && protocol !== undefined) return { ...draft, profile, protocol };
  if (foreign) return undefined;
  throw malformed("no protocol", text);
}

function readParameter(draft: Draft, name: string, value: string): void {
  switch (name) {
    case "source":
      if (value !== "") draft.source = value;
      break;
    case "destination":
      if (value !== "") draft.destination = value;
      break;
    case "interleaved":
      draft.interleaved = parsePair(value, 255);
      break;
    case "port":
      draft.port = parsePair(value, 65535);
      break;
    case "client_port":
      draft.clientPort = parsePair(value, 65535);
      break;
    case "server_port":
      draft.serverPort = parsePair(value, 65535);
      break;
    case "ttl":
      if (!/^\d{1,3}$/.test(value) || Number(value) > 255) throw malformed("a wrong ttl", value);
      draft.ttl = Number(value);
      break;
    case "ssrc":
      if (/^[0-9a-f]{1,8}$/i.test(value)) draft.ssrc = parseInt(value, 16);
      break;
    case "mode":
      draft.mode = parseMode(value);
  }
}

function parsePair(text: string, limit: number): RtspPair {
  const parts = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(text);
  if (parts === null) throw malformed("a wrong pair", text);
  const first = Number(parts[1]);
  const second = parts[2] === undefined ? first + 1 : Number(parts[2]);
  if (first > limit || second > limit) throw malformed(`a number over ${limit}`, text);
  return [first, second];
}

function parseMode(text: string): "play" | "record" {
  const [mode] = text.toLowerCase().split(",");
  if (mode === "play") return "play";
  if (mode === "record" || mode === "receive") return "record";
  throw malformed("a wrong mode", text);
}

function malformed(reason: string, text: string): RtspError {
  return new RtspError("malformed-transport", `${reason} in "${text.slice(0, 80)}"`);
}
