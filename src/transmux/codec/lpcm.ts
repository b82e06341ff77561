import type { Codec } from "./codec.ts";

/** Linear samples (RFC 3551, 4.5.10 and 4.5.11; RFC 3190); RTP to RTP only. */
export const lpcm: Codec = {
  name: "lpcm",
  kind: "audio",
  flv: "FLV has no codec id for lpcm here",
  rtp: { encodings: ["L8", "L16", "L24"], clockIsSampleRate: true },
};
