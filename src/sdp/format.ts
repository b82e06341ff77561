import type {
  SdpAttribute,
  SdpBandwidth,
  SdpConnection,
  SdpDirection,
  SdpFormat,
  SdpMedia,
  SdpOrigin,
  SessionDescription,
} from "./session_description.ts";

/**
 * Writes a session description strictly as RFC 8866 has it: the order of its chapter 5, CRLF line
 * ends, all mandatory lines (an `o=`, `s=`, `t=` or `c=` that is left out gets a neutral value), and
 * an `rtpmap` for every payload type whose encoding and clock rate are known.
 *
 * @throws {TypeError} if a value holds a line end or NUL, or a word holds a blank
 *
 * @example
 * ```ts
 * import { formatSdp, parseSdp } from "@weir/server/sdp";
 *
 * const sloppy = parseSdp("m=audio 0 RTP/AVP 0\na=control:trackID=1");
 * console.log(formatSdp(sloppy).includes("a=rtpmap:0 PCMU/8000\r\n")); // true
 * ```
 */
export function formatSdp(description: SessionDescription): string {
  const { media } = description;
  const lines = ["v=0", formatOrigin(description.origin), `s=${description.name || "-"}`];
  pushField(lines, "i", description.information);
  pushField(lines, "u", description.uri);
  pushField(lines, "e", description.email);
  pushField(lines, "p", description.phone);
  const needed = media.length === 0 || media.some((one) => one.connection === undefined);
  const neutral: SdpConnection = { addressType: "IP4", address: "0.0.0.0" };
  pushConnection(lines, description.connection ?? (needed ? neutral : undefined));
  pushBandwidth(lines, description.bandwidth);
  for (const time of description.times ?? [{ start: 0, stop: 0 }]) {
    lines.push(`t=${time.start} ${time.stop}`);
  }
  pushAttributes(lines, description);
  for (const one of media) pushMedia(lines, one);
  const broken = lines.find((line) => /[\r\n\0]/.test(line));
  if (broken !== undefined) {
    throw new TypeError(
      `Cannot format the description as a value holds a line end: current value is ${
        JSON.stringify(broken)
      }`,
    );
  }
  return lines.join("\r\n") + "\r\n";
}

function formatOrigin(origin: SdpOrigin | undefined): string {
  if (origin === undefined) return "o=- 0 0 IN IP4 127.0.0.1";
  const { username, sessionId, sessionVersion, addressType, address } = origin;
  const words = [username, sessionId, sessionVersion, "IN", addressType, address];
  return `o=${words.map(word).join(" ")}`;
}

function word(text: string): string {
  if (text === "" || /\s/.test(text)) {
    throw new TypeError(
      `Cannot format the description as a word is empty or holds a blank: current value is "${text}"`,
    );
  }
  return text;
}

function pushField(lines: string[], type: string, value: string | undefined): void {
  if (value) lines.push(`${type}=${value}`);
}

function pushConnection(lines: string[], connection: SdpConnection | undefined): void {
  if (connection === undefined) return;
  const ttl = connection.ttl === undefined ? "" : `/${connection.ttl}`;
  lines.push(`c=IN ${connection.addressType} ${word(connection.address)}${ttl}`);
}

function pushBandwidth(lines: string[], bandwidth: readonly SdpBandwidth[] = []): void {
  for (const { type, value } of bandwidth) lines.push(`b=${word(type)}:${value}`);
}

function pushMedia(lines: string[], media: SdpMedia): void {
  const formats = [
    ...media.formats.map((format) => String(format.payloadType)),
    ...(media.otherFormats ?? []),
  ];
  if (formats.length === 0) formats.push("*"); // RFC 8866, 5.14 asks for at least one
  lines.push(`m=${word(media.kind)} ${media.port} ${word(media.protocol)} ${formats.join(" ")}`);
  pushField(lines, "i", media.title);
  pushConnection(lines, media.connection);
  pushBandwidth(lines, media.bandwidth);
  for (const format of media.formats) pushFormat(lines, format);
  pushAttributes(lines, media);
}

function pushFormat(lines: string[], format: SdpFormat): void {
  const { payloadType, encoding, clockRate, channels, fmtp } = format;
  if (encoding !== undefined && clockRate !== undefined) {
    // One channel is the default and is left out (RFC 8866, 6.6); so do FFmpeg and GStreamer.
    const suffix = channels !== undefined && channels > 1 ? `/${channels}` : "";
    lines.push(`a=rtpmap:${payloadType} ${encoding}/${clockRate}${suffix}`);
  }
  const parameters = Object.entries(fmtp).map(([name, value]) => value ? `${name}=${value}` : name);
  // Without a blank, as live555 and GStreamer write them: aiortc takes one for a part of the next name.
  if (parameters.length > 0) lines.push(`a=fmtp:${payloadType} ${parameters.join(";")}`);
}

function pushAttributes(
  lines: string[],
  section: {
    readonly direction?: SdpDirection;
    readonly control?: string;
    readonly attributes?: readonly SdpAttribute[];
  },
): void {
  if (section.direction !== undefined) lines.push(`a=${section.direction}`);
  if (section.control !== undefined) lines.push(`a=control:${section.control}`);
  for (const { name, value } of section.attributes ?? []) {
    lines.push(value === undefined ? `a=${name}` : `a=${name}:${value}`);
  }
}
