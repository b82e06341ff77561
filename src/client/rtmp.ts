/**
 * RTMP, whole: handshake, chunks, messages and the sessions of both sides, each usable alone and without
 * sockets, and a client over sockets, {@linkcode RtmpClient}.
 *
 * @module
 */
export * from "../rtmp/mod.ts";
export * from "./rtmp_client.ts";
export {
  RtmpPlayback,
  type RtmpPlaybackControl,
  type RtmpRequestOptions,
} from "./rtmp_playback.ts";
export {
  type RtmpMedia,
  RtmpPublication,
  type RtmpPublicationControl,
} from "./rtmp_publication.ts";
export type { MediaUnit, TrackKind, UnitPayload, UnitRole } from "../media/mod.ts";
export type { StreamPair } from "../transport/mod.ts";
