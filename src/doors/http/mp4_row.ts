import type { HttpOutput } from "./http_output.ts";

/** `/live/cam.mp4`: fragmented MP4 that goes on as long as the stream does, for `<video src>` and `curl`. */
export function mp4Row(): HttpOutput {
  return {
    protocol: "http-mp4",
    suffix: /\.mp4$/,
    methods: { GET: async (visit) => (await import("./mp4_play.ts")).playMp4(visit) },
  };
}
