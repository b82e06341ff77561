import type { ConnectionEnd } from "../../../gate/mod.ts";
import { tracksOfSdp, WEB_RTC_ENCODINGS } from "../../../transmux/mod.ts";
import {
  type AnsweredMedia,
  chooseForPublisher,
  type ChosenFormat,
  type OfferedMedia,
  type WebRtcOffer,
} from "../../../webrtc/mod.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import { beginSession, randomU32 } from "./webrtc_answer.ts";
import type { WebRtc } from "./webrtc.ts";
import type { WebRtcSession, WebRtcSessions } from "./webrtc_session.ts";
import { offerOf } from "./webrtc_visit.ts";
import { WhipPublisher, type WhipTrack } from "./whip_publisher.ts";
import { type HttpAnswer, isAnswer } from "../whole_answer.ts";

/**
 * Answers the offer of a publisher. The name is taken before the answer, which can so say that it is not to be had, and
 * after all else: an offer that nothing comes of sends no other publisher away.
 */
export async function publishWhip(
  visit: StreamVisit,
  { webrtc, sessions }: { readonly webrtc: WebRtc; readonly sessions: WebRtcSessions },
): Promise<HttpAnswer> {
  const offer = await offerOf(visit);
  if (isAnswer(offer)) return offer;
  const ticket = await visit.mayPublish({ isLater: true });
  if (isAnswer(ticket)) return ticket;
  const { shell } = visit;
  const chosen = chosenOf(offer);
  if (typeof chosen === "string") {
    ticket.end({ clean: false, reason: "codec", message: chosen });
    return faultAnswer({ status: 422, code: "codec", reason: chosen });
  }
  const tracks = tracksOf(chosen);
  const held: { session?: WebRtcSession; end?: ConnectionEnd } = {};
  const answered = new Map<OfferedMedia, AnsweredMedia>();
  for (const [media, one] of chosen) answered.set(media, { chosen: one, direction: "recvonly" });
  const begun = await beginSession(visit, {
    webrtc,
    sessions,
    offer,
    media: answered,
    headers: {},
    start: async () => {
      const refused = await ticket.claim();
      if (refused !== undefined) return visit.refusal("publish", refused);
      const started = ticket.start({
        tracks: tracks.map(({ track }) => track),
        onEnded: (end) => {
          held.end = end;
          held.session?.finish(end);
        },
        fields: { transport: "webrtc" },
      });
      return "granted" in started ? undefined : visit.refusal("publish", started);
    },
    role: (link) => {
      const publisher = new WhipPublisher(ticket, {
        link,
        clock: shell.clock,
        tracks,
        ssrc: randomU32(),
      });
      return {
        connected: () => {},
        takeRtp: (packet) => publisher.takeRtp(packet),
        takeRtcp: (packet) => publisher.takeRtcp(packet),
        tick: () => {
          publisher.tick();
          return link.isConnected && publisher.isSilent ? SILENT : undefined;
        },
        ended: (end) => {
          publisher.end();
          ticket.end(end.reason === "closed" ? UNPUBLISHED : end);
        },
      };
    },
  });
  if (isAnswer(begun)) {
    ticket.end({ clean: false, reason: "refused", message: "The session could not begin" });
    return begun;
  }
  held.session = begun.session;
  if (held.end !== undefined) begun.session.finish(held.end);
  return begun.answer;
}

const SILENT = { clean: false, reason: "media-timeout", message: "No media has come" } as const;

const UNPUBLISHED = {
  clean: true,
  reason: "unpublished",
  message: "The publisher has ended its stream",
} as const;

/**
 * The media that the client wants to send, with what they are sent as, or why they cannot be: an offer is taken as a
 * whole, since who publishes would not see that the sound, say, is missing (RFC 9725, 4.4.3).
 */
function chosenOf(offer: WebRtcOffer): ReadonlyMap<OfferedMedia, ChosenFormat> | string {
  const chosen = new Map<OfferedMedia, ChosenFormat>();
  for (const media of offer.media) {
    const isSent = media.direction === "sendonly" || media.direction === "sendrecv";
    const isKnown = media.kind === "video" || media.kind === "audio";
    if (!media.isUsable || !isSent || !isKnown) continue;
    const one = chooseForPublisher(media, WEB_RTC_ENCODINGS);
    if (one === undefined) {
      const names = media.formats.flatMap(({ encoding }) => encoding ?? []);
      const offered = [...new Set(names)].join(", ") || "none";
      return `No codec that the offer has for ${media.kind} is known here: ${offered}`;
    }
    chosen.set(media, one);
  }
  return chosen.size > 0 ? chosen : "The offer has no media to publish";
}

function tracksOf(chosen: ReadonlyMap<OfferedMedia, ChosenFormat>): WhipTrack[] {
  const entries = [...chosen];
  const tracks = tracksOfSdp({
    media: entries.map(([{ kind, protocol }, { format, feedback }]) => ({
      kind,
      port: 9,
      protocol,
      formats: [format],
      attributes: feedback.map((value) => ({
        name: "rtcp-fb",
        value: `${format.payloadType} ${value}`,
      })),
    })),
  });
  return tracks.map((track, index) => {
    const type = entries[index]![1].retransmission?.payloadType;
    return { track, ...(type === undefined ? {} : { retransmissionType: type }) };
  });
}
