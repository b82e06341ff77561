import type { RtpMapping, Track } from "../media/mod.ts";
import type { SdpMedia, SessionDescription } from "../sdp/mod.ts";
import { rtpMappingOf } from "./rtp_mapping.ts";
import type { UnsupportedTrack } from "./unsupported_track.ts";

/** A track of which it is settled how RTP carries it. */
export type RtpTrack = Track & { readonly rtp: RtpMapping };

/** Options of {@linkcode sdpOfTracks}. */
export interface SdpOfTracksOptions {
  /** The `s=` line; `-` by default. */
  readonly name?: string;
  /** The session id of the `o=` line; `0` by default. */
  readonly sessionId?: string;
  /** The session version of the `o=` line, to be raised with each change; `0` by default. */
  readonly sessionVersion?: string;
}

/** What {@linkcode sdpOfTracks} makes. */
export interface DescribedTracks {
  /** The description; its media section N is `tracks[N]` and has `a=control:trackID=N`. */
  readonly description: SessionDescription;
  /** The tracks in it, with their payload types: what an {@linkcode RtpRemuxer} is made with. */
  readonly tracks: readonly RtpTrack[];
  /** The tracks that RTP cannot carry. */
  readonly unsupported: readonly UnsupportedTrack[];
}

/**
 * Describes tracks to RTSP players. A track that was received by RTP keeps its encoding and parameters,
 * with newer parameter sets where such came in band; dynamic payload types are 96 and the index of the
 * media section.
 *
 * @example
 * ```ts
 * import { formatSdp } from "@weir/server/sdp";
 * import { sdpOfTracks } from "@weir/server/transmux";
 *
 * const config = new Uint8Array([0x12, 0x10]);
 * const { description } = sdpOfTracks([{ kind: "audio", id: 0, codec: "aac", config }]);
 * console.log(formatSdp(description).includes("a=rtpmap:96 MPEG4-GENERIC/44100/2\r\n")); // true
 * ```
 */
export function sdpOfTracks(
  tracks: readonly Track[],
  options: SdpOfTracksOptions = {},
): DescribedTracks {
  const carried: RtpTrack[] = [];
  const unsupported: UnsupportedTrack[] = [];
  for (const track of tracks) {
    const rtp = rtpMappingOf(track, carried.length);
    if (typeof rtp === "string") unsupported.push({ track, reason: rtp });
    else carried.push({ ...track, rtp });
  }
  const { name = "-", sessionId = "0", sessionVersion = "0" } = options;
  const description: SessionDescription = {
    origin: {
      username: "-",
      sessionId,
      sessionVersion,
      addressType: "IP4",
      address: "127.0.0.1",
    },
    name,
    media: carried.map(describe),
  };
  return { description, tracks: carried, unsupported };
}

function describe({ kind, rtp }: RtpTrack, index: number): SdpMedia {
  const { payloadType, encodingName, clockRate, channels, parameters } = rtp;
  return {
    kind: kind === "data" ? "application" : kind,
    port: 0,
    protocol: "RTP/AVP",
    formats: [{
      payloadType,
      encoding: encodingName === "" ? undefined : encodingName,
      clockRate,
      ...(channels === undefined ? {} : { channels }),
      fmtp: parameters,
    }],
    control: `trackID=${index}`,
  };
}
