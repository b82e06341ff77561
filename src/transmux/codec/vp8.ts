import { buildVpxConfig, parseVp8Frame } from "../../media/mod.ts";
import { type Codec, type FrameFacts, videoMapping } from "./codec.ts";
import { Chroma, UNSPECIFIED_COLORS, vpxCodecString, vpxFlvForm } from "./vpx.ts";

/** VP8 (RFC 6386; Enhanced RTMP; RFC 7741). */
export const vp8: Codec = {
  name: "vp8",
  kind: "video",
  config: { isNeeded: false },
  frameFacts,
  flv: vpxFlvForm("vp8"),
  rtp: { encodings: ["VP8"], mapping: () => videoMapping("VP8") },
  codecString: (track) => vpxCodecString("vp08", track),
  webRtc: {},
};

function frameFacts([frame]: readonly Uint8Array[]): FrameFacts {
  const { keyFrame, width, height } = parseVp8Frame(frame!);
  if (!keyFrame) return {};
  const config = buildVpxConfig({
    profile: 0,
    level: 0,
    bitDepth: 8,
    chromaSubsampling: Chroma.colocated420,
    fullRange: false,
    ...UNSPECIFIED_COLORS,
  });
  return { config, width: width!, height: height! };
}
