/** One stream of an `RTP-Info` header (RFC 2326, 12.33). */
export interface RtspRtpInfo {
  /** URL of the track, absolute or, from some cameras, relative. */
  readonly url: string;
  /** Sequence number of the first packet that belongs to the PLAY. */
  readonly sequence?: number;
  /** RTP timestamp that stands for the start of the range. */
  readonly rtpTime?: number;
}

/**
 * Reads an `RTP-Info` header. Numbers that are missing or out of range are left out; other parameters
 * (some cameras add `ssrc`) are passed over.
 *
 * @example
 * ```ts
 * import { parseRtpInfo } from "@weir/server/rtsp";
 *
 * console.log(parseRtpInfo("url=trackID=1;seq=7, url=trackID=2;rtptime=9")[1]?.rtpTime); // 9
 * ```
 */
export function parseRtpInfo(text: string): RtspRtpInfo[] {
  const entries: RtspRtpInfo[] = [];
  // A URL may hold commas and semicolons, so only what can start an entry or parameter cuts.
  for (const entry of text.split(/,(?=\s*url\s*=)/i)) {
    const name = /^\s*url\s*=/i.exec(entry)?.[0];
    if (name === undefined) continue;
    const rest = entry.slice(name.length);
    const end = rest.search(/;\s*(?:seq|rtptime|ssrc)\s*=/i);
    const url = (end < 0 ? rest : rest.slice(0, end)).trim().replace(/[;,]$/, "").trimEnd();
    if (url === "") continue;
    const sequence = parseNumber(/;\s*seq\s*=\s*(\d{1,5})\b/i.exec(entry)?.[1], 0xffff);
    const rtpTime = parseNumber(/;\s*rtptime\s*=\s*(\d{1,10})\b/i.exec(entry)?.[1], 0xffff_ffff);
    entries.push({
      url: url.replace(/^"(.*)"$/, "$1"),
      ...(sequence === undefined ? {} : { sequence }),
      ...(rtpTime === undefined ? {} : { rtpTime }),
    });
  }
  return entries;
}

function parseNumber(text: string | undefined, limit: number): number | undefined {
  return text === undefined || Number(text) > limit ? undefined : Number(text);
}

/**
 * Writes an `RTP-Info` header.
 *
 * @example
 * ```ts
 * import { formatRtpInfo } from "@weir/server/rtsp";
 *
 * console.log(formatRtpInfo([{ url: "rtsp://h/s/trackID=0", sequence: 7 }])); // url=rtsp://h/s/trackID=0;seq=7
 * ```
 */
export function formatRtpInfo(entries: readonly RtspRtpInfo[]): string {
  return entries.map(({ url, sequence, rtpTime }) => {
    const seq = sequence === undefined ? "" : `;seq=${sequence}`;
    return `url=${url}${seq}${rtpTime === undefined ? "" : `;rtptime=${rtpTime}`}`;
  }).join(",");
}
