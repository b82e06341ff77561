/** RTSP parsing: requests, and the interleaved frames of a stream, in reads of 64 KiB. */
import {
  encodeInterleavedFrame,
  encodeRequest,
  parseTransports,
  RtspDecoder,
} from "../src/rtsp/mod.ts";

const SETUP = encodeRequest({
  method: "SETUP",
  url: "rtsp://192.0.2.1:8554/live/cam/trackID=0",
  headers: {
    CSeq: "3",
    "User-Agent": "Lavf60.16.100",
    Session: "0123456789abcdef0123456789abcdef",
    Transport: "RTP/AVP/TCP;unicast;interleaved=0-1",
  },
});
const FRAME = encodeInterleavedFrame(0, new Uint8Array(1400));

function repeated(one: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(one.length * count);
  for (let at = 0; at < count; at++) all.set(one, at * one.length);
  return all;
}

function pieces(all: Uint8Array, size: number): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += size) cut.push(all.subarray(at, at + size));
  return cut;
}

const REQUESTS = pieces(repeated(SETUP, 1000), 65536);
const FRAMES = pieces(repeated(FRAME, 10_000), 65536);

function decode(input: readonly Uint8Array[]): number {
  const decoder = new RtspDecoder();
  let count = 0;
  for (const piece of input) count += decoder.push(piece).length;
  return count;
}

Deno.bench("RtspDecoder: 1000 requests", () => {
  if (decode(REQUESTS) !== 1000) throw new Error("requests are missing");
});

Deno.bench("RtspDecoder: 10 000 interleaved frames of 1400 bytes", () => {
  if (decode(FRAMES) !== 10_000) throw new Error("frames are missing");
});

Deno.bench("encodeRequest: SETUP", () => {
  encodeRequest({ method: "SETUP", url: "rtsp://h/s/trackID=0", headers: { CSeq: "3" } });
});

Deno.bench("parseTransports: two transports", () => {
  parseTransports("RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1");
});
