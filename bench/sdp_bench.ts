/** Session descriptions: reading what cameras send, writing it strictly. */
import { formatSdp, parseSdp } from "../src/sdp/mod.ts";

const CAMERA = [
  "v=0",
  "o=- 1676583297494652 1676583297494652 IN IP4 192.0.2.58",
  "s=Media Presentation",
  "e=NONE",
  "b=AS:5050",
  "t=0 0",
  "a=control:rtsp://192.0.2.58:554/h264_stream/",
  "m=video 0 RTP/AVP 96",
  "c=IN IP4 0.0.0.0",
  "b=AS:5000",
  "a=recvonly",
  "a=x-dimensions:1920,1080",
  "a=control:rtsp://192.0.2.58:554/h264_stream/trackID=1",
  "a=rtpmap:96 H264/90000",
  "a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z2QAKqws,aO4x",
  "m=audio 0 RTP/AVP 8",
  "a=control:rtsp://192.0.2.58:554/h264_stream/trackID=2",
  "",
].join("\r\n");
const DESCRIPTION = parseSdp(CAMERA);

Deno.bench("parseSdp: a camera with two media", () => {
  parseSdp(CAMERA);
});

Deno.bench("formatSdp: a camera with two media", () => {
  formatSdp(DESCRIPTION);
});
