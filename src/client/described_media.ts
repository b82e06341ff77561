import { RtspError } from "../rtsp/mod.ts";
import type { SdpMedia, SessionDescription } from "../sdp/mod.ts";

/**
 * The indexes of the media to play: those that are asked for, or all that a player can receive.
 *
 * @throws {RangeError} if those are none of the description's
 * @throws {RtspError} `tracks-missing` if there is nothing to play
 */
export function chooseTracks(
  { media }: SessionDescription,
  tracks: readonly number[] | undefined,
): readonly number[] {
  if (tracks !== undefined) {
    const wrong = tracks.find((index) => media[index] === undefined);
    if (wrong !== undefined || new Set(tracks).size !== tracks.length || tracks.length === 0) {
      throw new RangeError(
        `Cannot play as tracks must be different indexes below ${media.length}: current value is ${
          JSON.stringify(tracks)
        }`,
      );
    }
    return tracks;
  }
  const playable = [...media.keys()].filter((index) => isPlayable(media[index]!, media));
  if (playable.length > 0) return playable;
  throw new RtspError("tracks-missing", "The server describes nothing that can be played");
}

/**
 * Whether a player receives it: not the back channel of a camera with a loudspeaker, which is `sendonly`,
 * seen from the player (ONVIF); where all is `sendonly`, a server has written that of itself.
 */
function isPlayable(one: SdpMedia, all: readonly SdpMedia[]): boolean {
  if (one.formats.length === 0) return false;
  return one.direction !== "sendonly" || all.every(({ direction }) => direction === "sendonly");
}

/** Controls that a server can find again below its own URL. */
export function withControls(description: SessionDescription): SessionDescription {
  const { control: _, ...session } = description;
  const media = description.media.map((one, index) => {
    const isOwn = one.control !== undefined && !/^(\*|rtsps?:|\/)/i.test(one.control);
    return isOwn ? one : { ...one, control: `streamid=${index}` };
  });
  return { ...session, media };
}
