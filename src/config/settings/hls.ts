import { bytes, choice, number, time, TOGGLE } from "../leaf_types.ts";
import { serverNumber } from "../server_number.ts";
import { type Setting, setting } from "../setting.ts";

/** How streams are played as HLS. */
export const HLS: readonly Setting[] = [
  serverNumber({
    key: "hls.segment",
    as: time,
    default: 1000,
    help: "the shortest segment of HLS",
    doc: "A segment ends at the first key frame after that.",
    option: "hls.segmentMs",
    change: "reload",
  }),
  serverNumber({
    key: "hls.part",
    as: time,
    default: 200,
    help: "the longest part of low-latency HLS",
    doc: "Players stay three parts behind; each part costs two requests of each player.",
    option: "hls.partMs",
    change: "reload",
  }),
  serverNumber({
    key: "hls.segments",
    as: number,
    default: 10,
    help: "segments in a playlist of HLS",
    option: "hls.segments",
    change: "reload",
  }),
  serverNumber({
    key: "hls.maxBytes",
    as: bytes,
    default: 64 * 1024 * 1024,
    help: "memory for the segments of one stream",
    doc:
      "The oldest are dropped first; as many as a playlist has are kept behind it for slow players.",
    option: "hls.maxBytes",
    change: "reload",
  }),
  setting({
    key: "hls.always",
    type: TOGGLE,
    default: false,
    help: "whether streams are packaged as HLS while nobody watches, too",
    doc: "The first viewer then does not wait for a segment.",
    option: "hls.always",
    change: "reload",
  }),
  setting({
    key: "hls.sessions",
    type: choice(["viewer", "shared"]),
    default: "viewer",
    help: "whether each player of HLS has addresses of its own",
    doc:
      "With `viewer` each is counted, and can be sent away. With `shared` all have the same, so that a cache in " +
      "front of the server can serve them; they are then one player.",
    option: "hls.sessions",
    change: "reload",
  }),
];
