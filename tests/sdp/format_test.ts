import { assert, assertEquals, assertThrows } from "@std/assert";
// deno-lint-ignore no-import-prefix -- an oracle of this test alone
import sdpTransform from "npm:sdp-transform@^3";
import { formatSdp, parseSdp, type SessionDescription } from "../../src/sdp/mod.ts";
import { DEVICES } from "./devices.ts";

/** What the oracle makes of a description, as far as it is compared; it has no types of its own. */
interface OracleDescription {
  readonly media: readonly {
    readonly type: string;
    readonly protocol: string;
    readonly control?: string;
    readonly rtp: readonly { payload: number; codec: string; rate: number }[];
    readonly fmtp: readonly { payload: number; config: string }[];
  }[];
}

Deno.test("formatSdp writes the lines of RFC 8866 in its order, with CRLF", () => {
  const description: SessionDescription = {
    media: [{
      kind: "audio",
      port: 0,
      protocol: "RTP/AVP",
      formats: [
        {
          payloadType: 97,
          encoding: "opus",
          clockRate: 48000,
          channels: 2,
          fmtp: { "sprop-stereo": "1" },
        },
        { payloadType: 101, encoding: "telephone-event", clockRate: 8000, fmtp: { "0-15": "" } },
      ],
      bandwidth: [{ type: "AS", value: 64 }],
      direction: "recvonly",
      control: "trackID=0",
      attributes: [{ name: "ptime", value: "20" }, { name: "rtcp-mux", value: undefined }],
    }],
    control: "*",
  };
  assertEquals(
    formatSdp(description),
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n" +
      "m=audio 0 RTP/AVP 97 101\r\nb=AS:64\r\na=rtpmap:97 opus/48000/2\r\n" +
      "a=fmtp:97 sprop-stereo=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" +
      "a=recvonly\r\na=control:trackID=0\r\na=ptime:20\r\na=rtcp-mux\r\n",
  );
});

for (const { device, sdp } of DEVICES) {
  Deno.test(`formatSdp writes what sdp-transform reads the same: ${device}`, () => {
    const description = parseSdp(sdp);
    const written = formatSdp(description);
    // Strict: only known types, in the order of RFC 8866, chapter 5.
    assert(/^v=0\r\no=\S+ \d+ \d+ IN IP[46] \S+\r\ns=[^\r]+\r\n/.test(written));
    assert(/^(v=.*o=.*s=.*(i=.*)?(u=.*)?(e=.*)?(c=.*)?(b=.*)*t=.*)/s.test(written));
    assert(written.split("\r\n").slice(0, -1).every((line) => /^[vosiuepcbtam]=./.test(line)));
    const oracle: OracleDescription = sdpTransform.parse(written);
    assertEquals(oracle.media.length, description.media.length);
    for (const [index, media] of description.media.entries()) {
      const seen = oracle.media[index]!;
      assertEquals(seen.type, media.kind);
      assertEquals(seen.protocol, media.protocol);
      assertEquals(seen.control, media.control);
      const known = media.formats.filter((format) => format.encoding && format.clockRate);
      assertEquals(
        seen.rtp.map(({ payload, codec, rate }) => [payload, codec, rate]).filter(([payload]) =>
          media.formats.some((format) => format.payloadType === payload)
        ),
        known.map((format) => [format.payloadType, format.encoding, format.clockRate]),
      );
      for (const { payload, config } of seen.fmtp) {
        const format = media.formats.find((one) => one.payloadType === payload);
        const parameters = sdpTransform.parseParams(config);
        for (const [name, value] of Object.entries(format?.fmtp ?? {})) {
          if (value !== "") assertEquals(String(parameters[name]), value);
        }
      }
    }
  });

  Deno.test(`a second reading of the strict form changes nothing: ${device}`, () => {
    const once = formatSdp(parseSdp(sdp));
    assertEquals(formatSdp(parseSdp(once)), once);
  });
}

Deno.test("parseSdp reads what sdp-transform writes", () => {
  const written = sdpTransform.write({
    version: 0,
    origin: {
      username: "-",
      sessionId: "1",
      sessionVersion: 2,
      netType: "IN",
      ipVer: 4,
      address: "192.0.2.1",
    },
    name: "oracle",
    timing: { start: 0, stop: 0 },
    connection: { version: 4, ip: "192.0.2.1" },
    media: [{
      type: "video",
      port: 5004,
      protocol: "RTP/AVP",
      payloads: "96",
      rtp: [{ payload: 96, codec: "H264", rate: 90000 }],
      fmtp: [{ payload: 96, config: "packetization-mode=1" }],
      control: "streamid=0",
    }],
  });
  const { origin, media } = parseSdp(written);
  assertEquals(origin?.address, "192.0.2.1");
  assertEquals(media[0]?.control, "streamid=0");
  assertEquals(media[0]?.formats[0], {
    payloadType: 96,
    encoding: "H264",
    clockRate: 90000,
    fmtp: { "packetization-mode": "1" },
  });
});

Deno.test("formatSdp lets no value break out of its line", () => {
  const bad: SessionDescription[] = [
    { media: [], name: "x\r\na=evil" },
    { media: [], control: "x\na=evil" },
    { media: [], attributes: [{ name: "x\0", value: undefined }] },
    {
      media: [],
      origin: {
        username: "two words",
        sessionId: "1",
        sessionVersion: "1",
        addressType: "IP4",
        address: "h",
      },
    },
  ];
  for (const description of bad) {
    assertThrows(() => formatSdp(description), TypeError, "Cannot format");
  }
});
