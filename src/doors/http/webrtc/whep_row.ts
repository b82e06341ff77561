import { refusalOf } from "../../../gate/mod.ts";
import { HubError, type StreamReader } from "../../../hub/mod.ts";
import { isWebRtcEncoding, type RtpTrack } from "../../../transmux/mod.ts";
import type { AnsweredMedia, OfferedMedia } from "../../../webrtc/mod.ts";
import {
  areCompatible,
  describeStream,
  rtspFormatName,
  RtspWireFormat,
} from "../../../wire/mod.ts";
import type { GrantedPlay, StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import { random, type WebRtc } from "./webrtc.ts";
import type { WebRtcLink } from "./webrtc_link.ts";
import type { SessionRole, WebRtcSession, WebRtcSessions } from "./webrtc_session.ts";
import { beginSession, randomU32 } from "./webrtc_answer.ts";
import { offerOf } from "./webrtc_visit.ts";
import { noteOfBFrames, type WhepChoice, whepChoice } from "./whep_choice.ts";
import { WhepPlayer, type WhepTrack } from "./whep_player.ts";
import { type HttpAnswer, isAnswer } from "../whole_answer.ts";

/** The largest payload of a packet: with its headers and what protects it, all paths carry it. */
const MAX_PAYLOAD_BYTES = 1180;

/** A player from its offer on: what its parts have of each other. */
interface Playing extends GrantedPlay {
  readonly visit: StreamVisit;
  readonly tracks: readonly RtpTrack[];
  session?: WebRtcSession;
  player?: WhepPlayer;
}

/** Answers the offer of a player. */
export async function playWhep(
  visit: StreamVisit,
  { webrtc, sessions }: { readonly webrtc: WebRtc; readonly sessions: WebRtcSessions },
): Promise<HttpAnswer> {
  const offer = await offerOf(visit);
  if (isAnswer(offer)) return offer;
  const granted = await visit.play();
  if (isAnswer(granted)) return granted;
  const { ticket, stream } = granted;
  const { shell } = visit;
  const described = await describeStream(stream, {
    clock: shell.clock,
    waitMs: shell.timing.describeWaitMs,
    log: shell.log,
  });
  const choice = whepChoice(offer, described);
  if (choice.tracks.length === 0) return nothingToSend(visit, { granted, choice });
  const playing: Playing = { ...granted, visit, tracks: choice.tracks.map(({ track }) => track) };
  const reader = readerOf(playing);
  if (isAnswer(reader)) return reader;
  const { sent, answered } = sendingOf(choice, reader);
  const unwatch = stream.watch(() => void checkTracks(playing));
  const begun = await beginSession(visit, {
    webrtc,
    sessions,
    offer,
    media: answered,
    headers: told(playing, { choice, reader }),
    role: (link) => roleOf(playing, { link, reader, sent, unwatch }),
  });
  if (isAnswer(begun)) {
    unwatch();
    reader.close();
    ticket.end();
    return begun;
  }
  playing.session = begun.session;
  return begun.answer;
}

function nothingToSend(
  { guest, log }: StreamVisit,
  { granted: { ticket, stream }, choice: { leftOut } }: {
    readonly granted: GrantedPlay;
    readonly choice: WhepChoice;
  },
): HttpAnswer {
  ticket.end();
  const reason = `The stream ${stream.name} has nothing that this player can be sent (${
    leftOut.join("; ") || "its tracks are not known yet"
  })`;
  log.info("webrtc play refused", { connection: guest.id, stream: stream.name, reason });
  // Not 406: that is a counter-offer (draft-ietf-wish-whep-04, 4.3.2).
  return faultAnswer({ status: 422, code: "codec", reason });
}

function readerOf(playing: Playing): StreamReader | HttpAnswer {
  const { visit, stream, ticket, tracks } = playing;
  try {
    return stream.read({
      format: `webrtc ${rtspFormatName(tracks)}`,
      gathers: false,
      create: () =>
        new RtspWireFormat({
          tracks,
          random,
          nowUnixUs: () => Math.round(Date.now() * 1000),
          packets: { maxPayloadSize: MAX_PAYLOAD_BYTES, forward: "fit" },
        }),
      onEnd: () => void endWithStream(playing),
      lostPackets: () => playing.player?.lost,
    });
  } catch (error) {
    ticket.end();
    if (error instanceof HubError) return visit.refusal("play", refusalOf(error));
    throw error;
  }
}

/** The last pictures come in the same moment as the end: they are sent before the player is told of it. */
async function endWithStream(playing: Playing): Promise<void> {
  await playing.player?.finish();
  playing.session?.finish(STREAM_ENDED);
}

/** Tells the log what the player does not get, and returns the headers that tell the player. */
function told(
  { visit: { guest, log }, stream, tracks }: Playing,
  { choice: { leftOut }, reader }: { readonly choice: WhepChoice; readonly reader: StreamReader },
): Record<string, string> {
  const about = { connection: guest.id, stream: stream.name };
  for (const reason of leftOut) {
    log.info("a track is left out for a WebRTC player", { ...about, reason });
  }
  const note = noteOfBFrames(reader, tracks);
  if (note !== undefined) log.warn(note, about);
  return {
    ...(leftOut.length === 0 ? {} : { "weir-left-out": plain(leftOut.join("; ")) }),
    ...(note === undefined ? {} : { "weir-note": plain(note) }),
  };
}

/** What each track is sent as, and what the answer says of it. */
function sendingOf(choice: WhepChoice, reader: StreamReader): {
  readonly sent: readonly WhepTrack[];
  readonly answered: ReadonlyMap<OfferedMedia, AnsweredMedia>;
} {
  const { senders } = reader.format as RtspWireFormat;
  const answered = new Map<OfferedMedia, AnsweredMedia>();
  const sent = choice.tracks.map(({ track, media, chosen }, index): WhepTrack => {
    const { ssrc } = senders[index]!;
    const again = chosen.retransmission;
    const retransmission = again && { ssrc: randomU32(), payloadType: again.payloadType };
    answered.set(media, {
      chosen,
      direction: "sendonly",
      source: {
        ssrc,
        cname: "weir",
        ...(retransmission === undefined ? {} : { retransmissionSsrc: retransmission.ssrc }),
      },
    });
    return {
      index,
      kind: track.kind === "video" ? "video" : "audio",
      ssrc,
      payloadType: chosen.format.payloadType,
      ...(retransmission === undefined ? {} : { retransmission }),
      sequenceNumber: randomU32() & 0x7fff,
    };
  });
  return { sent, answered };
}

function roleOf(
  playing: Playing,
  { link, reader, sent, unwatch }: {
    readonly link: WebRtcLink;
    readonly reader: StreamReader;
    readonly sent: readonly WhepTrack[];
    readonly unwatch: () => void;
  },
): SessionRole {
  const { ticket, visit: { exchange, shell } } = playing;
  return {
    connected: () => {
      const player = playing.player = new WhepPlayer({
        link,
        reader,
        clock: shell.clock,
        tracks: sent,
        onBytes: (count) => void (exchange.bytesSent += count),
      });
      const isStarted = ticket.start({
        onEnded: (end) => playing.session?.finish(end),
        fields: { transport: "webrtc" },
        bytes: () => exchange.bytesSent,
      });
      if (isStarted) player.start();
    },
    takeRtp: () => {},
    takeRtcp: (packet) => playing.player?.takeRtcp(packet),
    tick: () => undefined,
    ended: () => {
      playing.player?.stop();
      unwatch();
      const { bytes, skips } = reader.cursor;
      reader.close();
      const { sentAgain = 0, keyFramesAgain = 0, lost = 0, leftOut = 0 } = playing.player ?? {};
      ticket.end({ bytes, skips, lost, sentAgain, keyFramesAgain, leftOut });
    },
  };
}

/** Another publisher may have other tracks: what the answer told the player is then wrong. */
async function checkTracks(playing: Playing): Promise<void> {
  const { stream, visit: { shell }, tracks } = playing;
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
  if (!areCompatible(renumbered(told), renumbered(tracks))) playing.session?.finish(OTHER_TRACKS);
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

/** The same tracks as a format of theirs alone would have them. */
function renumbered(tracks: readonly RtpTrack[]): RtpTrack[] {
  return tracks.map((track) => ({ ...track, rtp: { ...track.rtp, payloadType: 0 } }));
}

/** A text that can be a header. */
function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 1000);
}
