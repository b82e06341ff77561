import { reasonOf } from "../../log/mod.ts";
import type { Shell } from "../mod.ts";
import type { HlsRowOptions } from "./hls_options.ts";
import type { HlsPlay } from "./hls_play.ts";
import type { HttpOutput } from "./http_output.ts";

/**
 * `/live/cam/index.m3u8`: HLS, and low-latency HLS at the same addresses. The playlists and segments of a player are
 * under `/live/cam/hls/TOKEN/`, where the token stands for the leave that the gate has given. The options are looked at
 * when a stream begins to be packaged, and with each player.
 */
export function hlsRow(options: () => HlsRowOptions): HttpOutput {
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
      if (options().always) await playOf(shell);
      shell.hub.observe({
        onStreamStart: (stream) => {
          if (!options().always) return;
          // Nothing that fails here is the publisher's, who may have gone again before this was loaded.
          playOf(shell).then((play) => play.packageAlways(stream)).catch((error) => {
            shell.log.debug("a stream is not packaged", {
              stream: stream.name,
              reason: reasonOf(error),
            });
          });
        },
      });
    },
    methods: { GET: async (visit) => (await playOf(visit.shell)).answer(visit) },
  };
}
