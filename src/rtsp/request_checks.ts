import { requiredOptions, RTSP_BACK_CHANNEL } from "./back_channel.ts";
import { RtspError } from "./errors.ts";
import type { RtspRequest } from "./message.ts";
import type { RtspSessionTransport } from "./server_session.ts";
import type { ServerSession } from "./session_table.ts";
import {
  findAnnouncedTrack,
  type RtspTrackPath,
  splitStreamUrl,
  splitTrackUrl,
} from "./track_url.ts";
import { formatRtspUrl, resolveControl, type RtspUrl } from "./url.ts";

/** Whether a `CSeq` can be echoed; RFC 2326 has digits only. */
export function isCSeq(text: string): boolean {
  return /^\d{1,20}$/.test(text);
}

/** Throws `cseq` unless the request has a number. */
export function checkCSeq(request: RtspRequest): void {
  const cseq = request.headers.get("CSeq");
  if (cseq === undefined) throw new RtspError("cseq", "CSeq is missing");
  if (!isCSeq(cseq)) throw new RtspError("cseq", `CSeq "${cseq.slice(0, 20)}" is no number`);
}

/** Throws `unsupported-option` where the client needs what is not known here; ONVIF's back channel is. */
export function checkRequire(request: RtspRequest): void {
  for (const option of requiredOptions(request.headers)) {
    if (option === RTSP_BACK_CHANNEL) continue;
    const message = `option "${option.slice(0, 60)}"`;
    throw new RtspError("unsupported-option", message, { status: 551 });
  }
}

/** Throws `track-repeated` if the track is set up already. */
export function checkTrackFree(session: ServerSession, track: number): void {
  if (session.tracks.every((one) => one.track !== track)) return;
  throw new RtspError("track-repeated", "media has already been setup");
}

/** Throws `transport-conflict` if a session sends to a port of `transport` already. */
export function checkPortsFree(
  transport: RtspSessionTransport,
  portInUse: (port: number) => boolean,
): void {
  if (transport.kind !== "udp" || !transport.clientPorts.some(portInUse)) return;
  const message = `client_port ${transport.clientPorts.join("-")} is in use`;
  throw new RtspError("transport-conflict", message);
}

/** Finds what a publisher sets up. */
export function announcedTrack(session: ServerSession, url: RtspUrl): RtspTrackPath {
  const { announced, description, path = "", query } = session;
  const track = announced === undefined || description === undefined
    ? undefined
    : findAnnouncedTrack(url, { announced, description });
  if (track === undefined) {
    throw new RtspError("track-not-found", "media not found", { status: 404 });
  }
  return { path, query, track };
}

/** Finds what a player sets up. */
export function playedTrack(session: ServerSession, url: RtspUrl): RtspTrackPath {
  const named = splitTrackUrl(url);
  if (session.path !== undefined && session.path !== named.path) {
    // RFC 2326, 10.4: a server that does not bundle streams answers 459.
    const message = `a session of "${session.path}"`;
    throw new RtspError("aggregate", message, { status: 459 });
  }
  return named;
}

/** PLAY and RECORD are for the whole session: its URL, with or without a trailing slash (R076, R079). */
export function checkAggregate(session: ServerSession, url: RtspUrl): void {
  const same = (path: string) => path.replace(/\/$/, "") === session.path?.replace(/\/$/, "");
  if (same(splitStreamUrl(url).path)) return;
  const one = session.state.endsWith("record") || session.state === "recording"
    ? session.announced !== undefined && session.description !== undefined &&
      findAnnouncedTrack(url, {
          announced: session.announced,
          description: session.description,
        }) !== undefined
    : url.path.includes("/trackID=") && same(url.path.slice(0, url.path.lastIndexOf("/trackID=")));
  if (!one) throw new RtspError("path-changed", "path has changed");
  if (session.tracks.length === 1) return;
  throw new RtspError("aggregate", "one track of several", { status: 460 });
}

/** The URL that `RTP-Info` gives a track: the one of its SETUP, which the client looks for. */
export function trackUrl(url: RtspUrl, track: number, mode: "play" | "record"): string {
  const setup = formatRtspUrl(url);
  if (mode === "record" || setup.includes("/trackID=")) return setup;
  return formatRtspUrl(resolveControl(url, `trackID=${track}`));
}

/** The error for a session that belongs to another connection, address or identity. */
export function elsewhere(message: string): RtspError {
  return new RtspError("session-elsewhere", message);
}

/** The error for a session that is not there. */
export function notFound(message: string): RtspError {
  return new RtspError("session-not-found", message, { status: 454 });
}
