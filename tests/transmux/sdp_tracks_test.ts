import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseAacConfig, parseOpusHead, type Track } from "../../src/media/mod.ts";
import { formatSdp, parseSdp } from "../../src/sdp/mod.ts";
import { sdpOfTracks, tracksAfter, tracksOfSdp } from "../../src/transmux/mod.ts";
import { DEVICES } from "../sdp/devices.ts";
import { load } from "./support.ts";

function tracksOf(...lines: string[]): Track[] {
  return tracksOfSdp(parseSdp(["v=0", "s=x", ...lines].join("\r\n")));
}

function media(tracks: readonly Track[]): string[] {
  const text = formatSdp(sdpOfTracks(tracks).description);
  return text.slice(text.indexOf("m=")).trimEnd().split("\r\n");
}

const H264_LINES = [
  "m=video 0 RTP/AVP 96",
  "a=rtpmap:96 H264/90000",
  "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z2QAC6zZQw/7wEQAAAMABAAAAwDIPFCmWA==,aOrgxLIs;profile-level-id=64000B",
];

Deno.test("tracksOfSdp reads what ffmpeg announces (R146)", () => {
  const [video, audio] = tracksOf(
    ...H264_LINES,
    "a=control:streamid=0",
    "m=audio 0 RTP/AVP 97",
    "a=rtpmap:97 MPEG4-GENERIC/44100/2",
    "a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1210",
  );
  assertEquals(video?.codec, "h264");
  assertEquals(video?.config, load("h264").config);
  assertEquals([video?.width, video?.height], [192, 108]);
  assertEquals(video?.rtp?.parameters["packetization-mode"], "1");
  assertEquals(audio?.codec, "aac");
  assertEquals([audio?.sampleRate, audio?.channels], [44100, 2]);
  assertEquals(audio?.config, new Uint8Array([0x12, 0x10]));
});

Deno.test("tracksOfSdp numbers tracks by kind, and keeps media that it does not know", () => {
  const tracks = tracksOf(
    "m=video 0 RTP/AVP 26",
    "m=application 0 RTP/AVP 107",
    "a=rtpmap:107 vnd.onvif.metadata/90000",
    "m=video 0 RTP/AVP 97 98",
    "a=rtpmap:97 x-unknown/90000",
    "a=rtpmap:98 VP8/90000",
    "m=audio 0 RTP/AVP 96",
    "m=application/TP-LINK 0 RTP/AVP smart/1/90000",
  );
  assertEquals(tracks.map(({ kind, id, codec }) => [kind, id, codec]), [
    ["video", 0, undefined],
    ["data", 0, undefined],
    ["video", 1, "vp8"],
    ["audio", 0, undefined],
    ["data", 1, undefined],
  ]);
  assertEquals(tracks.map(({ rtp }) => [rtp?.payloadType, rtp?.encodingName, rtp?.clockRate]), [
    [26, "JPEG", 90000],
    [107, "vnd.onvif.metadata", 90000],
    [98, "VP8", 90000],
    [96, "", 8000],
    [96, "", 90000],
  ]);
});

Deno.test("tracksOfSdp makes configurations in ISO form of every codec's parameters", () => {
  const [latm, opus, mono, bare, mpeg4, celp] = tracksOf(
    "m=audio 0 RTP/AVP 96",
    "a=rtpmap:96 MP4A-LATM/48000/2",
    "a=fmtp:96 cpresent=0;config=400023203fc0",
    "m=audio 0 RTP/AVP 96",
    "a=rtpmap:96 opus/48000/2",
    "m=audio 0 RTP/AVP 96",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 sprop-stereo=0",
    "m=audio 0 RTP/AVP 96",
    "a=rtpmap:96 mpeg4-generic/16000",
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 MP4V-ES/90000",
    "a=fmtp:96 profile-level-id=1; config=000001B001",
    "m=audio 0 RTP/AVP 96",
    "a=rtpmap:96 mpeg4-generic/8000",
    "a=fmtp:96 mode=CELP-vbr",
  );
  assertEquals(latm?.config, new Uint8Array([0x11, 0x90]));
  assertEquals(parseOpusHead(opus!.config!).channels, 2);
  assertEquals(parseOpusHead(mono!.config!).channels, 1);
  assertEquals(parseAacConfig(bare!.config!).sampleRate, 16000);
  assertEquals(mpeg4?.config, new Uint8Array([0, 0, 1, 0xb0, 1]));
  assertEquals(celp?.codec, undefined);
});

Deno.test("tracksOfSdp takes parameters that are no base64, no hexadecimal or no parameter sets", () => {
  const [video, h265, audio] = tracksOf(
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 H264/90000",
    "a=fmtp:96 sprop-parameter-sets=%%%,AAAA,Z2Q",
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 H265/90000",
    "a=fmtp:96 sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE=",
    "m=audio 0 RTP/AVP 96",
    "a=rtpmap:96 mpeg4-generic/44100/2",
    "a=fmtp:96 config=zz",
  );
  assertEquals([video?.config, h265?.config], [undefined, undefined]);
  assertEquals(audio?.config, new Uint8Array([0x12, 0x10]));
});

Deno.test("tracksOfSdp and sdpOfTracks take every device's description", () => {
  for (const { device, sdp } of DEVICES) {
    const description = parseSdp(sdp);
    const tracks = tracksOfSdp(description);
    assertEquals(tracks.length, description.media.length, device);
    const again = tracksOfSdp(parseSdp(formatSdp(sdpOfTracks(tracks).description)));
    assertEquals(again.map(({ codec }) => codec), tracks.map(({ codec }) => codec), device);
    for (const [i, { config, rtp }] of again.entries()) {
      assertEquals(config, tracks[i]!.config, device);
      assertEquals(rtp?.parameters, tracks[i]!.rtp!.parameters, device);
    }
  }
});

Deno.test("sdpOfTracks describes an RTMP stream of H.264 and AAC", () => {
  const { config } = load("h264");
  const tracks: Track[] = [
    { kind: "video", id: 0, codec: "h264", config },
    { kind: "audio", id: 0, codec: "aac", config: new Uint8Array([0x12, 0x10]) },
  ];
  assertEquals(media(tracks), [
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 H264/90000",
    "a=fmtp:96 packetization-mode=1;profile-level-id=64000b;sprop-parameter-sets=Z2QAC6zZQw/7wEQAAAMABAAAAwDIPFCmWA==,aOrgxLIs",
    "a=control:trackID=0",
    "m=audio 0 RTP/AVP 97",
    "a=rtpmap:97 MPEG4-GENERIC/44100/2",
    "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1210",
    "a=control:trackID=1",
  ]);
});

Deno.test("sdpOfTracks gives each codec its encoding, and static payload types where there are some", () => {
  const track = (codec: Track["codec"], rest: Partial<Track> = {}): Track => ({
    kind: "audio",
    id: 0,
    codec,
    config: undefined,
    ...rest,
  });
  const rtpmaps = media([
    track("pcmu"),
    track("pcma", { channels: 2 }),
    track("mp3"),
    track("opus"),
    track("ac3", { sampleRate: 48000, channels: 6 }),
    { kind: "video", id: 0, codec: "vp8", config: undefined },
    { kind: "video", id: 1, codec: "av1", config: load("av1").config },
    { kind: "video", id: 2, codec: "h265", config: load("h265").config },
  ]).filter((line) => /^a=(rtpmap|fmtp)/.test(line));
  assertEquals(rtpmaps.slice(0, -1), [
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:97 PCMA/8000/2",
    "a=rtpmap:14 MPA/90000",
    "a=rtpmap:99 opus/48000/2",
    "a=fmtp:99 sprop-stereo=1",
    "a=rtpmap:100 AC3/48000/6",
    "a=rtpmap:101 VP8/90000",
    "a=rtpmap:102 AV1/90000",
    "a=fmtp:102 profile=0;level-idx=0;tier=0",
    "a=rtpmap:103 H265/90000",
  ]);
  assertStringIncludes(rtpmaps.at(-1)!, "sprop-vps=");
});

Deno.test("sdpOfTracks says which tracks RTP cannot carry, and counts the others without them", () => {
  const { tracks, unsupported, description } = sdpOfTracks([
    { kind: "audio", id: 0, codec: "flac", config: undefined },
    { kind: "audio", id: 1, codec: "aac", config: undefined },
    { kind: "audio", id: 2, codec: "aac", config: new Uint8Array([0xff]) },
    { kind: "audio", id: 3, codec: "opus", config: undefined, channels: 6 },
    { kind: "video", id: 0, codec: undefined, config: undefined },
    { kind: "audio", id: 4, codec: "pcma", config: undefined },
  ]);
  assertEquals(tracks.map(({ id }) => id), [4]);
  assertEquals(description.media[0]?.control, "trackID=0");
  const reasons = unsupported.map(({ reason }) => reason);
  assertEquals(reasons.length, 5);
  assertEquals(reasons[0], "there is no RTP payload format for flac here");
  assertEquals(reasons[1], "its configuration is not known");
  assertEquals(reasons[4], "its codec is not known");
});

Deno.test("sdpOfTracks keeps the format of an RTSP publisher, with newer parameter sets", () => {
  const tracks = tracksOf(
    ...H264_LINES,
    "m=video 0 RTP/AVP 26",
    "m=video 0 RTP/AVP 120",
    "a=rtpmap:120 x-new/90000",
    "a=fmtp:120 a=b;flag",
  );
  const kept = media(tracks);
  assertEquals(kept, [
    ...H264_LINES,
    "a=control:trackID=0",
    "m=video 0 RTP/AVP 26",
    "a=rtpmap:26 JPEG/90000",
    "a=control:trackID=1",
    "m=video 0 RTP/AVP 98",
    "a=rtpmap:98 x-new/90000",
    "a=fmtp:98 a=b;flag",
    "a=control:trackID=2",
  ]);
  const sps = Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48");
  const data = Uint8Array.fromHex(`0142c00bffe10018${sps.toHex()}01000668cb80652c80`);
  const after = tracksAfter(tracks, {
    kind: "video",
    role: "config",
    track: 0,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    payload: { format: "access-unit", data },
  });
  assertEquals(after[0]?.width, 160);
  const fmtp = media(after)[2]!;
  assertStringIncludes(fmtp, "profile-level-id=42c00b");
  assertStringIncludes(fmtp, `sprop-parameter-sets=${sps.toBase64()},`);
  assertStringIncludes(fmtp, "packetization-mode=1");
});

Deno.test("sdpOfTracks leaves out what would break a line, and what has no payload type left", () => {
  const [track] = tracksOf("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000");
  const rtp = { ...track!.rtp!, encodingName: "H\0", parameters: { "a\nb": "1", c: "\r", d: "2" } };
  const text = formatSdp(sdpOfTracks([{ ...track!, rtp }]).description);
  assert(text.includes("a=fmtp:96 d=2\r\n"));
  const many = Array.from({ length: 40 }, (_, id) => ({ ...track!, id }));
  const { tracks, unsupported } = sdpOfTracks(many);
  assertEquals([tracks.length, unsupported.length], [32, 8]);
});
