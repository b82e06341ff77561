/** Every picture codec with every sound codec in every container that names them, as each program reads it. */
import {
  assertRecordedRight,
  AUDIO_CODECS,
  type AudioCodec,
  VIDEO_CODECS,
  type VideoCodec,
} from "../support/recorded_codecs.ts";
import { ignoreWithout } from "../support/process.ts";

for (const video of Object.keys(VIDEO_CODECS) as VideoCodec[]) {
  for (const audio of Object.keys(AUDIO_CODECS) as AudioCodec[]) {
    Deno.test({
      name:
        `${video} with ${audio} is in each container what was published, and every program reads it`,
      ignore: ignoreWithout("ffmpeg", "ffprobe", "mpv"),
      fn: () => assertRecordedRight({ video, audio }, ["mp4", "mkv", "flv", "ts"]),
    });
  }
}
