import { assertRecordedRight } from "../support/recorded_codecs.ts";
import { ignoreWithout } from "../support/process.ts";

// All of them are in every_codec_long.ts.
Deno.test({
  name: "h265 with opus, and vp9 with G.711, are in MP4 and Matroska what was published",
  ignore: ignoreWithout("ffmpeg", "ffprobe", "mpv"),
  async fn() {
    await assertRecordedRight({ video: "h265", audio: "opus" }, ["mkv"]);
    await assertRecordedRight({ video: "vp9", audio: "pcma" }, ["mp4"]);
  },
});
