import type { HttpOutput, StreamHandler } from "./http_output.ts";

/**
 * `/live/cam.flv`: HTTP-FLV, WebSocket-FLV at the same URL, and FLV that is published by PUT or POST. `?audio=0` and
 * `?video=0` leave a kind out.
 */
export function flvRow(): HttpOutput {
  return {
    protocol: (request) =>
      request.header("upgrade")?.toLowerCase() === "websocket" ? "ws-flv" : "http-flv",
    suffix: /\.flv$/,
    methods: { GET: play, PUT: publish, POST: publish },
  };
}

const play: StreamHandler = async (visit) => (await import("./flv_play.ts")).playFlv(visit);

const publish: StreamHandler = async (visit) => (await import("./flv_input.ts")).publishFlv(visit);
