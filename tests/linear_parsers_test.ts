import { assertEquals } from "@std/assert";
import { decodeAmf0, decodeAmf3 } from "../src/amf/mod.ts";
import * as flv from "../src/flv/mod.ts";
import { decodeScriptValues } from "../src/flv/script_values.ts";
import { parseRtmpUrl } from "../src/rtmp/mod.ts";
import { parseRtcp, parseRtpPacket } from "../src/rtp/mod.ts";
import * as rtsp from "../src/rtsp/mod.ts";
import { formatSdp, parseSdp } from "../src/sdp/mod.ts";
import { superLinear } from "./support/linear_growth.ts";

const utf8 = new TextEncoder();
const URL = rtsp.parseRtspUrl("rtsp://h/s");
const HUGE = 1 << 30;
/** So that the text gets as far as the parser behind the limit of its length. */
const NO_LIMITS: rtsp.RtspLimits = {
  methodLength: HUGE,
  urlLength: HUGE,
  protocolLength: HUGE,
  headerCount: HUGE,
  headerNameLength: HUGE,
  headerValueLength: HUGE,
  headLength: HUGE,
  bodyLength: HUGE,
  garbageLength: HUGE,
};
const FRAME = Uint8Array.of(0x24, 0, 0, 8, 0x80, 0, 0, 0, 0, 0, 0, 0);

function decodeRtsp(text: string, options: { pieces?: number; frames?: boolean } = {}): void {
  const bytes = utf8.encode(text);
  const decoder = new rtsp.RtspDecoder(NO_LIMITS);
  if (options.frames) decoder.push(FRAME);
  const size = Math.ceil(bytes.length / (options.pieces ?? 1));
  for (let at = 0; at < bytes.length; at += size) decoder.push(bytes.subarray(at, at + size));
}

function verify(authorization: string): void {
  const server = new rtsp.RtspServerAuthenticator({ nonce: "n", issuedMs: 0 });
  const credentials = { username: "u", password: "p" };
  server.verify({ method: "PLAY", url: "rtsp://h/s", authorization }, { credentials, nowMs: 0 });
}

function httpRequest(name: string, value: string): rtsp.RtspRequest {
  const headers = new rtsp.RtspHeaders([["Upgrade", "websocket"], [name, value]]);
  const body = new Uint8Array(0);
  return { kind: "request", method: "GET", url: "/", protocol: "HTTP/1.1", headers, body };
}

/** What reads text that a peer or a user writes, and beginnings that lead into its depths. */
const TEXT_PARSERS: Record<string, [(text: string) => unknown, ...string[]]> = {
  parseChallenges: [
    (text) => rtsp.parseChallenges([text]),
    "Digest ",
    'Basic realm="',
    "Digest qop=",
  ],
  "parseChallenges, qop": [
    (text) => rtsp.parseChallenges([`Digest realm=a,nonce=b,qop="${text}"`]),
    "auth",
  ],
  parseAuthorization: [rtsp.parseAuthorization, "Basic ", "Digest ", "Bearer ", 'Digest uri="'],
  "RtspServerAuthenticator.verify": [
    verify,
    'Digest realm="weir",nonce="n",response="a",username="u",uri="rtsp://h/',
    "Digest ",
    "Bearer ",
  ],
  parseParameters: [
    (text) => rtsp.parseTransports(`RTP/AVP;${text}`),
    "mode=",
    "client_port=1",
    "ssrc=",
  ],
  parseTransports: [rtsp.parseTransports, "RTP/AVP", 'a="'],
  parseRange: [rtsp.parseRange, "npt=", "npt=1-", "clock=", "smpte=0:", "npt=0-;time=", "npt"],
  parseRtpInfo: [rtsp.parseRtpInfo, "url=", "url=a;seq=", "url=a;", "url=a,", 'url="'],
  parseSessionHeader: [rtsp.parseSessionHeader, "a;timeout=", "a;"],
  parseRtspUrl: [
    rtsp.parseRtspUrl,
    "rtsp://",
    "rtsp://[",
    "rtsp://a@",
    "rtsp://h/",
    "rtsp://[::%",
    "x",
  ],
  resolveControl: [(text) => rtsp.resolveControl(URL, text), "rtsp://", "/"],
  splitTrackUrl: [
    (text) => rtsp.splitTrackUrl(rtsp.parseRtspUrl(text)),
    "rtsp://h/trackID=",
    "rtsp://h/?/trackID=",
  ],
  findAnnouncedTrack: [
    (text) => {
      const description = parseSdp(`m=audio 0 RTP/AVP 0\na=control:${text}`);
      rtsp.findAnnouncedTrack(URL, { announced: URL, description });
    },
    "rtsp://",
    "/",
  ],
  RtspDecoder: [
    decodeRtsp,
    "RTSP/1.0 ",
    "RTSP/1.0 200 ",
    "PLAY ",
    "PLAY rtsp://h ",
    "OPTIONS * RTSP/1.0\r\n",
    "OPTIONS * RTSP/1.0\r\na:",
    "OPTIONS * RTSP/1.0\r\na: b\r\n ",
    "OPTIONS * RTSP/1.0\r\nContent-Length:",
  ],
  "RtspDecoder, in pieces": [
    (text) => decodeRtsp(text, { pieces: 400 }),
    "PLAY ",
    "OPTIONS * RTSP/1.0\r\na:",
    "OPTIONS * RTSP/1.0\r\nContent-Length: 999999\r\n\r\n",
  ],
  "RtspDecoder, between frames": [
    (text) => decodeRtsp(text, { frames: true, pieces: 400 }),
    "\0",
    "PLAY ",
    "RTSP/",
  ],
  classifyFirstRequest: [
    (text) => {
      rtsp.classifyFirstRequest(httpRequest("Sec-WebSocket-Protocol", text));
      rtsp.classifyFirstRequest(httpRequest("Upgrade", text));
      rtsp.classifyFirstRequest(httpRequest("Sec-WebSocket-Key", text));
    },
  ],
  Base64Decoder: [(text) => new rtsp.Base64Decoder().push(utf8.encode(text)), "AAAA"],
  parseSdp: [
    (text) => formatSdp(parseSdp(text)),
    "o=",
    "c=IN IP4 ",
    "t=",
    "b=AS:",
    "m=video 0 RTP/AVP ",
    "m=audio 0 RTP/AVP 96\na=rtpmap:96",
    "m=audio 0 RTP/AVP 96\na=rtpmap:96 X/",
    "m=audio 0 RTP/AVP 96\na=fmtp:96 ",
    "m=audio 0 RTP/AVP 96\na=",
  ],
  parseRtmpUrl: [
    parseRtmpUrl,
    "rtmp://",
    "rtmp://a@",
    "rtmp://[",
    "rtmp://h:",
    "rtmp://h/",
    "rtmp://h/a?",
  ],
};

const FILLERS = [
  ...[" ", "\t", '"', ",", ";", ":", "[", "]", "=", "-", "/", "?", "@", "a", "0", "%", ".", "\\"],
  ...["(", "$", "\n", "\r", "\r\n", "\u2028", "\u00fc", "ff"],
  ...[
    ", ",
    "; ",
    "= ",
    ': "',
    '\\"',
    "//",
    "a=",
    "a,",
    "url=,",
    ";seq=",
    "a b ",
    "a: b\r\n",
    "\r\n ",
  ],
  ...["Basic ,", "rtsp://", "/trackID=", "xa", "%41", "[:", "a\n", "a=b\r\n", "m=a 0 b 0\n"],
];
const ENDS = ["", "!", "\u2028x", "\nx"];

/** Each beginning with each filler and each end. */
function* shapes(
  starts: readonly string[],
): Generator<{ readonly shape: string; readonly text: (length: number) => string }> {
  for (const start of starts) {
    for (const filler of FILLERS) {
      for (const end of ENDS) {
        const shape = JSON.stringify([start, filler, end]);
        yield {
          shape,
          text: (length) => start + filler.repeat(Math.ceil(length / filler.length)) + end,
        };
      }
    }
  }
}

for (const [name, [parse, ...starts]] of Object.entries(TEXT_PARSERS)) {
  Deno.test(`${name} takes no more than twice the time for twice the text, whatever it is`, () => {
    const slow = shapes(["", ...starts]).map(({ shape, text }) => {
      const growth = superLinear((length) => void parse(text(length)));
      return growth === undefined ? undefined : `${shape} ${growth}`;
    }).find(Boolean);
    assertEquals(slow, undefined);
  });
}

const BYTE_PARSERS: Record<string, [(bytes: Uint8Array) => unknown, ...number[][]]> = {
  parseRtpPacket: [parseRtpPacket, [0x80, 0], [0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde]],
  parseRtcp: [parseRtcp, [0x80, 200, 0, 6], [0x81, 202], [0x80, 203]],
  decodeAmf0: [decodeAmf0, [3], [8, 0, 0, 0, 0], [10, 0, 0, 0xff, 0xff], [17]],
  decodeAmf3: [decodeAmf3, [10, 11, 1], [9, 0xff], [17]],
  decodeScriptValues: [decodeScriptValues, [2, 0, 1, 0x61, 8, 0, 0, 0, 0]],
  parseVideoBody: [flv.parseVideoBody, [0x90], [0x97], [0x96], [0x17, 0, 0, 0, 0]],
  parseAudioBody: [flv.parseAudioBody, [0x90], [0x97], [0x95], [0xaf, 0]],
  classifyVideo: [flv.classifyVideo, [0x90], [0x97], [0x96]],
  classifyAudio: [flv.classifyAudio, [0x90], [0x97], [0x95]],
  "FlvDecoder, in pieces": [
    (bytes) => {
      const decoder = new flv.FlvDecoder();
      for (let at = 0; at < bytes.length; at += 20) decoder.push(bytes.subarray(at, at + 20));
    },
    [0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9],
    [0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff],
  ],
  "WebSocketDecoder, in pieces": [
    (bytes) => {
      const decoder = new rtsp.WebSocketDecoder();
      for (let at = 0; at < bytes.length; at += 20) decoder.push(bytes.subarray(at, at + 20));
    },
    [0x82, 0xfe, 0xff, 0xff],
    [0x82, 0xff, 0, 0, 0, 0, 0, 3, 0xff, 0xff],
    [0x89, 0x80],
  ],
};
const BYTE_FILLERS = [
  ...[[0], [1], [3], [5], [6], [8], [9], [10], [0x0b], [0x80], [0x81], [0xff], [0, 1], [0, 0, 9]],
  ...[[0, 1, 0x61, 5], [0x82, 0x80, 0, 0, 0, 0], [0x80, 200, 0, 0], [0x80, 203, 0, 0]],
  ...[[0x97, 0], [0, 0, 0, 1, 0x61], [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]],
];

function* byteShapes(
  starts: readonly (readonly number[])[],
): Generator<{ readonly shape: string; readonly bytes: (length: number) => Uint8Array }> {
  for (const start of starts) {
    for (const filler of BYTE_FILLERS) {
      const byteAt = (at: number): number =>
        start[at] ?? filler[(at - start.length) % filler.length]!;
      const shape = JSON.stringify([start, filler]);
      yield { shape, bytes: (length) => Uint8Array.from({ length }, (_, at) => byteAt(at)) };
    }
  }
}

for (const [name, [parse, ...starts]] of Object.entries(BYTE_PARSERS)) {
  Deno.test(`${name} takes no more than twice the time for twice the bytes, whatever they are`, () => {
    const slow = byteShapes([[], ...starts]).map(({ shape, bytes }) => {
      const growth = superLinear((length) => void parse(bytes(length)));
      return growth === undefined ? undefined : `${shape} ${growth}`;
    }).find(Boolean);
    assertEquals(slow, undefined);
  });
}
