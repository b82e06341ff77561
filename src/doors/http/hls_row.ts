import type { Shell } from "../mod.ts";
import type { HlsRowOptions } from "./hls_options.ts";
import type { HlsPlay } from "./hls_play.ts";
import type { HttpOutput } from "./http_output.ts";

/**
 * `/live/cam/index.m3u8`: HLS, and low-latency HLS at the same addresses. The playlists and segments of a player are
 * under `/live/cam/hls/TOKEN/`, where the token stands for the leave that the gate has given.
 */
export function hlsRow(options: HlsRowOptions = {}): HttpOutput {
  const plays = new WeakMap<Shell, Promise<HlsPlay>>();
  const playOf = (shell: Shell): Promise<HlsPlay> => {
    const known = plays.get(shell);
    if (known !== undefined) return known;
    const play = import("./hls_play.ts").then(({ HlsPlay }) => new HlsPlay(shell, options));
    plays.set(shell, play);
    return play;
  };
  return {
    protocol: "http-hls",
    suffix: /\/(?:index\.m3u8|hls\/([^/]+)\/([\w.]+\.(?:m3u8|m4s|mp4|mp3)))$/,
    open: async (shell) => {
      if (options.always) (await playOf(shell)).packageAll();
    },
    methods: { GET: async (visit) => (await playOf(visit.shell)).answer(visit) },
  };
}
