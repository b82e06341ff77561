import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseSdp } from "../../src/sdp/mod.ts";
import type { RtpMapping } from "../../src/media/mod.ts";
import { WEB_RTC_ENCODINGS } from "../../src/transmux/mod.ts";
import {
  chooseForPublisher as chooseOfAll,
  chooseForTrack as chooseTrackOfAll,
  type ChosenFormat,
  formatAnswer,
  type OfferedMedia,
  parseOffer,
  WebRtcError,
} from "../../src/webrtc/mod.ts";
import { OBS_OFFER, offer, PLAYER_OFFER } from "./offers.ts";
import { random } from "./dtls_peer.ts";

const encodings = WEB_RTC_ENCODINGS;

function chooseForTrack(media: OfferedMedia, rtp: RtpMapping): ChosenFormat | undefined {
  return chooseTrackOfAll(media, { rtp, encodings });
}

function chooseForPublisher(media: OfferedMedia): ChosenFormat | undefined {
  return chooseOfAll(media, encodings);
}

function rtp(encodingName: string, parameters: Record<string, string> = {}): RtpMapping {
  const isAudio = encodingName === "opus";
  return { payloadType: 96, encodingName, clockRate: isAudio ? 48_000 : 90_000, parameters };
}

Deno.test("parseOffer reads what Chromium offers", () => {
  const { iceFragment, icePassword, fingerprints, media } = parseOffer(PLAYER_OFFER);
  assertEquals([iceFragment, icePassword], ["EsAw", "P2uYro0UCOQ4zxjKXaWCBui1"]);
  assertEquals(fingerprints[0]?.algorithm, "sha-256");
  assertEquals(
    media.map(({ kind, mid, direction, isUsable }) => [kind, mid, direction, isUsable]),
    [
      ["audio", "0", "recvonly", true],
      ["video", "1", "recvonly", true],
    ],
  );
});

Deno.test("chooseForTrack takes the payload type of H.264 that is most like the stream's profile", () => {
  const video = parseOffer(PLAYER_OFFER).media[1]!;
  const chosen = (profile: string) =>
    chooseForTrack(video, rtp("H264", { "profile-level-id": profile }))?.format.payloadType;
  assertEquals(chosen("42e01f"), 106);
  assertEquals(chosen("42c01f"), 102);
  assertEquals(chosen("640028"), 108);
  assertEquals(chosen("4d401f"), 108);
  const first = chooseForTrack(video, rtp("H264", { "profile-level-id": "42001e" }))!;
  assertEquals(first.retransmission?.payloadType, 103);
  assertEquals(first.feedback, ["nack", "nack pli", "ccm fir", "goog-remb"]);
});

Deno.test("chooseForTrack knows the other codecs, and none that was not offered", () => {
  const [audio, video] = parseOffer(PLAYER_OFFER).media;
  const types = (name: string, of = video!, parameters = {}) =>
    chooseForTrack(of, rtp(name, parameters))?.format.payloadType;
  assertEquals(types("VP8"), 96);
  assertEquals(types("VP9", video, { "profile-id": "2" }), 100);
  assertEquals(types("AV1"), 45);
  assertEquals(types("H265"), undefined);
  assertEquals(types("opus", audio), 111);
  assertEquals(types("MPEG4-GENERIC", audio), undefined);
});

Deno.test("chooseForPublisher takes H.264 before what the publisher likes better", () => {
  const [audio, video] = parseOffer(PLAYER_OFFER).media;
  assertEquals(chooseForPublisher(video!)?.format.payloadType, 102);
  assertEquals(chooseForPublisher(audio!)?.format.payloadType, 111);
  const without = parseOffer(offer([["video", "sendonly", ["98 VP9/90000", "96 VP8/90000"], []]]));
  assertEquals(chooseForPublisher(without.media[0]!)?.format.payloadType, 98);
});

Deno.test("H.264 that does not say how it is packed, as whepsrc offers it, is taken where no other is offered", () => {
  const h264 = (...types: string[]) => {
    const fmtp = (type: string) => `a=fmtp:${type} profile-level-id=42e01f`;
    const lines = types.map((type) => fmtp(type) + (type === "126" ? ";packetization-mode=1" : ""));
    const formats = types.map((type) => `${type} H264/90000`);
    return parseOffer(offer([["video", "sendrecv", formats, lines]])).media[0]!;
  };
  // The first is GStreamer's, the second Firefox's.
  for (const [media, wanted] of [[h264("102"), 102], [h264("97", "126"), 126]] as const) {
    const played = chooseForTrack(media, rtp("H264", { "profile-level-id": "640028" }));
    assertEquals(played?.format.payloadType, wanted);
    assertEquals(chooseForPublisher(media)?.format.payloadType, wanted);
  }
});

Deno.test("parseOffer reads the offer of OBS, which has a group of media in sync beside that of their transport", () => {
  const { media, iceFragment, waitsForDtls } = parseOffer(OBS_OFFER);
  assertEquals([iceFragment, waitsForDtls], ["sGx1", false]);
  assertEquals(media.map(({ kind, isUsable }) => [kind, isUsable]), [["audio", true], [
    "video",
    true,
  ]]);
  const [audio, video] = media.map((one) => chooseForPublisher(one)!);
  assertEquals([audio!.format.payloadType, video!.format.payloadType], [111, 96]);
  assertEquals([video!.retransmission, video!.feedback], [undefined, [
    "nack",
    "nack pli",
    "goog-remb",
  ]]);
});

Deno.test("formatAnswer accepts what was chosen and refuses the rest, in the order of the offer", () => {
  const parsed = parseOffer(PLAYER_OFFER);
  const video = parsed.media[1]!;
  const answer = formatAnswer(parsed, {
    sessionId: "7",
    ice: { fragment: "frag", password: "password" },
    candidates: [{ hostname: "192.0.2.1", port: 8189 }],
    fingerprint: { algorithm: "sha-256", value: "AB:CD" },
    media: new Map([[video, {
      chosen: chooseForTrack(video, rtp("H264", { "profile-level-id": "42001e" }))!,
      direction: "sendonly",
      source: { ssrc: 1, retransmissionSsrc: 2, cname: "weir" },
    }]]),
  });
  const { media } = parseSdp(answer);
  assertEquals(media.map(({ kind, port }) => [kind, port]), [["audio", 0], ["video", 9]]);
  assertEquals(media[1]!.formats.map(({ payloadType }) => payloadType), [102, 103]);
  for (
    const line of [
      "a=group:BUNDLE 1",
      "a=ice-lite",
      "a=setup:passive",
      "a=ssrc-group:FID 1 2",
      "a=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host",
      "a=rtcp-fb:102 nack pli",
      "a=fmtp:103 apt=102",
    ]
  ) assertStringIncludes(answer, `${line}\r\n`);
});

Deno.test("an offer that waits for DTLS, as FFmpeg's, is answered by who begins it", () => {
  const waiting = parseOffer(PLAYER_OFFER.replaceAll("setup:actpass", "setup:passive"));
  assertEquals([waiting.waitsForDtls, parseOffer(PLAYER_OFFER).waitsForDtls], [true, false]);
  const [media] = waiting.media;
  const answer = formatAnswer(waiting, {
    sessionId: "1",
    ice: { fragment: "f", password: "p" },
    candidates: [],
    fingerprint: { algorithm: "sha-256", value: "00" },
    media: new Map([[media!, {
      chosen: chooseForPublisher(media!)!,
      direction: "recvonly" as const,
    }]]),
  });
  assertStringIncludes(answer, "a=setup:active\r\n");
});

Deno.test("parseOffer refuses what is no offer of WebRTC, by a WebRtcError", () => {
  const lines = PLAYER_OFFER.split("\r\n");
  const without = (name: string) =>
    lines.filter((line) => !line.startsWith(`a=${name}`)).join("\r\n");
  const offers = [
    "",
    "garbage",
    "v=0\r\n",
    "m=video 9",
    without("ice-ufrag"),
    without("ice-pwd"),
    without("fingerprint"),
    without("group"),
    offer(new Array(17).fill(["audio", "recvonly", ["0 PCMU/8000"], []])),
    "a=".repeat(100_000),
  ];
  for (const text of offers) assertThrows(() => parseOffer(text), WebRtcError);
  for (let i = 0; i < 300; i++) {
    const bytes = new TextEncoder().encode(PLAYER_OFFER);
    for (const at of random(8)) bytes[(at * 16 + i) % bytes.length] = at;
    try {
      const { media } = parseOffer(new TextDecoder().decode(bytes));
      for (const one of media) chooseForPublisher(one);
    } catch (error) {
      if (!(error instanceof WebRtcError)) throw error;
    }
  }
});
