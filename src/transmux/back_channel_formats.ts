import {
  G711_SAMPLE_RATE,
  type G711Law,
  isG711Law,
  type RtpMapping,
  type Track,
} from "../media/mod.ts";
import type { SdpMedia, SessionDescription } from "../sdp/mod.ts";
import { rtpMappingOf } from "./rtp_mapping.ts";
import type { RtpTrack } from "./sdp_of_tracks.ts";
import { tracksOfSdp } from "./tracks_of_sdp.ts";

/** The back channel that a server has described. */
export interface DescribedBackChannel {
  /** Its place in the description. */
  readonly index: number;
  /** Its media section, without the formats that say nothing of themselves. */
  readonly media: SdpMedia;
  /** The forms of sound that it takes, as offered: tracks with ids from 0, one for each payload type. */
  readonly formats: readonly RtpTrack[];
}

/**
 * Finds the back channel of a description: sound that is `sendonly`, seen from who reads it, beside media that are not
 * (ONVIF Streaming Specification, 5.3.2). Of several, which stand for a codec each, it is the one with G.711.
 *
 * @example
 * ```ts
 * import { parseSdp } from "@weir/server/sdp";
 * import { backChannelOf } from "@weir/server/transmux";
 *
 * const description = parseSdp(
 *   "m=video 0 RTP/AVP 26\na=recvonly\nm=audio 0 RTP/AVP 0 8\na=control:back\na=sendonly\n",
 * );
 * const formats = backChannelOf(description)?.formats.map(({ codec }) => codec);
 * console.log(formats); // [ "pcmu", "pcma" ]
 * ```
 */
export function backChannelOf({ media }: SessionDescription): DescribedBackChannel | undefined {
  // A server that marks all its media as sendonly means that it sends them: none of them is a back channel.
  if (media.every(({ direction }) => direction === "sendonly")) return undefined;
  const found = media.flatMap((one, index) => {
    if (one.direction !== "sendonly" || one.kind.toLowerCase() !== "audio") return [];
    const named = one.formats.filter(({ encoding }) => encoding !== undefined);
    if (named.length === 0) return [];
    const formats = tracksOfSdp({ media: named.map((format) => ({ ...one, formats: [format] })) });
    return [{ index, media: { ...one, formats: named }, formats: formats as RtpTrack[] }];
  });
  return found.find(({ formats }) => formats.some(isG711)) ?? found[0];
}

/** Describes the back channel to a player, at `index` of its description. */
export function describeBackChannel(formats: readonly Track[], index: number): SdpMedia {
  return {
    kind: "audio",
    port: 0,
    protocol: "RTP/AVP",
    formats: formats.flatMap(({ rtp }) => {
      if (rtp === undefined) return [];
      const { payloadType, encodingName, clockRate, channels, parameters } = rtp;
      return [{
        payloadType,
        encoding: encodingName,
        clockRate,
        ...(channels === undefined ? {} : { channels }),
        fmtp: parameters,
      }];
    }),
    direction: "sendonly",
    control: `trackID=${index}`,
  };
}

/** Whether a track is G.711 as every device knows it: 8000 samples a second in one channel. */
export function isG711({ codec, rtp }: Track): boolean {
  return isG711Law(codec) && rtp?.clockRate === G711_SAMPLE_RATE && (rtp.channels ?? 1) === 1;
}

/** Makes a track of G.711 as every device knows it, in one of its two laws. */
export function g711Track(codec: G711Law, id = 0): RtpTrack {
  const sound = { sampleRate: G711_SAMPLE_RATE, channels: 1 };
  const track: Track = { kind: "audio", id, codec, config: undefined, ...sound };
  return { ...track, rtp: rtpMappingOf(track, 0) as RtpMapping };
}
