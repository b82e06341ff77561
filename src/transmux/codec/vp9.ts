import { buildVpxConfig, parseVp9Frame, parseVpxConfig } from "../../media/mod.ts";
import { type Codec, type FrameFacts, videoMapping } from "./codec.ts";
import { Chroma, UNSPECIFIED_COLORS, vpxCodecString, vpxFlvForm } from "./vpx.ts";

/** VP9 (VP9 bitstream specification; Enhanced RTMP; RFC 9628). */
export const vp9: Codec = {
  name: "vp9",
  kind: "video",
  config: { isNeeded: false },
  frameFacts,
  flv: vpxFlvForm("vp9"),
  rtp: {
    encodings: ["VP9"],
    mapping: ({ config }) =>
      videoMapping("VP9", config && { "profile-id": String(parseVpxConfig(config).profile) }),
  },
  codecString: (track) => vpxCodecString("vp09", track),
  hls: {},
  webRtc: {
    isFit: ({ fmtp }, parameters) =>
      (fmtp["profile-id"] ?? "0") === (parameters["profile-id"] ?? "0"),
  },
};

function frameFacts([frame]: readonly Uint8Array[]): FrameFacts {
  const { keyFrame, profile, bitDepth = 8, fullRange = false, ...header } = parseVp9Frame(frame!);
  if (!keyFrame) return {};
  const chromaSubsampling = header.subsamplingY
    ? Chroma.colocated420
    : header.subsamplingX
    ? Chroma.only422
    : Chroma.full444;
  const config = buildVpxConfig({
    profile,
    level: 0,
    bitDepth,
    chromaSubsampling,
    fullRange,
    ...UNSPECIFIED_COLORS,
  });
  return { config, width: header.width!, height: header.height! };
}
