/**
 * Session descriptions (SDP, RFC 8866): reads what cameras and encoders really send, writes what the
 * specification asks for.
 *
 * @example Read a description and write it again, strictly
 * ```ts
 * import { formatSdp, parseSdp } from "@weir/server/sdp";
 *
 * const description = parseSdp("v=0\ns=cam\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
 * console.log(description.media[0]?.formats[0]?.encoding); // H264
 * console.log(formatSdp(description).split("\r\n")[0]); // v=0
 * ```
 *
 * @module
 */
export * from "./errors.ts";
export * from "./format.ts";
export * from "./parse.ts";
export * from "./payload_types.ts";
export * from "./session_description.ts";
