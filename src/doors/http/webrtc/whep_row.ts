import { refusalOf } from "../../../gate/mod.ts";
import { HubError, type StreamReader } from "../../../hub/mod.ts";
import { parseAvcConfig, parseH264Sps } from "../../../media/mod.ts";
import { rtpTimestamp } from "../../../rtp/mod.ts";
import type { RtpTrack } from "../../../transmux/mod.ts";
import {
  type AnsweredMedia,
  chooseForTrack,
  type ChosenFormat,
  isWebRtcEncoding,
  type OfferedMedia,
  type WebRtcOffer,
} from "../../../webrtc/mod.ts";
import {
  areCompatible,
  describeStream,
  FRAME_HEADER_BYTES,
  rtspFormatName,
  RtspWireFormat,
} from "../../../wire/mod.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import { random, type WebRtc } from "./webrtc.ts";
import type { WebRtcSession, WebRtcSessions } from "./webrtc_session.ts";
import { beginSession, randomU32 } from "./webrtc_answer.ts";
import { offerOf } from "./webrtc_visit.ts";
import { WhepPlayer, type WhepTrack } from "./whep_player.ts";

/** The largest payload of a packet: with its headers and what protects it, all paths carry it. */
const MAX_PAYLOAD_BYTES = 1180;

/** Answers the offer of a player. */
export async function playWhep(
  visit: StreamVisit,
  { webrtc, sessions }: { readonly webrtc: WebRtc; readonly sessions: WebRtcSessions },
): Promise<Response> {
  const offer = await offerOf(visit);
  if (offer instanceof Response) return offer;
  const granted = await visit.play();
  if (granted instanceof Response) return granted;
  const { ticket, stream } = granted;
  const { shell, log, guest } = visit;
  const described = await describeStream(stream, {
    clock: shell.clock,
    waitMs: shell.timing.describeWaitMs,
    log: shell.log,
  });
  const choice = chosenOf(offer, described?.tracks ?? []);
  const leftOut = [
    ...(described?.unsupported ?? []).map(({ track, reason }) =>
      `${track.kind} ${track.id} (${track.codec ?? "unknown"}): ${reason}`
    ),
    ...choice.leftOut,
  ];
  const about = { connection: guest.id, stream: stream.name };
  if (choice.tracks.length === 0) {
    ticket.end();
    const reason = `The stream ${stream.name} has nothing that this player can be sent (${
      leftOut.join("; ") || "its tracks are not known yet"
    })`;
    log.info("webrtc play refused", { ...about, reason });
    return faultAnswer({ status: 406, code: "codec", reason });
  }
  const tracks = choice.tracks.map(({ track }) => track);
  let player: WhepPlayer | undefined;
  const held: { session?: WebRtcSession } = {};
  let reader: StreamReader;
  try {
    reader = stream.read({
      format: `webrtc ${rtspFormatName(tracks)}`,
      create: () =>
        new RtspWireFormat({
          tracks,
          random,
          nowUnixUs: () => Math.round(Date.now() * 1000),
          packets: { maxPayloadSize: MAX_PAYLOAD_BYTES, forward: "fit" },
        }),
      onEnd: () => held.session?.finish(STREAM_ENDED),
      lostPackets: () => player?.lost,
    });
  } catch (error) {
    ticket.end();
    if (error instanceof HubError) return visit.refusal("play", refusalOf(error));
    throw error;
  }
  const notes = noteOf(reader, tracks);
  for (const reason of leftOut) {
    log.info("a track is left out for a WebRTC player", { ...about, reason });
  }
  if (notes !== undefined) log.warn(notes, about);
  const sent: WhepTrack[] = [];
  const answered = new Map<OfferedMedia, AnsweredMedia>();
  for (const [index, { track, media, chosen }] of choice.tracks.entries()) {
    const { ssrc } = (reader.format as RtspWireFormat).senders[index]!;
    const again = chosen.retransmission;
    const retransmission = again && { ssrc: randomU32(), payloadType: again.payloadType };
    sent.push({
      index,
      kind: track.kind === "video" ? "video" : "audio",
      ssrc,
      payloadType: chosen.format.payloadType,
      ...(retransmission === undefined ? {} : { retransmission }),
      sequenceNumber: randomU32() & 0x7fff,
    });
    answered.set(media, {
      chosen,
      direction: "sendonly",
      source: {
        ssrc,
        cname: "weir",
        ...(retransmission === undefined ? {} : { retransmissionSsrc: retransmission.ssrc }),
      },
    });
  }
  const unwatch = stream.watch(() => void checkTracks());
  const begun = await beginSession(visit, {
    webrtc,
    sessions,
    offer,
    media: answered,
    headers: {
      ...(leftOut.length === 0 ? {} : { "weir-left-out": plain(leftOut.join("; ")) }),
      ...(notes === undefined ? {} : { "weir-note": plain(notes) }),
    },
    role: (link) => ({
      connected: () => {
        player = new WhepPlayer({
          link,
          reader,
          clock: shell.clock,
          tracks: sent,
          onBytes: (count) => void (visit.exchange.bytesSent += count),
        });
        const isStarted = ticket.start({
          onEnded: (end) => held.session?.finish(end),
          fields: { transport: "webrtc" },
          bytes: () => visit.exchange.bytesSent,
        });
        if (isStarted) player.start();
      },
      takeRtp: () => {},
      takeRtcp: (packet) => player?.takeRtcp(packet),
      tick: () => undefined,
      ended: () => {
        player?.stop();
        unwatch();
        const { bytes, skips } = reader.cursor;
        reader.close();
        const { sentAgain = 0, keyFramesAgain = 0, lost = 0 } = player ?? {};
        ticket.end({ bytes, skips, lost, sentAgain, keyFramesAgain });
      },
    }),
  });
  if (begun instanceof Response) {
    unwatch();
    reader.close();
    ticket.end();
    return begun;
  }
  held.session = begun.session;
  return begun.answer;

  /** Another publisher may have other tracks: what the answer told the player is then wrong. */
  async function checkTracks(): Promise<void> {
    if (stream.publication === undefined) return;
    const now = await describeStream(stream, {
      clock: shell.clock,
      waitMs: shell.timing.playWaitMs,
      log: shell.log,
    }).catch(() => undefined);
    if (now === undefined) return;
    const can = now.tracks.filter(({ rtp }) => isWebRtcEncoding(rtp));
    const told = can.filter(({ kind, id }) =>
      tracks.some((one) => one.kind === kind && one.id === id)
    );
    if (!areCompatible(renumbered(told), renumbered(tracks))) held.session?.finish(OTHER_TRACKS);
  }
}

const STREAM_ENDED = {
  clean: true,
  reason: "unpublished",
  message: "The stream has ended",
} as const;

const OTHER_TRACKS = {
  clean: true,
  reason: "tracks",
  message: "The stream has other tracks now: play it anew",
} as const;

interface Choice {
  readonly tracks: readonly {
    readonly track: RtpTrack;
    readonly media: OfferedMedia;
    readonly chosen: ChosenFormat;
  }[];
  /** What is not sent, and why, in words. */
  readonly leftOut: readonly string[];
}

/** Gives each track of the stream the first media section that can take it. */
function chosenOf(offer: WebRtcOffer, tracks: readonly RtpTrack[]): Choice {
  const free = new Set(
    offer.media.filter(({ isUsable, direction }) =>
      isUsable && (direction === "recvonly" || direction === "sendrecv")
    ),
  );
  const chosen: { track: RtpTrack; media: OfferedMedia; chosen: ChosenFormat }[] = [];
  const leftOut: string[] = [];
  for (const track of tracks) {
    const name = `${track.kind} ${track.id} (${track.codec ?? track.rtp.encodingName})`;
    if (!isWebRtcEncoding(track.rtp)) {
      leftOut.push(`${name}: WebRTC has no name for it`);
      continue;
    }
    const ofKind = [...free].filter(({ kind }) => kind === track.kind);
    const media = ofKind.find((one) => chooseForTrack(one, track.rtp) !== undefined);
    if (media === undefined) {
      leftOut.push(
        `${name}: the player ${
          ofKind.length === 0 ? `wants no further ${track.kind}` : "cannot decode it"
        }`,
      );
      continue;
    }
    free.delete(media);
    chosen.push({ track, media, chosen: chooseForTrack(media, track.rtp)! });
  }
  return { tracks: chosen, leftOut };
}

/** Pictures that are shown in another order than they are sent in: browsers show them as they come. */
function noteOf(reader: StreamReader, tracks: readonly RtpTrack[]): string | undefined {
  const index = tracks.findIndex(({ codec }) => codec === "h264");
  const track = tracks[index];
  if (track === undefined) return undefined;
  if (!hasReordering(track) && !showsReordering(reader, index)) return undefined;
  return "The stream has B frames, which browsers show in the wrong order: have its encoder make none (x264: -bf 0)";
}

function hasReordering({ config }: RtpTrack): boolean {
  try {
    const [sps] = config === undefined ? [] : parseAvcConfig(config).sps;
    if (sps === undefined) return false;
    const { reorderDepth, reorderStated } = parseH264Sps(sps);
    return reorderStated && reorderDepth > 0;
  } catch {
    return false;
  }
}

/** Whether pictures of the kept group go back in time. */
function showsReordering({ cursor }: StreamReader, index: number): boolean {
  let last: number | undefined;
  for (const { bytes, entries } of cursor.peek()?.runs ?? []) {
    for (const { start } of entries) {
      if (bytes[start + 1] !== index * 2) continue;
      const ticks = rtpTimestamp(bytes.subarray(start + FRAME_HEADER_BYTES));
      if (last !== undefined && ((ticks - last) | 0) < 0) return true;
      last = ticks;
    }
  }
  return false;
}

/** The same tracks as a format of theirs alone would have them. */
function renumbered(tracks: readonly RtpTrack[]): RtpTrack[] {
  return tracks.map((track) => ({ ...track, rtp: { ...track.rtp, payloadType: 0 } }));
}

/** A text that can be a header. */
function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 1000);
}
