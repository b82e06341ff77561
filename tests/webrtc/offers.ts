/** Name fragment and password of ICE of the offers that {@linkcode offer} writes. */
export const OFFER_ICE = { fragment: "EsAw", password: "P2uYro0UCOQ4zxjKXaWCBui1" };

/** An offer of Chromium that wants to receive, shortened. */
export const PLAYER_OFFER = offer([
  ["audio", "recvonly", [
    "111 opus/48000/2",
    "9 G722/8000",
    "0 PCMU/8000",
    "8 PCMA/8000",
  ], ["a=fmtp:111 minptime=10;useinbandfec=1", "a=rtcp-fb:111 transport-cc"]],
  ["video", "recvonly", [
    "96 VP8/90000",
    "97 rtx/90000",
    "102 H264/90000",
    "103 rtx/90000",
    "104 H264/90000",
    "106 H264/90000",
    "108 H264/90000",
    "45 AV1/90000",
    "98 VP9/90000",
    "100 VP9/90000",
  ], [
    "a=fmtp:97 apt=96",
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
    "a=fmtp:103 apt=102",
    "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=64001f",
    "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f",
    "a=fmtp:98 profile-id=0",
    "a=fmtp:100 profile-id=2",
    ...[96, 102, 106, 108].flatMap((type) => [
      `a=rtcp-fb:${type} goog-remb`,
      `a=rtcp-fb:${type} transport-cc`,
      `a=rtcp-fb:${type} ccm fir`,
      `a=rtcp-fb:${type} nack`,
      `a=rtcp-fb:${type} nack pli`,
    ]),
  ]],
]);

/** Writes an offer: each media with its direction, its payload types, and further lines. */
export function offer(
  media: readonly (readonly [string, string, readonly string[], readonly string[]])[],
  session: readonly string[] = [],
): string {
  const mids = media.map((_, index) => index).join(" ");
  return [
    "v=0",
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    `a=group:BUNDLE ${mids}`,
    "a=extmap-allow-mixed",
    ...session,
    ...media.flatMap(([kind, direction, formats, lines], index) => [
      `m=${kind} 9 UDP/TLS/RTP/SAVPF ${formats.map((format) => format.split(" ")[0]).join(" ")}`,
      "c=IN IP4 0.0.0.0",
      "a=rtcp:9 IN IP4 0.0.0.0",
      `a=ice-ufrag:${OFFER_ICE.fragment}`,
      `a=ice-pwd:${OFFER_ICE.password}`,
      "a=ice-options:trickle",
      `a=fingerprint:sha-256 ${new Array(32).fill("AB").join(":")}`,
      "a=setup:actpass",
      `a=mid:${index}`,
      `a=${direction}`,
      "a=rtcp-mux",
      "a=rtcp-rsize",
      ...formats.map((format) => `a=rtpmap:${format}`),
      ...lines,
    ]),
    "",
  ].join("\r\n");
}

/** The offer of OBS 32 for H.264, whose candidates come later, and its simulcast is off. */
export const OBS_OFFER = [
  "v=0",
  "o=rtc 1845240061 0 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:LS 0 1",
  "a=group:BUNDLE 0 1",
  "a=msid-semantic:WMS *",
  "a=ice-options:ice2,trickle",
  `a=fingerprint:sha-256 ${new Array(32).fill("AB").join(":")}`,
  ...obsMedia("audio", { mid: 0, type: 111 }, [
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1",
  ]),
  ...obsMedia("video", { mid: 1, type: 96 }, [
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "a=rtpmap:96 H264/90000",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=rtcp-fb:96 goog-remb",
    "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
  ]),
  "",
].join("\r\n");

function obsMedia(
  kind: "audio" | "video",
  { mid, type }: { readonly mid: number; readonly type: number },
  lines: readonly string[],
): string[] {
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${type}`,
    "c=IN IP4 0.0.0.0",
    `a=mid:${mid}`,
    "a=sendonly",
    `a=ssrc:${1000 + mid} cname:aNamE`,
    `a=ssrc:${1000 + mid} msid:aStream aStream-${kind}`,
    `a=msid:aStream aStream-${kind}`,
    "a=rtcp-mux",
    ...lines,
    "a=setup:actpass",
    "a=ice-ufrag:sGx1",
    "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBu",
  ];
}
