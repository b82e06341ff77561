import { type Codec, videoMapping } from "./codec.ts";
import { bytesOfHex } from "./fmtp_bytes.ts";

/** MPEG-4 part 2 (ISO 14496-2; RFC 6416). */
export const mpeg4: Codec = {
  name: "mpeg4",
  kind: "video",
  config: { isNeeded: false },
  flv: "FLV has no codec id for mpeg4 here",
  rtp: {
    encodings: ["MP4V-ES"],
    configOf: ({ fmtp }) => bytesOfHex(fmtp["config"]),
    mapping: ({ config }) => {
      if (config === undefined) return "its configuration is not known";
      // `profile_and_level_indication` follows the start code of a visual object sequence (RFC 6416, 7.1).
      const isSequence = config[2] === 1 && config[3] === 0xb0 && config.length > 4;
      const profile = isSequence ? config[4] : 1;
      return videoMapping("MP4V-ES", {
        "profile-level-id": String(profile),
        config: config.toHex(),
      });
    },
    startsKeyFrame: hasIntraVop,
  },
  codecString: () => "mp4v.20.9",
};

const VOP_START = 0xb6;
/** `vop_coding_type` I in the top two bits of the byte behind the start code (ISO 14496-2, 6.2.5). */
const INTRA = 0;

/** Looks for the start of a picture behind whatever headers and user data come before it. */
function hasIntraVop(payload: Uint8Array): boolean {
  for (let at = payload.indexOf(1, 2); at >= 0; at = payload.indexOf(1, at + 1)) {
    if (payload[at - 1] !== 0 || payload[at - 2] !== 0 || payload[at + 1] !== VOP_START) continue;
    return (payload[at + 2] ?? 0xff) >> 6 === INTRA;
  }
  return false;
}
