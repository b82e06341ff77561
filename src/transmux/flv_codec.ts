import { codecOfFourCc, SoundFormat, VideoCodecId } from "../flv/mod.ts";
import type { CodecName } from "../media/mod.ts";

const VIDEO = new Map<number, CodecName>([
  [VideoCodecId.Avc, "h264"],
  [VideoCodecId.Hevc, "h265"],
]);

const AUDIO = new Map<number, CodecName>([
  [SoundFormat.Aac, "aac"],
  [SoundFormat.Mp3, "mp3"],
  [SoundFormat.Mp38k, "mp3"],
  [SoundFormat.G711ALaw, "pcma"],
  [SoundFormat.G711MuLaw, "pcmu"],
  [SoundFormat.LpcmPlatformEndian, "lpcm"],
  [SoundFormat.LpcmLittleEndian, "lpcm"],
]);

/** The codec of a legacy codec id or a FourCC of video, or `undefined` for one that is not known here. */
export function codecOfVideo(id: number | string): CodecName | undefined {
  return typeof id === "number" ? VIDEO.get(id) : codecOfFourCc(id);
}

/** The codec of a legacy sound format or a FourCC of audio, or `undefined` for one that is not known here. */
export function codecOfAudio(id: number | string): CodecName | undefined {
  return typeof id === "number" ? AUDIO.get(id) : codecOfFourCc(id);
}
