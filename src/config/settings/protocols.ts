import { bytes, choice, number, time, TOGGLE } from "../leaf_types.ts";
import { serverNumber } from "../server_number.ts";
import { type Setting, setting } from "../setting.ts";

/** Policies and bounds of RTMP and RTSP sessions. */
export const PROTOCOLS: readonly Setting[] = [
  setting({
    key: "rtmp.enhanced",
    type: choice(["strip", "pass", "strict"]),
    default: "strip",
    help: "what is sent to RTMP players that announce nothing of Enhanced RTMP",
    doc:
      "`strip` sends one track of each kind, in the older form where its codec has one; `pass` sends everything; `strict` " +
      "sends plain RTMP alone, and refuses the play of a stream with another codec.",
    flag: { name: "enhanced", placeholder: "POLICY" },
    option: "enhanced",
    change: "reload",
  }),
  setting({
    key: "rtmp.onLoss",
    type: choice(["pass", "key-frame"]),
    default: "pass",
    help: "what RTMP players are sent when packets of an RTSP publisher are lost",
    doc:
      "`pass` sends all pictures, as far as they came; `key-frame` sends none up to the next key frame.",
    flag: { name: "on-loss", placeholder: "POLICY" },
    option: "onLoss",
    change: "reload",
  }),
  setting({
    key: "rtmp.askAtConnect",
    type: TOGGLE,
    default: true,
    help: "whether RTMP clients that must prove who they are get asked at connect",
    doc:
      "Encoders that have a user and a password are then asked in the words that they know; a client whose " +
      "credentials are in its stream key is refused once, and let through as it comes again from 2 s later on. " +
      "Where it is false, nobody is asked, and credentials in the query alone count.",
    option: "rtmpAskAtConnect",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.chunkSize",
    as: bytes,
    default: 65_536,
    help: "chunk size of what RTMP clients are sent",
    option: "session.chunkSize",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.windowSize",
    as: bytes,
    default: 2_500_000,
    help: "window that RTMP clients are told to acknowledge by",
    option: "session.windowSize",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.maxNetStreams",
    as: number,
    default: 16,
    help: "NetStreams that an RTMP connection may have at one time",
    option: "session.maxNetStreams",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.roleTimeout",
    as: time,
    default: 10_000,
    help: "how long an RTMP client may take from its first byte to publish or play",
    option: "session.roleTimeoutMs",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.publisherTimeout",
    as: time,
    default: 10_000,
    help: "how long an RTMP publisher may be silent",
    option: "session.publisherTimeoutMs",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.pingAfter",
    as: time,
    default: 30_000,
    help: "silence after which an RTMP client is pinged",
    option: "session.pingAfterMs",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.pingTimeout",
    as: time,
    default: 10_000,
    help: "how long an RTMP client may take to answer a ping",
    option: "session.pingTimeoutMs",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.maxMessageBytes",
    as: bytes,
    default: 10 * 1024 * 1024,
    help: "largest message of an RTMP client",
    option: "chunks.maxMessageBytes",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.maxPartialBytes",
    as: bytes,
    default: 16 * 1024 * 1024,
    help: "unfinished messages of an RTMP connection",
    option: "chunks.maxPartialBytes",
    change: "reload",
  }),
  serverNumber({
    key: "rtmp.maxChunkStreams",
    as: number,
    default: 256,
    help: "chunk streams that an RTMP connection may have",
    option: "chunks.maxChunkStreams",
    change: "reload",
  }),
  serverNumber({
    key: "rtsp.idleTimeout",
    as: time,
    default: 60_000,
    help: "how long an RTSP session over UDP goes on without a sign of its client",
    option: "rtspSession.idleTimeoutMs",
    change: "reload",
  }),
  serverNumber({
    key: "rtsp.mediaTimeout",
    as: time,
    default: 10_000,
    help: "how long an RTSP publisher may be silent",
    option: "rtspSession.mediaTimeoutMs",
    change: "reload",
  }),
  serverNumber({
    key: "rtsp.drain",
    as: time,
    default: 4000,
    help: "how long an RTSP player may take for the rest of a stream that has ended",
    option: "rtspSession.drainMs",
    change: "reload",
  }),
  setting({
    key: "rtsp.onChange",
    type: choice(["wrong", "end", "announce"]),
    default: "wrong",
    help: "what becomes of RTSP players when sound changes its form, or a track comes late",
    doc:
      "`wrong` ends the sessions whose description is wrong now, and lets those go on to which a track was added; " +
      "`end` ends both; `announce` tells both the new description by ANNOUNCE, which few clients know.",
    option: "rtspSession.onChange",
    change: "reload",
  }),
];
