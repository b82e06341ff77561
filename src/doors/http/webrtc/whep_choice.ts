import type { StreamReader } from "../../../hub/mod.ts";
import { RTP_HEADER_SIZE, rtpTimestamp } from "../../../rtp/mod.ts";
import {
  type DescribedTracks,
  isWebRtcEncoding,
  reorderingOf,
  type RtpTrack,
  statesReordering,
  WEB_RTC_ENCODINGS,
} from "../../../transmux/mod.ts";
import {
  chooseForTrack,
  type ChosenFormat,
  type OfferedMedia,
  type WebRtcOffer,
} from "../../../webrtc/mod.ts";
import { FRAME_HEADER_BYTES } from "../../../wire/mod.ts";
import { ShownOrder } from "./shown_order.ts";

/** The tracks that a player is sent, and what it is told of the others. */
export interface WhepChoice {
  readonly tracks: readonly {
    readonly track: RtpTrack;
    readonly media: OfferedMedia;
    readonly chosen: ChosenFormat;
  }[];
  /** What is not sent, and why, in words. */
  readonly leftOut: readonly string[];
}

/** Gives each track of the stream the first media section that can take it. */
export function whepChoice(
  offer: WebRtcOffer,
  described: DescribedTracks | undefined,
): WhepChoice {
  const free = new Set(
    offer.media.filter(({ isUsable, direction }) =>
      isUsable && (direction === "recvonly" || direction === "sendrecv")
    ),
  );
  const chosen: { track: RtpTrack; media: OfferedMedia; chosen: ChosenFormat }[] = [];
  const leftOut = (described?.unsupported ?? []).map(({ track, reason }) =>
    `${track.kind} ${track.id} (${track.codec ?? "unknown"}): ${reason}`
  );
  for (const track of described?.tracks ?? []) {
    const name = `${track.kind} ${track.id} (${track.codec ?? track.rtp.encodingName})`;
    if (!isWebRtcEncoding(track.rtp)) {
      leftOut.push(`${name}: WebRTC has no name for it`);
      continue;
    }
    const ofKind = [...free].filter(({ kind }) => kind === track.kind);
    const { rtp } = track;
    const [choice] = ofKind.flatMap((media) => {
      const chosen = chooseForTrack(media, { rtp, encodings: WEB_RTC_ENCODINGS });
      return chosen === undefined ? [] : [{ media, chosen }];
    });
    if (choice === undefined) {
      leftOut.push(
        `${name}: the player ${
          ofKind.length === 0 ? `wants no further ${track.kind}` : "cannot decode it"
        }`,
      );
      continue;
    }
    free.delete(choice.media);
    chosen.push({ track, ...choice });
  }
  return { tracks: chosen, leftOut };
}

/** What is to be told of pictures that are shown in another order than they are sent in, if the stream has them. */
export function noteOfBFrames(
  reader: StreamReader,
  tracks: readonly RtpTrack[],
): string | undefined {
  const index = tracks.findIndex((track) => reorderingOf(track) !== undefined);
  const track = tracks[index];
  if (track === undefined) return undefined;
  const { isReference } = reorderingOf(track)!;
  const late = latePictures(reader, { index, isReference });
  if (late === "none" && !statesReordering(track)) return undefined;
  const flaw = late === "references"
    ? " Others are made from some of them, and so may be flawed until the next key frame."
    : "";
  return "The stream has B frames, which browsers cannot show over WebRTC: it has fewer pictures a second, without them." +
    `${flaw} Have the encoder make none (x264: -bf 0)`;
}

/** Whether pictures of the kept group go back in time, and whether others are made from such ones. */
function latePictures(
  { cursor }: StreamReader,
  { index, isReference }: {
    readonly index: number;
    readonly isReference: (payload: Uint8Array) => boolean;
  },
): "none" | "plain" | "references" {
  const order = new ShownOrder();
  for (const { bytes, entries } of cursor.peek()?.runs ?? []) {
    for (const { start } of entries) {
      if (bytes[start + 1] !== index * 2) continue;
      const packet = bytes.subarray(start + FRAME_HEADER_BYTES);
      const isLate = order.isLate(rtpTimestamp(packet));
      if (isLate && isReference(packet.subarray(RTP_HEADER_SIZE))) return "references";
    }
  }
  return order.lateCount > 0 ? "plain" : "none";
}
