import { MediaError, type RtpMapping } from "../media/mod.ts";
import type { WebRtcEncoding, WebRtcEncodings } from "../webrtc/mod.ts";
import type { WebRtcReordering } from "./codec/codec.ts";
import { ALL_CODECS, codecRow } from "./codec/table.ts";
import type { RtpTrack } from "./sdp_of_tracks.ts";

/** The encodings that WebRTC endpoints may have and this library carries. */
export const WEB_RTC_ENCODINGS: WebRtcEncodings = new Map(
  ALL_CODECS.flatMap(({ rtp, webRtc }) =>
    webRtc === undefined ? [] : rtp!.encodings.map((name): [string, WebRtcEncoding] => [
      name,
      { name, ...webRtc },
    ])
  ),
);

/** Whether WebRTC has a name for what RTP carries so. */
export function isWebRtcEncoding({ encodingName }: Pick<RtpMapping, "encodingName">): boolean {
  return WEB_RTC_ENCODINGS.has(encodingName.toUpperCase());
}

/** How to tell that a track's pictures are sent in another order than they are shown in; `undefined` where none can be. */
export function reorderingOf({ codec }: RtpTrack): WebRtcReordering | undefined {
  return codecRow(codec)?.webRtc?.reordering;
}

/** Whether a track's configuration says that its pictures are sent in another order than they are shown in. */
export function statesReordering({ codec, config }: RtpTrack): boolean {
  const reordering = codecRow(codec)?.webRtc?.reordering;
  if (reordering === undefined || config === undefined) return false;
  try {
    return reordering.isStated(config);
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
}
